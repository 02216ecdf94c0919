//! History of the whole program: two servers and a worker, three processes over one Redis, share
//! answers, and a commit of the worker makes them stale in both servers. What is asked and
//! answered in detail is tested in the service's own crate.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tailrace_sys::{Signal, send};

use crate::stage::{self, Bound, PATIENCE, Server, http, tailrace};

/// About these metrics and no others.
const COUNT: &str = "/v1/metrics/aggregate?from=0&to=5000&name=cpu&values=count";
/// Another time, and another name.
const ELSEWHERE: [&str; 2] = [
    "/v1/metrics/aggregate?from=5000&to=9000&name=cpu&values=count",
    "/v1/metrics/aggregate?from=0&to=5000&name=mem&values=count",
];

fn post(server: &Server, seq: u64) {
    let metrics = json!([{"name": "cpu", "value": 1, "time": 1_000 + seq}]);
    let body = json!({"producer": "p", "seq": seq, "metrics": metrics}).to_string();
    let request = format!(
        "POST /v1/ingest HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntailrace-run: \
         0000000000000000000000000000000a\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(http::exchange(server.ingest, request.as_bytes()).status, 202);
}

fn ask(server: &Server, target: &str) -> Value {
    let answer = http::get(server.observer, target);
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
    answer.json()
}

/// How many there are, from wherever the answer comes.
fn count(server: &Server) -> u64 {
    ask(server, COUNT)["rows"][0]["count"].as_u64().unwrap_or(0)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_workers_commit_makes_answers_stale_in_every_server() {
    let (redis, folder) = (stage::redis(), tempfile::tempdir().unwrap());
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    let url = redis.url();
    let common = ["--redis", &url, "--redis-prefix", "history", "--store", &store];
    let serve = || Server::start("http1-redis", &[&common[..], &["--no-worker"]].concat());
    let servers = [serve(), serve()];
    let mut command = tailrace(["worker", "--with-parent"]);
    command.args(common).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut worker = Bound::start(&mut command);
    let lines = worker.lines();
    lines.wait_for("the readiness line", |line| line.contains("worker"));

    post(&servers[0], 0);
    until("the first batch", || count(&servers[0]) == 1);
    until("a kept answer", || ask(&servers[0], COUNT)["cache"] == "hit");
    assert_eq!(ask(&servers[1], COUNT)["cache"], "hit", "one server's answer serves the other");
    for target in ELSEWHERE {
        ask(&servers[0], target);
    }
    // Many commits, of which the last must show at once in both: answers about the seventies of
    // the last century would else be fresh for an hour.
    for seq in 1..40 {
        post(&servers[usize::from(seq % 2 == 0)], seq);
    }
    for server in &servers {
        until("the last batch", || count(server) == 40);
    }
    for target in ELSEWHERE {
        assert_eq!(ask(&servers[1], target)["cache"], "hit", "{target} was not touched");
    }
    // One that ends tells what waits.
    post(&servers[0], 40);
    until("the store", || {
        ask(&servers[0], &format!("{COUNT}&cache=skip"))["rows"][0]["count"] == 41
    });
    send(worker.0.id(), Signal::Term).unwrap();
    assert!(worker.wait().success());
    assert_eq!([count(&servers[0]), count(&servers[1])], [41, 41]);
    let statistics = ask(&servers[1], "/v1/cache");
    assert_eq!((&statistics["cache"], &statistics["entries"]), (&json!("redis"), &json!(3)));
}
