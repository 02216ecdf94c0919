//! Verbs that write into the store of a running server beside its worker: what that server has
//! answered before goes stale, wherever it keeps its answers.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stage::{self, Server, check_code, http};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const RUN: &str = "0000000000000000000000000000000b";
/// Long ago: an answer would else be fresh for an hour.
const COUNT: &str = "/v1/metrics/aggregate?from=0&to=5000&name=cpu&values=count";

fn ask(server: &Server, target: &str) -> Value {
    let answer = http::get(server.observer, target);
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
    answer.json()
}

/// Asks until the answer is one that was kept: whoever asked first does not wait for that.
fn kept(server: &Server, target: &str) -> Value {
    let deadline = Instant::now() + stage::PATIENCE;
    loop {
        let answer = ask(server, target);
        if answer["cache"] == "hit" {
            return answer;
        }
        assert!(Instant::now() < deadline, "it is never kept: {answer}");
    }
}

fn store(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("store.db").display())
}

#[test]
fn a_replayed_letter_shows_in_every_server_over_the_same_redis() {
    let (redis, folder) = (stage::redis(), tempfile::tempdir().unwrap());
    let (url, store) = (redis.url(), store(&folder));
    let shared = ["--redis", &url, "--redis-prefix", "stale", "--store", &store];
    let server = Server::start("http1-redis", &shared);
    let mut client = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let head = format!("{RUN} p 1 1700000000000 1 00000000000000ff open");
    let mut add = ::redis::cmd("XADD");
    add.arg("stale:log").arg("*").arg("h").arg(head).arg("b").arg("[{\"name\":\"cpu\"}]");
    let _: String = add.query(&mut client).unwrap();
    let dlq = |arguments: &[&str]| check_code(&[&["dlq"], arguments].concat(), 0).0;
    let listed = || dlq(&["list", "--json", "--store", &store]);
    let deadline = Instant::now() + stage::PATIENCE;
    while listed().is_empty() {
        assert!(Instant::now() < deadline, "no letter");
    }
    assert_eq!(kept(&server, COUNT)["rows"], json!([]));

    let mended = folder.path().join("mended.json");
    std::fs::write(&mended, json!([{"name": "cpu", "value": 1, "time": 1_000}]).to_string())
        .unwrap();
    let letter: Value = serde_json::from_str(&listed()).unwrap();
    let letter = letter["letter"].to_string();
    let mend = ["replay", &letter, "--body", mended.to_str().unwrap()];
    assert!(dlq(&[&mend[..], &shared].concat()).contains("stored"));
    assert_eq!(ask(&server, COUNT)["rows"][0]["count"], 1);
}

#[test]
fn a_seeded_history_shows_in_a_server_with_its_cache_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let server = Server::start("http1-memory", &["--store", &store]);
    // Seeded events are spread over a week.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let past = format!("/v1/summary?from={}&to={}", now - 3 * DAY_MS, now - DAY_MS);
    assert_eq!(kept(&server, &past)["count"], 0);
    let seed = ["seed", "--tenants", "open", "--events", "200", "--store", &store];
    let (_, told) = check_code(&[&seed[..], &["--seed", "1"]].concat(), 0);
    assert!(told.contains("--server"), "{told}");
    assert_eq!(ask(&server, &past)["count"], 0, "nobody told it, and it is told that way");
    let address = format!("http://{}", server.observer);
    let (_, told) = check_code(&[&seed[..], &["--seed", "2", "--server", &address]].concat(), 0);
    assert_eq!(told, "");
    assert!(ask(&server, &past)["count"].as_u64() > Some(20));

    // Nothing new, so nobody is asked; and an address that makes no sense stores nothing.
    let nobody = ["--seed", "2", "--server", "http://127.0.0.1:1"];
    check_code(&[&seed[..], &nobody].concat(), 0);
    check_code(&[&seed[..], &["--seed", "3", "--server", "127.0.0.1"]].concat(), 2);
    let away = ["--seed", "3", "--server", "http://127.0.0.1:1"];
    let (_, told) = check_code(&[&seed[..], &away].concat(), 1);
    assert!(told.contains("stored, but that server"), "{told}");
}
