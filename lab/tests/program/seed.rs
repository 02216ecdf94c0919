//! `tailrace seed`: a history and its users, made once however often it is asked for.

use std::path::Path;

use serde_json::Value;
use tailrace_backend::SqliteStore;
use tailrace_contract::history::Range;
use tailrace_contract::{Store, Tenant};

use crate::stage::{check_code, run, tailrace, told};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Seeds a file, with JSON as the answer.
fn seed(file: &Path, more: &[&str]) -> Value {
    let mut command = tailrace(["seed", "--json", "--store"]);
    let output = run(command.arg(format!("sqlite:{}", file.display())).args(more));
    assert!(output.status.success(), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", told(&output)))
}

fn total(report: &Value, count: &str) -> u64 {
    let tenants = report["tenants"].as_array().unwrap();
    tenants.iter().map(|tenant| tenant["stored"][count].as_u64().unwrap()).sum()
}

fn users(report: &Value) -> Vec<&Value> {
    let tenants = report["tenants"].as_array().unwrap();
    tenants.iter().flat_map(|tenant| tenant["users"].as_array().unwrap()).collect()
}

#[tokio::test]
async fn two_tenants_ten_users_ten_thousand_events_once() {
    let folder = tempfile::tempdir().unwrap();
    // The folder of the file is made too.
    let file = folder.path().join("data/store.db");
    let first = seed(&file, &["--days", "3"]);
    assert_eq!(first["tenants"].as_array().unwrap().len(), 2);
    assert_eq!(users(&first).len(), 10);
    assert_eq!((total(&first, "metrics"), total(&first, "duplicate")), (10_000, 0));
    let again = seed(&file, &["--days", "3"]);
    assert_eq!((total(&again, "new"), total(&again, "metrics")), (0, 0));
    assert_eq!(total(&again, "duplicate"), total(&first, "new"));

    let store = SqliteStore::open(&file).unwrap();
    let reconciled = store.reconcile().await.unwrap();
    assert_eq!((reconciled.metrics, reconciled.wrong), (10_000, 0));
    for tenant in first["tenants"].as_array().unwrap() {
        let time = |name: &str| tenant[name].as_u64().unwrap();
        let (from_ms, to_ms) = (time("from_ms"), time("to_ms") + 1);
        assert_eq!(to_ms - from_ms, 3 * DAY_MS + 1);
        let name = Tenant(tenant["tenant"].as_str().unwrap().into());
        let names = store.summary(name, Range { from_ms, to_ms }).await.unwrap();
        assert_eq!(names.iter().map(|name| name.count).sum::<u64>(), 5_000);
        assert!(names.iter().all(|name| name.name.starts_with("event.")), "{names:?}");
        assert_eq!(names.len(), 4);
    }
}

#[test]
fn people_are_told_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    let seed = || check_code(&["seed", "--store", &store, "--events", "101"], 0).0;
    let first = seed();
    assert!(first.contains("acme: 5 users; 51 events in"), "{first}");
    assert!(first.contains("globex: 5 users; 50 events in"), "{first}");
    let again = seed();
    assert!(again.contains("acme: 5 users; nothing new: all 51 events"), "{again}");
}

#[test]
fn every_user_gets_a_key_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, keys) = (folder.path().join("store.db"), folder.path().join("keys.toml"));
    let more = ["--events", "20", "--tenants", "a,b", "--keys", keys.to_str().unwrap()];
    let first = seed(&store, &more);
    let file = std::fs::read_to_string(&keys).unwrap();
    for user in users(&first) {
        let key = user["key"].as_str().unwrap();
        assert!(!file.contains(key), "the file holds hashes only");
        assert!(file.contains(user["id"].as_str().unwrap()));
    }
    for role in ["ingest", "read", "admin"] {
        let with = |user: &&&Value| user["roles"].as_array().unwrap().contains(&role.into());
        assert!((2..10).contains(&users(&first).iter().filter(with).count()), "{role}");
    }
    let (told, _) = check_code(&["keys", "list", "--file", keys.to_str().unwrap()], 0);
    assert_eq!(told.lines().count(), 10, "{told}");
    let again = seed(&store, &more);
    assert!(users(&again).iter().all(|user| user["key"].is_null()));
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), file);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], code, hint: &str| {
        let (_, error) = check_code(&[&["seed"], arguments].concat(), code);
        assert!(error.contains(hint), "{error}");
    };
    refused(&["--store", "mysql"], 2, "sqlite:FILE");
    refused(&["--store", "sqlite::temporary:"], 2, "gone when seed ends");
    refused(&["--store", "postgres"], 2, "gone when seed ends");
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    refused(&["--store", &store, "--tenants", "a,a"], 2, "twice");
    refused(&["--store", &store, "--tenants", "a b"], 2, "a b");
    let text = folder.path().join("text.db");
    std::fs::write(&text, "no database. ".repeat(100)).unwrap();
    refused(&["--store", &format!("sqlite:{}", text.display())], 1, "no SQLite database");
    let in_a_file = format!("sqlite:{}/store.db", text.display());
    refused(&["--store", &in_a_file], 3, "folder");
}
