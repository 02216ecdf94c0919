//! Behind the acknowledgement by the real program: durable latency and the audit to the end of an
//! arm with a store, and what becomes of a store that somebody robs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tailrace_measure::record::{AuditSeal, Manifest, SCHEMA_VERSION, Summary, Trial};

use crate::stage::records::{only_run, read};
use crate::stage::{component, run, tailrace, told};

/// One arm with a store, under a load that is followed.
const STORED: &str = r#"question = "Does it arrive?"
prediction = "It does."
rounds = 1
floor = false
window = "400ms"
warm_up = "100ms"

[[arm]]
pipeline = "http1-memory"
batch = 5
store = "sqlite"

[[load]]
slug = "followed"
rate = 200
live = 1000
subscribers = 3
stalled = 1
"#;

/// Plays it and reads what came of it.
fn played(folder: &Path, program: Option<&Path>, code: i32) -> (Manifest, Summary, Trial) {
    let file = folder.join("stored.toml");
    std::fs::write(&file, STORED).unwrap();
    let results = folder.join("results");
    let mut command = tailrace(["run", file.to_str().unwrap(), "--results"]);
    command.arg(&results);
    if let Some(program) = program {
        command.env("TAILRACE_PROGRAM", program);
    }
    let output = run(&mut command);
    // A busy machine spoils the measurement, which is told before nothing but a broken audit.
    let seen = output.status.code();
    assert!(seen == Some(code) || (code == 0 && seen == Some(4)), "{}", told(&output));
    let run = only_run(&results).unwrap_or_else(|| panic!("no run: {}", told(&output)));
    let trial = run.join("trials/http1-memory/followed/1");
    if code == 0 {
        assert!(trial.join("durable.hlog").exists() && trial.join("live.hlog").exists());
    }
    let summary = read(&run.join("summary.json"));
    (read(&run.join("manifest.json")), summary, read(&trial.join("trial.json")))
}

#[test]
fn a_batch_is_followed_into_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, _, trial) = played(folder.path(), None, 0);
    assert_eq!(manifest.schema_version, SCHEMA_VERSION);
    assert!(manifest.backends.iter().any(|backend| backend.name == "sqlite"));
    let durability = trial.durability.expect("it was followed");
    assert!(durability.due > 0 && durability.seen == durability.due, "{durability:?}");
    assert!(durability.exposure.metric_ms > 0.0 && durability.batch_age.is_some());
    let store = trial.ledger.store.expect("there is one");
    assert_eq!(store.fault(), None);
    assert_eq!(store.present, trial.ledger.present);
    assert!(store.drained_ms.is_some());
    assert_eq!(trial.seals.audit, AuditSeal::Kept);
}

/// Takes the newest row out of the store while it is filled.
const THIEF: &str = r#"
import os, sqlite3, subprocess, sys, threading, time

def steal(path):
    query = "delete from metrics where id = (select max(id) from metrics) " \
            "and (select count(*) from batches) > 20"
    while True:
        try:
            store = sqlite3.connect("file:%s?mode=rw" % path, uri=True, timeout=30)
            if store.execute(query).rowcount == 1:
                store.commit()
                return
            store.close()
        except sqlite3.OperationalError:
            pass
        time.sleep(0.01)

where = os.environ.get("TAILRACE_STORE", "")
threading.Thread(target=steal, args=(where[len("sqlite:"):],), daemon=True).start()
os._exit(subprocess.call([os.environ["REAL_PROGRAM"]] + sys.argv[1:]))
"#;

#[test]
fn a_store_that_is_robbed_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("thief");
    let python = component("TAILRACE_TEST_PYTHON", "python3");
    let python = Path::new(python.get_program());
    let first = if python.is_absolute() {
        format!("#!{}", python.display())
    } else {
        format!("#!/usr/bin/env {}", python.display())
    };
    let real = format!("REAL = {:?}\n", env!("CARGO_BIN_EXE_tailrace"));
    let text = format!("{first}\n{real}{}", THIEF.replace("os.environ[\"REAL_PROGRAM\"]", "REAL"));
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let (_, summary, trial) = played(folder.path(), Some(&script), 5);
    let store = trial.ledger.store.expect("there is one");
    assert_eq!(store.metrics + 1, store.metrics_expected, "{store:?}");
    assert!(trial.ledger.missing.is_empty(), "the log has everything");
    let told = serde_json::to_value(&summary.rows[0].reasons).unwrap();
    let told: Vec<&str> = told.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(told.iter().any(|why| why.contains("store:") && !why.contains("log:")), "{told:?}");
}
