//! `--spin`: who may, who may not, and what is written down about it. How early batches leave is not
//! tested: that is the machine's.

use std::io::{BufReader, Write};
use std::path::Path;
use std::sync::LazyLock;

use tailrace_measure::load_report::LoadReport;

use crate::load::{by_hand, request};
use crate::stage::{check_code, run, tailrace, told};

/// Whether a generator can have a core of its own here.
pub(crate) static HAS_A_CORE: LazyLock<bool> =
    LazyLock::new(|| tailrace_sys::allowed_cores().len() > 1);

/// What the program says when it may use one core only, and with which code it refuses.
pub(crate) fn refused_on_one_core(arguments: &[&str], expect: &str) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // What is started from here inherits it.
            let core = tailrace_sys::allowed_cores()[0];
            tailrace_sys::pin_current_thread(&[core]).unwrap();
            let (_, told) = check_code(arguments, 2);
            assert!(told.contains(expect), "{arguments:?}: {told}");
        });
    });
}

#[test]
fn without_a_core_or_due_times_it_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results").display().to_string();
    for words in [
        &["race", "http1-memory"][..],
        &["run", "arrivals"],
        &["capacity", "http1-memory", "--slo", "ack p99 < 1s"],
        &["calibrate"],
    ] {
        let words = [words, &["--spin", "--results", &results]].concat();
        refused_on_one_core(&words, "the generator needs a core of its own");
    }
    let url = "http://127.0.0.1:9";
    let one_left = "one must be left for all else";
    refused_on_one_core(&["load", url, "--spin"], one_left);
    refused_on_one_core(&["capacity", url, "--slo", "ack p99 < 1s", "--spin"], one_left);
    for (words, expect) in [
        (&["load", url, "--spin", "--closed"][..], "in a closed loop nothing is due"),
        (&["load", url, "--spin", "--threads", "64"], one_left),
        (&["calibrate", "--ping-pong", "--spin"], "nothing is due"),
        (&["saturate", "http1-memory", "--spin"], "--spin"),
    ] {
        // A machine may have so many cores.
        if words.contains(&"64") && tailrace_sys::allowed_cores().len() > 64 {
            continue;
        }
        let (_, told) = check_code(words, 2);
        assert!(told.contains(expect), "{words:?}: {told}");
    }
    assert!(!Path::new(&results).exists(), "nothing was started");
}

#[test]
fn a_load_tells_what_it_spun_beside_what_it_spent() {
    if !*HAS_A_CORE {
        return;
    }
    let address = by_hand(|_, stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while request(&mut reader).is_some()
            && out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_ok()
        {}
    });
    let url = format!("http://{address}/");
    let brief = ["load", &url, "--rate", "200", "--duration", "300ms", "--warm-up", "0s"];
    let output = run(&mut tailrace([&brief[..], &["--spin", "--json"]].concat()));
    let report: LoadReport =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", told(&output)));
    let generator = report.generator;
    assert!(report.load.spin && generator.cpu_us_per_request > 0.0, "{generator:?}");
    assert!(generator.spin_us_per_request.unwrap() > 0.0, "{generator:?}");
    assert!(generator.spin_core_share.unwrap() > 0.0, "{generator:?}");
    for (more, is_told) in [(&["--spin"][..], true), (&[], false)] {
        let output = run(&mut tailrace([&brief[..], more].concat()));
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.contains("besides it spun"), is_told, "{}", told(&output));
    }
}
