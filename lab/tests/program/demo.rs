//! `tailrace demo`: every scenario for real, once. Whether times were as expected depends on the
//! machine that runs the tests, so only what is counted must have come; and a stopped demo leaves
//! nothing behind.

use std::os::fd::OwnedFd;
use std::process::Stdio;

use serde_json::Value;
use tailrace_sys::{Signal, proc, send};

use crate::race::{ends_in_time, handle};
use crate::stage::{Bound, Lines, check_code, run, tailrace, told};

/// Plays one with short phases: its report.
fn played(scenario: &str) -> Value {
    let output = run(&mut tailrace(["demo", scenario, "--json", "--phase", "500ms"]));
    // 1: something did not come as expected.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", told(&output));
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(reports.as_array().map(Vec::len), Some(1));
    assert_eq!(reports[0]["scenario"], scenario);
    reports[0].clone()
}

/// Which of the expectations must hold on any machine, and that each says what was seen.
fn check(scenario: &str, counted: &[usize]) -> Value {
    let report = played(scenario);
    let checks = report["checks"].as_array().unwrap();
    for check in checks {
        assert!(check["seen"].as_str().is_some_and(|seen| !seen.is_empty()), "{report:#}");
    }
    for &index in counted {
        assert_eq!(checks[index]["holds"], true, "{}: {report:#}", checks[index]["that"]);
    }
    assert!(report["figures"].as_array().is_some_and(|figures| figures.len() > 3), "{report:#}");
    report
}

fn figure(report: &Value, name: &str) -> f64 {
    let figures = report["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.and_then(|figure| figure["value"].as_f64()).unwrap_or_else(|| panic!("{name}: {report}"))
}

#[test]
fn a_spike_is_answered_in_the_end_and_waiting_is_in_its_latency() {
    let report = check("spike", &[0]);
    let [due, sent] = ["due", "sending"]
        .map(|from| figure(&report, &format!("slow 1 % of the whole load, from {from}")));
    assert!(due >= sent, "{report:#}");
    assert!(!report["points"].as_array().unwrap().is_empty());
}

#[test]
fn a_limit_refuses_one_tenant_and_leaves_the_other_alone() {
    let report = check("limit", &[1, 2]);
    assert!(figure(&report, "refused with 429") > 0.0);
}

#[test]
fn a_breaker_opens_and_closes_while_everything_is_acknowledged() {
    let report = check("breaker", &[0, 2, 3, 4]);
    assert!(figure(&report, "until the breaker opened") > 0.0);
}

#[test]
fn a_cache_spares_the_store_until_a_commit() {
    check("cache", &[0, 2]);
}

#[test]
fn a_crowd_is_answered_worse_and_producers_are_not() {
    let report = check("degradation", &[0]);
    assert!(figure(&report, "whole answers") > 0.0);
}

#[test]
fn a_marked_metric_passes_every_station() {
    let report = check("end-to-end", &[0, 1]);
    let [sent, stored] = ["sent", "told to be in the store"]
        .map(|station| figure(&report, &format!("marked metric, from due to {station}")));
    assert!(sent <= stored, "{report:#}");
}

#[test]
fn a_stopped_demo_says_so_and_leaves_no_process() {
    let mut command = tailrace(["demo", "spike", "--json", "--phase", "5s"]);
    command.env("TAILRACE_PROGRESS", "json").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = Bound::start(&mut command);
    let progress = Lines::of(demo.0.stderr.take().unwrap());
    progress.wait_for("figures", |line| line.contains(r#""progress":"point""#));
    let family = proc::family(demo.0.id());
    assert!(family.len() > 1, "the server is a process of its own: {family:?}");
    let processes: Vec<OwnedFd> = family.into_iter().map(handle).collect();
    let printed = demo.lines();
    send(demo.0.id(), Signal::Term).unwrap();
    assert_eq!(demo.wait().code(), Some(130));
    assert_eq!(printed.rest().concat(), "[]");
    assert!(processes.iter().all(ends_in_time));
}

#[test]
fn scenarios_are_listed_with_what_they_expect() {
    let (listed, _) = check_code(&["demo", "--list", "--json"], 0);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let all = listed.as_array().unwrap();
    assert_eq!(all.len(), 6);
    for scenario in all {
        for part in ["title", "happens", "look", "teaches"] {
            assert!(scenario[part].as_str().is_some_and(|text| text.len() > 4), "{scenario}");
        }
        assert!(!scenario["expects"].as_array().unwrap().is_empty(), "{scenario}");
    }
    let (_, said) = check_code(&["demo", "flood"], 2);
    assert!(said.contains("end-to-end"), "{said}");
}
