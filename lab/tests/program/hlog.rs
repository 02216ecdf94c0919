//! Interval logs of a real run in the reference reader of another ecosystem: every bucket holds
//! what ours says. Percentiles are not compared, because readers differ in how they round a rank.

use std::fs::File;
use std::path::Path;

use serde::Deserialize;
use tailrace_measure::hlog;

use crate::stage::records::race;
use crate::stage::{component, files_below, run_with_input, told};

/// Prints what each file holds, as one line of JSON a file.
const READER: &str = r#"
import json, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

for path in sys.argv[1:]:
    log = HistogramLogReader(path, HdrHistogram(1, 3_600_000_000_000, 3))
    interval = log.get_next_interval_histogram()
    buckets = [
        [item.value_iterated_to, item.count_added_in_this_iter_step]
        for item in interval.get_recorded_iterator()
    ]
    print(json.dumps({
        "buckets": buckets,
        "total": interval.get_total_count(),
        "max": interval.get_max_value(),
        "more": log.get_next_interval_histogram() is not None,
    }))
"#;

/// A histogram, to be compared whole.
#[derive(Debug, PartialEq, Deserialize)]
struct Seen {
    /// Highest value of each bucket that holds something, and how many it holds.
    buckets: Vec<(u64, u64)>,
    total: u64,
    max: u64,
    /// Whether a second interval follows.
    more: bool,
}

fn ours(path: &Path) -> Seen {
    let intervals = hlog::read(File::open(path).unwrap()).unwrap();
    let histogram = &intervals[0].histogram;
    let buckets = histogram.iter_recorded();
    Seen {
        buckets: buckets
            .map(|at| (at.value_iterated_to(), at.count_since_last_iteration()))
            .collect(),
        total: histogram.len(),
        max: histogram.max(),
        more: intervals.len() > 1,
    }
}

#[test]
fn the_reference_reader_sees_every_bucket_of_a_run() {
    let short = ["--rounds", "1", "--rate", "500", "--high-rate", "2000", "--window", "400ms"];
    let raced = race(&[&["http1-memory"][..], &short].concat());
    let files = files_below(&raced.folder).into_iter().map(|file| raced.folder.join(file));
    let logs: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|ending| ending == "hlog")).collect();
    let live = logs.iter().filter(|log| log.ends_with("live.hlog")).count();
    assert!(live == 1 && logs.len() >= 15, "{logs:?}");
    let mut python = component("TAILRACE_TEST_PYTHON", "python3");
    let output = run_with_input(python.arg("-").args(&logs), READER.as_bytes());
    assert!(
        output.status.success(),
        "TAILRACE_TEST_PYTHON must name a Python with the package hdrhistogram (`cargo xtask test` \
         makes one): {}",
        told(&output)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), logs.len());
    for (line, log) in lines.lines().zip(&logs) {
        let theirs: Seen = serde_json::from_str(line).unwrap();
        assert!(theirs.total > 0, "{}", log.display());
        assert_eq!(theirs, ours(log), "{}", log.display());
    }
}
