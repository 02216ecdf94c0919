//! Clients that share no line with this project: curl, h2load, the Python packages `websockets`
//! and `httpx`, a Redis client, and curl again as an `EventSource` would behave. What they send must be
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

/// Posts with curl; the version of HTTP, the status, and the body as JSON.
pub(crate) fn curl_post_over(
    version: &[&str],
    ingest: SocketAddr,
    body: &Value,
) -> (String, String, Value) {
    let mut command = curl();
    command.args(version);
    command.args(["-H", "content-type: application/json", "-H", &format!("tailrace-run: {RUN}")]);
    let write_out = "\n%{http_version} %{http_code}";
    command.args(["--data-binary", &body.to_string(), "--write-out", write_out]);
    let output = run(command.arg(format!("http://{ingest}/v1/ingest")));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, end) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{}", told(&output)));
    let (version, status) = end.split_once(' ').unwrap_or_else(|| panic!("{}", told(&output)));
    (version.into(), status.into(), serde_json::from_str(answer).unwrap())
}

/// Posts with curl over HTTP/1.1; the status, and the body as JSON.
fn curl_post(ingest: SocketAddr, body: &Value) -> (String, Value) {
    let (version, status, answer) = curl_post_over(&[], ingest, body);
    assert_eq!(version, "1.1");
    (status, answer)
}

#[test]
fn what_curl_posts_is_in_redis() {
    check_curl("http1-redis", "1.1", &[]);
}

#[test]
fn what_curl_posts_over_http2_is_in_redis() {
    check_curl("http2-redis", "2", &["--http2-prior-knowledge"]);
}

fn check_curl(pipeline: &str, version: &str, options: &[&str]) {
    let redis = redis();
    let server = Server::start(pipeline, &["--redis", &redis.url(), "--redis-prefix", "try"]);
    let post = |body: &Value| {
        let (spoken, status, answer) = curl_post_over(options, server.ingest, body);
        assert_eq!(spoken, version);
        (status, answer)
    };
    let metric = json!({"name": "cpu", "value": 0.25, "attributes": {"host": "a", "core": 3}});
    let array = json!([{"name": "cpu", "value": 1}, {"name": "memory", "value": 2, "time": 1}]);
    let batch = json!({"producer": "curl", "seq": 7, "metrics": [{"name": "disk", "value": -1}]});

    let (status, answer) = post(&metric);
    assert_eq!((status.as_str(), &answer["accepted"]), ("202", &json!(1)), "{answer}");
    assert_eq!(answer["retry_safe"], false, "it named no sequence: {answer}");
    let (status, answer) = post(&array);
    assert_eq!((status.as_str(), &answer["accepted"]), ("202", &json!(2)), "{answer}");
    let (status, answer) = post(&batch);
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

/// Posts batches side by side on one connection, one of them bad, and prints the answers in
/// their order.
const PYTHON_HTTP2_CLIENT: &str = r#"
import concurrent.futures, httpx, json, sys

url, run = sys.argv[1:]
bodies = [{"producer": "httpx", "seq": seq, "metrics": [{"name": "httpx.load", "value": seq}]}
          for seq in range(20)]
# More than a window of HTTP/2's default, in one batch.
bodies.append([{"name": "httpx.many", "value": n, "attributes": {"text": "x" * 200}}
               for n in range(1000)])
bodies.append({"name": "httpx.bad", "value": "one"})
with httpx.Client(http1=False, http2=True, trust_env=False, timeout=30,
                  limits=httpx.Limits(max_connections=1)) as client:
    def post(body):
        answer = client.post(url, json=body, headers={"Tailrace-Run": run})
        return [answer.http_version, answer.status_code, answer.json()]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for answer in pool.map(post, bodies):
            print(json.dumps(answer))
"#;

#[test]
fn what_a_python_http2_client_sends_is_in_the_aggregates() {
    let redis = redis();
    let url = redis.url();
    for (pipeline, more) in [("http2-memory", &[][..]), ("http2-redis", &["--redis", &url])] {
        let server = Server::start(pipeline, more);
        let mut python = component("TAILRACE_TEST_PYTHON", "python3");
        python.args(["-", &format!("http://{}/v1/ingest", server.ingest), RUN]);
        let output = run_with_input(&mut python, PYTHON_HTTP2_CLIENT.as_bytes());
        assert!(
            output.status.success(),
            "TAILRACE_TEST_PYTHON must name a Python with the packages httpx and h2 (`cargo xtask \
             test` makes one): {}",
            told(&output)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let answers: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let accepted = json!(["HTTP/2", 202, {"accepted": 1}]);
        assert!(answers[..20].iter().all(|answer| *answer == accepted), "{answers:?}");
        assert_eq!((&answers[20][1], &answers[20][2]["accepted"]), (&json!(202), &json!(1_000)));
        assert_eq!((&answers[21][1], &answers[21][2]["status"]), (&json!(400), &json!(400)));

        let audit = http::get(server.observer, &format!("/v1/audit/{RUN}")).json();
        let producers = audit["producers"].as_array().unwrap();
        let mine = producers.iter().find(|producer| producer["producer"] == "httpx");
        assert_eq!(mine.unwrap()["present"], json!([[0, 19]]), "{audit}");
    }
}

#[test]
fn what_h2load_sends_is_counted() {
    let server = Server::start("http2-memory", &[]);
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("batch.json");
    std::fs::write(&body, json!({"name": "h2load", "value": 1}).to_string()).unwrap();
    let mut command = component("TAILRACE_TEST_H2LOAD", "h2load");
    command.args(["-n", "2000", "-c", "4", "-m", "100", "-H", "content-type: application/json"]);
    command.arg("-d").arg(&body);
    let output = run(command.arg(format!("http://{}/v1/ingest", server.ingest)));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{}", told(&output));
    assert_eq!(server.aggregate("h2load")["count"], 2_000);
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
