//! Clients that share no line with this project: curl, the Python package `websockets`, a
//! Redis client, and curl again as an `EventSource` would behave. What they send must be
//! where the pipeline says it is.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::stage::{Bound, Lines, Server, component, http, redis, run, run_with_input, told};

/// 32 digits, as a client would make them up.
pub(crate) const RUN: &str = "00000000000000000000000000c0ffee";

pub(crate) fn curl() -> Command {
    let mut command = component("TAILRACE_TEST_CURL", "curl");
    // A proxy of the surroundings has no business on loopback.
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "50"]);
    command
}

/// Posts with curl; the status, and the body as JSON.
fn curl_post(ingest: SocketAddr, body: &Value) -> (String, Value) {
    let mut command = curl();
    command.args(["-H", "content-type: application/json", "-H", &format!("tailrace-run: {RUN}")]);
    command.args(["--data-binary", &body.to_string(), "--write-out", "\n%{http_code}"]);
    let output = run(command.arg(format!("http://{ingest}/v1/ingest")));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, status) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{}", told(&output)));
    (status.into(), serde_json::from_str(answer).unwrap())
}

#[test]
fn what_curl_posts_is_in_redis() {
    let redis = redis();
    let server = Server::start("http1-redis", &["--redis", &redis.url(), "--redis-prefix", "try"]);
    let metric = json!({"name": "cpu", "value": 0.25, "attributes": {"host": "a", "core": 3}});
    let array = json!([{"name": "cpu", "value": 1}, {"name": "memory", "value": 2, "time": 1}]);
    let batch = json!({"producer": "curl", "seq": 7, "metrics": [{"name": "disk", "value": -1}]});

    let (status, answer) = curl_post(server.ingest, &metric);
    assert_eq!((status.as_str(), &answer["accepted"]), ("202", &json!(1)), "{answer}");
    assert_eq!(answer["retry_safe"], false, "it named no sequence: {answer}");
    let (status, answer) = curl_post(server.ingest, &array);
    assert_eq!((status.as_str(), &answer["accepted"]), ("202", &json!(2)), "{answer}");
    let (status, answer) = curl_post(server.ingest, &batch);
    assert_eq!((status.as_str(), &answer), ("202", &json!({"accepted": 1})));

    let mut connection = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let range: ::redis::streams::StreamRangeReply =
        ::redis::cmd("XRANGE").arg("try:log").arg("-").arg("+").query(&mut connection).unwrap();
    let bodies = range.ids.iter().map(|entry| entry.get::<String>("b").unwrap());
    let bodies: Vec<Value> = bodies.map(|body| serde_json::from_str(&body).unwrap()).collect();
    assert_eq!(bodies, [metric, array, batch]);
    // Who it is stands beside the body, in words, however they are laid out.
    let fields = range.ids[2].map.iter().filter(|(name, _)| *name != "b");
    let fields = fields.map(|(_, value)| ::redis::from_redis_value::<String>(value.clone()));
    let words = fields.map(Result::unwrap).collect::<Vec<_>>().join(" ");
    let words: Vec<&str> = words.split(' ').collect();
    assert!([RUN, "curl", "7"].iter().all(|word| words.contains(word)), "{words:?}");
}

/// Sends three messages, text and binary, waits for each answer, and prints the answers.
const PYTHON_CLIENT: &str = r#"
import json, sys
from websockets.sync.client import connect

url, run = sys.argv[1:]
with connect(url, additional_headers={"Tailrace-Run": run}, proxy=None) as socket:
    for seq in range(3):
        body = {"producer": "python", "seq": 40 + seq, "metrics": [
            {"name": "python.temperature", "value": 20.5 + seq},
            {"name": "python.é", "value": 1}]}
        text = json.dumps(body, ensure_ascii=False)
        socket.send(text if seq % 2 == 0 else text.encode())
        print(socket.recv())
    socket.send('{"name": "python.nameless", "value": NaN}')
    print(socket.recv())
    socket.ping().wait(10) or sys.exit("no pong")
"#;

#[test]
fn what_a_python_websocket_client_sends_is_in_the_aggregates() {
    let server = Server::start("ws-memory", &[]);
    let mut python = component("TAILRACE_TEST_PYTHON", "python3");
    python.args(["-", &format!("ws://{}/v1/ingest", server.ingest), RUN]);
    let output = run_with_input(&mut python, PYTHON_CLIENT.as_bytes());
    assert!(
        output.status.success(),
        "TAILRACE_TEST_PYTHON must name a Python with the package websockets (`cargo xtask test` \
         makes one): {}",
        told(&output)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let accepted = [40, 41, 42].map(|seq| json!({"seq": seq, "accepted": 2}));
    assert_eq!(answers[..3], accepted);
    // It named no sequence, so the connection's own count says which message it was.
    assert_eq!((&answers[3]["seq"], &answers[3]["status"]), (&json!(3), &json!(400)));

    let temperature = json!({"name": "python.temperature", "count": 3, "sum": 64.5, "min": 20.5,
        "max": 22.5, "last": 22.5});
    assert_eq!(server.aggregate("python.temperature"), temperature);
    assert_eq!(server.aggregate("python.é")["count"], 3);
    assert_eq!(server.aggregate("python.nameless"), Value::Null);
    let audit = http::get(server.observer, &format!("/v1/audit/{RUN}")).json();
    assert_eq!(audit["producers"][0]["present"], json!([[40, 42]]), "{audit}");
}

/// curl on the live feed, as `EventSource` asks for it; returns once the subscription stands.
pub(crate) fn subscribe(observer: SocketAddr, last: Option<&str>) -> (Bound, Lines) {
    let mut command = curl();
    command.args(["--no-buffer", "-H", "accept: text/event-stream"]);
    if let Some(last) = last {
        command.args(["-H", &format!("last-event-id: {last}")]);
    }
    command.arg(format!("http://{observer}/v1/metrics/live")).stdout(Stdio::piped());
    let mut child = Bound::start(&mut command);
    let lines = child.lines();
    lines.wait_for("the subscription", |line| line.starts_with("retry: "));
    (child, lines)
}

/// The next event: its id and what it says.
pub(crate) fn event(lines: &Lines) -> (String, Value) {
    let id = lines.wait_for("an id", |line| line.starts_with("id: "));
    let data = lines.wait_for("data", |line| !line.is_empty());
    let data = data.strip_prefix("data: ").unwrap_or_else(|| panic!("after an id: {data}"));
    (id["id: ".len()..].into(), serde_json::from_str(data).unwrap())
}

fn send(server: &Server, seq: u64) {
    let batch = json!({"producer": "p", "seq": seq, "metrics": [{"name": "seen", "value": seq}]});
    assert_eq!(curl_post(server.ingest, &batch).0, "202");
}

/// Sees a metric live, goes away, comes back with the last id, and has missed nothing.
fn check_live(server: &Server) {
    let (subscriber, lines) = subscribe(server.observer, None);
    send(server, 0);
    let (first, data) = event(&lines);
    assert_eq!(
        (&data["type"], &data["run"], &data["seq"]),
        (&json!("live"), &json!(RUN), &json!(0))
    );
    assert_eq!(data["metrics"], json!([{"name": "seen", "value": 0.0}]));
    assert_eq!(data["position"], json!(first));
    drop(subscriber);

    send(server, 1);
    send(server, 2);
    let (_subscriber, lines) = subscribe(server.observer, Some(&first));
    send(server, 3);
    let seen: Vec<Value> = (0..3).map(|_| event(&lines).1["seq"].clone()).collect();
    assert_eq!(seen, [1, 2, 3]);
}

#[test]
fn an_event_source_sees_metrics_of_a_memory_log_live_and_again() {
    check_live(&Server::start("http1-memory", &[]));
}

#[test]
fn an_event_source_sees_metrics_of_redis_live_and_again() {
    let redis = redis();
    check_live(&Server::start("http1-redis", &["--redis", &redis.url()]));
}
