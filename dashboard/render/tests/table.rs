//! The table as data: groups, order, and what stands in a cell.

mod fixture;

use tailrace_measure::record::{Measurement, Spread};
use tailrace_render::table::{AUDIT_COLUMN, MEASUREMENT_COLUMN, table};

#[test]
fn arms_stand_under_their_promise_in_declared_order() {
    let run = fixture::run();
    let groups = table(&run.manifest, &run.summary);
    let names: Vec<Vec<&str>> = groups
        .iter()
        .filter(|group| group.load_label.starts_with("low:"))
        .map(|group| group.rows.iter().map(|row| row[0].as_str()).collect())
        .collect();
    let expected =
        vec![vec!["floor"], vec!["http1-memory", "ws-memory"], vec!["http1-redis", "ws-redis"]];
    assert_eq!(names, expected);
    assert_eq!(groups.len(), 6, "two headline loads; the one with a subscriber is none");
}

#[test]
fn the_baseline_comes_first_within_its_promise() {
    let mut run = fixture::run();
    run.manifest.experiment.baseline = "ws-memory".into();
    let groups = table(&run.manifest, &run.summary);
    assert_eq!(groups[1].rows[0][0], "ws-memory");
    assert_eq!(groups[1].rows[0][4], "baseline");
}

#[test]
fn cells_say_what_is_wrong() {
    let mut run = fixture::run();
    for row in &mut run.summary.rows {
        if row.arm == "http1-redis" {
            row.p99 = Spread { beyond_timeout: true, ..Spread::default() };
        }
        if row.arm == "ws-redis" && row.load == "low" {
            (row.measurement, row.trials_valid) = (Measurement::Invalid, 0);
        }
    }
    let groups = table(&run.manifest, &run.summary);
    let find = |load: &str, arm: &str| {
        let mut groups = groups.iter().filter(|group| group.load_label.starts_with(load));
        groups.find_map(|g| g.rows.iter().find(|row| row[0] == arm)).unwrap()
    };
    assert_eq!(find("60 %", "http1-redis")[3], "> timeout");
    assert!(find("60 %", "http1-redis")[1].starts_with("96."), "some were not answered");
    assert_eq!(find("low", "http1-memory")[1], "all 15\u{202f}000");
    assert_eq!(find("low", "ws-redis")[4], "not ranked");
    assert_eq!(find("low", "ws-redis")[1], "–", "no trial counts, so nothing was answered");
    assert_eq!(find("low", "ws-redis")[6], "–");
    assert_eq!(find("low", "ws-memory")[4], "machine, not pipeline");
    assert_eq!(find("60 %", "ws-memory")[AUDIT_COLUMN], "BROKEN");
    assert_eq!(find("60 %", "ws-redis")[MEASUREMENT_COLUMN], "INVALID (2 of 3 trials count)");
    assert_ne!(find("low", "ws-memory")[7], "–", "live comes from the load with a subscriber");
}
