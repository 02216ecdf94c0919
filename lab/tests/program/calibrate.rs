//! `calibrate` by the real program: that it runs over every protocol, that its record is whole,
//! and that theory bounds what was measured from below on any machine. How small the errors are
//! is not tested here: it depends on the machine, and the verb itself judges it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tailrace_measure::record::{Calibration, Verdict};

use crate::race::check_schema;
use crate::stage::records::read;
use crate::stage::{check_code, run, tailrace, told};

/// A histogram's resolution, and the clock's grain on both sides.
fn resolution_ns(theory_ns: u64) -> i64 {
    (theory_ns / 500 + 2_000).cast_signed()
}

#[test]
fn every_protocol_is_held_against_its_theory_and_the_record_is_whole() {
    let results = tempfile::tempdir().unwrap();
    let mut command = tailrace(["calibrate", "--json", "--server", "two-valued"]);
    command.args(["--rate", "500", "--arrivals", "poisson", "--window", "500ms"]);
    command.args(["--against", "wrk"]).arg("--results").arg(results.path());
    // No tool is found there.
    let output = run(command.env("PATH", "/nowhere"));
    // What this machine did to the figures is not this test's business.
    assert!([0, 4].contains(&output.status.code().unwrap()), "{}", told(&output));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = recorded(results.path());
    let calibration: Calibration = read(&folder.join("calibration.json"));
    assert_eq!(serde_json::to_value(&calibration).unwrap(), printed);
    check_published(&printed);
    check_cells(&calibration);
    assert_eq!((calibration.peers.len(), &*calibration.absent[0].tool), (0, "wrk"));
    let report = fs::read_to_string(folder.join("report.md")).unwrap();
    assert!(results.path().join("site/calibration.html").exists(), "it has no page");
    assert!(report.contains("two-valued") && report.contains("not here: wrk"), "{report}");
}

/// The one calibration; the site stands beside it.
fn recorded(results: &Path) -> PathBuf {
    let mut entries = fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|entry| entry.join("calibration.json").exists()).unwrap()
}

fn check_published(calibration: &Value) {
    let folder = tempfile::tempdir().unwrap();
    check_code(&["schema", "--out", folder.path().to_str().unwrap()], 0);
    let schema: Value = read(&Path::new(folder.path()).join("calibration.schema.json"));
    check_schema(calibration, &schema, &schema, "calibration");
}

fn check_cells(calibration: &Calibration) {
    assert_eq!(calibration.floors.len(), 1);
    let protocols: Vec<&str> = calibration.cells.iter().map(|cell| &*cell.protocol).collect();
    assert_eq!(protocols, ["http1", "http2", "ws"]);
    for cell in &calibration.cells {
        assert_eq!((cell.released, cell.acked), (cell.released_theory, cell.released_theory));
        assert_eq!(cell.released_verdict, Verdict::Pass);
        assert!(
            cell.woken_late_share.is_some_and(|share| (0.0..=1.0).contains(&share)),
            "{cell:?}"
        );
        for point in &cell.points {
            let theory_ns = point.theory_ns.unwrap();
            let error_ns = point.error_ns.unwrap();
            assert!(error_ns >= -resolution_ns(theory_ns), "early: {cell:?}");
            // The server's own clock: it was never early, and nobody saw an answer before it.
            assert!(point.served_ns.unwrap() >= theory_ns, "{cell:?}");
            assert!(point.woken_ns.unwrap() >= theory_ns, "{cell:?}");
            let least = -resolution_ns(point.measured_ns.unwrap());
            assert!(point.left_ns.unwrap() >= least, "seen before it was given: {cell:?}");
        }
    }
}

#[test]
fn the_open_loop_is_held_against_a_ping_pong_in_pairs() {
    let results = tempfile::tempdir().unwrap();
    let mut command =
        tailrace(["calibrate", "--ping-pong", "--protocol", "ws", "--window", "50ms"]);
    let output = run(command.arg("--results").arg(results.path()));
    assert!([0, 4].contains(&output.status.code().unwrap()), "{}", told(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("ws at 20") && said.contains("/s: p50 is "), "{said}");
    let folder = recorded(results.path());
    let printed: Value = read(&folder.join("calibration.json"));
    check_published(&printed);
    let calibration: Calibration = serde_json::from_value(printed).unwrap();
    let rounds = &calibration.ping_pongs[0].rounds;
    assert_eq!((rounds.len(), calibration.cells.len(), calibration.floors.len()), (6, 0, 0));
    // A machine that is busy may answer nothing within so short a window.
    assert!(rounds.iter().any(|round| round.closed_p50_ns > Some(0)), "{rounds:?}");
    assert!(rounds.iter().any(|round| round.open_p50_ns > Some(0)), "{rounds:?}");
}

#[test]
fn what_is_not_known_is_told_with_what_is() {
    let check = |arguments: &[&str], hint: &str| {
        let (_, error) = check_code(&[&["calibrate"], arguments].concat(), 2);
        assert!(error.contains(hint), "{error}");
    };
    check(&["--server", "slow"], "slow-accept");
    check(&["--protocol", "http3"], "http2");
    check(&["--against", "siege"], "h2load");
    check(&["--quick", "--rate", "5"], "cannot be used with");
}
