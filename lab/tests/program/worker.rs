//! From the wire to the store, with a real Redis, SQLite and the real program: what was
//! acknowledged is stored once, wherever a worker is killed, and what cannot be stored dies alone.
//! Many more kills, and outages of the stores themselves, are elsewhere; what a worker does second
//! by second is tested in its own crate, on a paused clock.

use std::io::Write;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tailrace_backend::{PrivateRedis, SqliteStore};
use tailrace_contract::{Reconciled, Store};
use tailrace_sys::{Signal, send};
use tempfile::TempDir;

use crate::stage::{self, Bound, Lines, PATIENCE, Server, check_code, http, tailrace};

const RUN: &str = "000102030405060708090a0b0c0d0e0f";
const PREFIX: &str = "path";

/// A Redis, a file for the store, and whoever works between them.
struct Path {
    redis: PrivateRedis,
    folder: TempDir,
}

impl Path {
    fn new() -> Self {
        Self { redis: stage::redis(), folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    fn store(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }

    fn redis(&self) -> [String; 4] {
        ["--redis".into(), self.redis.url(), "--redis-prefix".into(), PREFIX.into()]
    }

    /// A server that leaves the store to workers.
    fn server(&self) -> Server {
        let (redis, store) = (self.redis(), self.store());
        let mut more: Vec<&str> = redis.iter().map(String::as_str).collect();
        more.extend(["--store", &store, "--no-worker"]);
        Server::start("http1-redis", &more)
    }

    fn worker(&self, more: &[&str]) -> Worker {
        let mut command = tailrace(["worker", "--with-parent", "--store", &self.store()]);
        command.args(self.redis()).args(more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Bound::start(&mut command);
        let lines = child.lines();
        let ready = lines.wait_for("the readiness line", |_| true);
        let ready: Value = serde_json::from_str(&ready).expect("the readiness line is JSON");
        assert_eq!((&ready["ready"], &ready["store"]), (&json!("worker"), &json!("sqlite")));
        Worker { child, lines, ready }
    }

    /// Once nobody works any more: whether the store's parts fit together.
    fn reconciled(&self) -> Reconciled {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime
            .block_on(async { SqliteStore::open(self.file()).unwrap().reconcile().await.unwrap() })
    }

    fn dlq(&self, arguments: &[&str], code: i32) -> String {
        let store = self.store();
        check_code(&[&["dlq"], arguments, &["--store", &store]].concat(), code).0
    }
}

struct Worker {
    child: Bound,
    lines: Lines,
    ready: Value,
}

impl Worker {
    /// Asks it to end; its exit code and what it counted.
    fn end(mut self) -> (ExitStatus, Value) {
        send(self.child.0.id(), Signal::Term).unwrap();
        let status = self.child.wait();
        let summary = self.lines.rest().pop().expect("a summary");
        (status, serde_json::from_str(&summary).expect("the summary is JSON"))
    }

    fn kill(mut self) {
        send(self.child.0.id(), Signal::Kill).unwrap();
        self.child.wait();
    }
}

/// Posts batches of two metrics each; every one is acknowledged.
fn post(server: &Server, seqs: std::ops::Range<u64>) {
    for seq in seqs {
        let metrics = json!([
            { "name": "cpu", "value": seq, "time": 1_700_000_000_000_u64 + seq * 1_000 },
            { "name": "mem", "value": 0.5, "attributes": { "host": "a" } },
        ]);
        let body = json!({ "producer": "p", "seq": seq, "metrics": metrics }).to_string();
        let answer = http::exchange(
            server.ingest,
            format!(
                "POST /v1/ingest HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntailrace-run: \
                 {RUN}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        assert_eq!(answer.status, 202, "{answer:?}");
    }
}

/// What the store holds of the run: the ranges of its only producer, and its metrics.
fn audit(server: &Server) -> (Value, Value) {
    let answer = http::get(server.observer, &format!("/v1/audit/{RUN}?of=store"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let producer = answer.json()["producers"][0].clone();
    assert!(producer["repeated"].as_array().is_none_or(Vec::is_empty), "{producer}");
    (producer["present"].clone(), producer["metrics"].clone())
}

/// Waits until the store holds these batches and no others.
fn until_stored(server: &Server, batches: u64) {
    let expected = (json!([[0, batches - 1]]), json!(batches * 2));
    until(&format!("{batches} stored batches"), || audit(server) == expected);
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn whole(batches: u64) -> Reconciled {
    let metrics = batches * 2;
    Reconciled { batches, metrics, metrics_promised: metrics, rollups: 0, wrong: 0, dead: 0 }
}

fn check_whole(path: &Path, batches: u64) {
    let seen = path.reconciled();
    assert!(seen.rollups > 0);
    assert_eq!(Reconciled { rollups: 0, ..seen }, whole(batches));
}

#[test]
fn a_worker_killed_at_any_point_loses_nothing_and_stores_nothing_twice() {
    for point in ["after-read", "during-rollup", "before-commit", "after-commit"] {
        let path = Path::new();
        let server = path.server();
        post(&server, 0..20);
        let first = path.worker(&["--stop-at", point]);
        let stopped = first.lines.wait_for("the stop", |line| line.contains("stopped"));
        assert!(stopped.contains(point), "{stopped}");
        post(&server, 20..30);
        first.kill();
        if point != "after-commit" {
            assert_eq!(audit(&server).0, Value::Null, "{point}: something was committed");
        }

        let second = path.worker(&["--claim-idle", "200ms"]);
        until_stored(&server, 30);
        until("all of it acknowledged", || {
            let worker = http::get(server.observer, "/health").json()["worker"].clone();
            worker["pending"] == 0 && worker["unread"] == 0
        });
        let (status, summary) = second.end();
        assert!(status.success(), "{point}: {status}");
        let duplicates = summary["duplicates"].as_u64().unwrap();
        assert_eq!(duplicates > 0, point == "after-commit", "{point}: {summary}");
        server.end();
        check_whole(&path, 30);
    }
}

#[test]
fn two_workers_share_and_a_third_begins_where_they_ended() {
    let path = Path::new();
    let server = path.server();
    let csv = path.folder.path().join("lag.csv");
    let few = ["--commit-metrics", "10"];
    let watched = ["--lag-csv", csv.to_str().unwrap(), "--metrics", "127.0.0.1:0"];
    let workers = [path.worker(&[&few[..], &watched].concat()), path.worker(&few)];
    post(&server, 0..200);
    until_stored(&server, 200);
    let metrics = workers[0].ready["metrics"].as_str().unwrap().parse().unwrap();
    let page = String::from_utf8(http::get(metrics, "/metrics").body).unwrap();
    assert!(page.contains("tailrace_worker_store_up{group=\"store\"} 1"), "{page}");
    until("a row of the lag", || std::fs::read_to_string(&csv).unwrap().lines().count() > 1);

    let [first, second] = workers.map(Worker::end);
    for (status, summary) in [&first, &second] {
        assert!(status.success() && summary["whole"] == true, "{status} {summary}");
        assert!(summary["batches"].as_u64() > Some(0), "one did all the work: {summary}");
    }
    let sum = |name: &str| [&first, &second].map(|(_, s)| s[name].as_u64().unwrap()).iter().sum();
    assert_eq!((sum("batches"), sum("metrics"), sum("duplicates")), (200_u64, 400_u64, 0_u64));
    let rows = std::fs::read_to_string(&csv).unwrap();
    let mut rows = rows.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    assert_eq!(head[..4], ["time", "unread", "pending", "members"]);
    assert!(rows.all(|row| row.len() == head.len() && row[0].parse::<u64>().is_ok()));

    // Nobody works: the log keeps it for whoever comes.
    post(&server, 200..250);
    let (status, summary) = {
        let third = path.worker(&[]);
        until_stored(&server, 250);
        third.end()
    };
    assert!(status.success());
    assert_eq!((&summary["batches"], &summary["duplicates"]), (&json!(50), &json!(0)));
    server.end();
    check_whole(&path, 250);
}

#[test]
fn poison_goes_to_the_dead_letters_and_is_stored_once_it_is_mended() {
    let path = Path::new();
    let server = path.server();
    post(&server, 0..10);
    let mut redis = ::redis::Client::open(path.redis.url()).unwrap().get_connection().unwrap();
    let mut xadd = |fields: &[(&str, &str)]| {
        let mut add = ::redis::cmd("XADD");
        add.arg(format!("{PREFIX}:log")).arg("*");
        for (name, value) in fields {
            add.arg(name).arg(value);
        }
        add.query::<String>(&mut redis).unwrap();
    };
    xadd(&[("hello", "world")]);
    let head = format!("{RUN} p 10 1700000000000 2 00000000000000ff open");
    xadd(&[("h", &head), ("b", "[{\"name\":\"cpu\",\"value\":\"high\"}]")]);
    post(&server, 11..20);
    let worker = path.worker(&[]);
    let expected = json!([[0, 9], [11, 19]]);
    until("the rest", || audit(&server).0 == expected);
    let (status, summary) = worker.end();
    assert!(status.success() && summary["dead"] == 2, "{summary}");

    let listed = path.dlq(&["list", "--json"], 0);
    let letters: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters.len(), 2, "{listed}");
    assert_eq!((&letters[0]["id"], &letters[1]["id"]["seq"]), (&Value::Null, &json!(10)));
    assert!(letters[1]["reason"].as_str().unwrap().contains("/0/value"), "{listed}");
    assert!(path.dlq(&["list"], 0).contains("of unknown origin"));
    assert_eq!(path.dlq(&["replay", "--all"], 1).matches("still bad").count(), 2);

    let body = path.folder.path().join("mended.json");
    let metrics = json!([{ "name": "cpu", "value": 1 }, { "name": "mem", "value": 2 }]);
    std::fs::write(&body, metrics.to_string()).unwrap();
    let number = letters[1]["letter"].to_string();
    let mend = ["replay", &number, "--body", body.to_str().unwrap()];
    assert!(path.dlq(&mend, 0).contains("stored"));
    until_stored(&server, 20);
    path.dlq(&mend, 2);
    assert_eq!(path.dlq(&["list", "--json"], 0).lines().count(), 1);
    server.end();
    let seen = path.reconciled();
    assert_eq!((seen.batches, seen.metrics, seen.wrong, seen.dead), (20, 40, 0, 1));
}

#[test]
fn one_command_runs_everything() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("one.db").display());
    let server = Server::start("http1-memory", &["--store", &store]);
    post(&server, 0..10);
    until_stored(&server, 10);
    let health = http::get(server.observer, "/health").json();
    assert_eq!((&health["status"], &health["store"]["name"]), (&json!("ok"), &json!("sqlite")));
    assert_eq!((&health["store"]["up"], &health["worker"]["here"]), (&json!(true), &json!(true)));
    let page = String::from_utf8(http::get(server.observer, "/metrics").body).unwrap();
    assert!(page.contains("tailrace_worker_batches_total{group=\"store\"} 10"), "{page}");
    let run = server.end();
    assert!(run.success());

    // The log died with the server; the next one has its history, and what came last of all.
    let server = Server::start("http1-memory", &["--store", &store]);
    post(&server, 10..40);
    assert!(server.end().success());
    let server = Server::start("http1-memory", &["--store", &store]);
    until_stored(&server, 40);
}

#[test]
fn a_spike_found_by_a_worker_reaches_the_servers() {
    let path = Path::new();
    let server = path.server();
    // Two detectors, of which one must see all values: each half would be nothing unusual.
    let csv = path.folder.path().join("lag.csv");
    let more = ["--detector", "--metrics", "127.0.0.1:0"];
    let written = ["--lag-csv", csv.to_str().unwrap()];
    let first = path.worker(&[&more[..], &written].concat());
    until("a leader", || figure(&first, "leads") == 1);
    let second = path.worker(&more);
    let mut live = http::connect(server.observer);
    live.write_all(b"GET /v1/alerts/live HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let live = Lines::of(live);
    live.wait_for("the stream", |line| line.starts_with("retry:"));
    let reading = |value: f64| {
        let metric = json!({ "name": "cpu", "value": value, "attributes": { "host": "h" } });
        assert_eq!(http::post(server.ingest, metric.to_string().as_bytes()).status, 202);
    };
    (0..30).for_each(|n| reading(20.0 + f64::from(n % 3)));
    reading(1e300);
    live.wait_for("the event", |line| line == "event: alert");
    let data = live.wait_for("its data", |line| line.starts_with("data: {"));
    let alerts = || http::get(server.observer, "/v1/alerts").json()["alerts"].clone();
    until("an alert", || alerts()[0]["value"] == json!(1e300));
    let alert = alerts()[0].clone();
    assert_eq!(serde_json::from_str::<Value>(&data["data: ".len()..]).unwrap(), alert);
    assert_eq!(
        (&alert["name"], &alert["host"], &alert["usual"]),
        (&json!("cpu"), &json!("h"), &json!(21.0))
    );
    let seen = |worker| ["values_total", "alerts_total"].map(|name| figure(worker, name));
    assert_eq!((seen(&first), seen(&second)), ([31, 1], [0, 0]));
    until("a row of the detector", || {
        let rows = std::fs::read_to_string(&csv).unwrap();
        rows.lines().last().is_some_and(|row| row.ends_with(",1,31,1,1,0,0"))
    });
    // It leaves, and the other one reads on. What becomes of a lease is tested on a paused clock.
    first.end();
    until("another leader", || figure(&second, "leads") == 1);
    reading(22.0);
    until("its first value", || figure(&second, "values_total") == 1);
}

/// What a worker's detector tells Prometheus.
fn figure(worker: &Worker, name: &str) -> u64 {
    let address = worker.ready["metrics"].as_str().unwrap().parse().unwrap();
    let page = String::from_utf8(http::get(address, "/metrics").body).unwrap();
    let head = format!("tailrace_detector_{name}{{group=\"detector\"}} ");
    let value = page.lines().find_map(|line| line.strip_prefix(&head));
    value.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

#[test]
fn a_worker_says_why_it_cannot_work() {
    let check = |arguments: &[&str], code: i32, part: &str| {
        let (_, said) = check_code(&[&["worker"], arguments].concat(), code);
        assert!(said.contains(part), "{arguments:?}: {said}");
    };
    check(&["http1-memory", "--store", "sqlite::temporary:"], 2, "tailrace serve http1-memory");
    check(&["floor"], 2, "no log");
    check(&["--store", "sqlite::temporary:"], 2, "--redis URL");
    check(&["--redis", "redis://127.0.0.1:1/"], 2, "--store");
    let away = ["--redis", "redis://127.0.0.1:1/", "--store", "sqlite::temporary:"];
    check(&away, 3, "does the Redis");
    check(&[&away[..], &["--metrics", "0.0.0.0:0"]].concat(), 2, "--trust-network");
    check(&[&away[..], &["--stop-at", "nowhere"]].concat(), 2, "after-commit");
    let alone = ["serve", "ws-memory", "--open", "--store", "sqlite::temporary:", "--no-worker"];
    let ports = ["--ingest", "127.0.0.1:0", "--observer", "127.0.0.1:0"];
    let (_, said) = check_code(&[&alone[..], &ports].concat(), 2);
    assert!(said.contains("leave --no-worker out"), "{said}");
}
