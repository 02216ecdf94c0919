//! `tailrace load` on servers that share no line with this project: nginx, HTTP/2 of Node, sockets of
//! Python, and answers written by hand, as odd as the protocol allows. How good a number is, is
//! not tested here; that every request is accounted for, is.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex, mpsc};

use serde_json::Value;
use tailrace_sys::{Signal, send};

use crate::race::check_schema;
use crate::stage::{Bound, Lines, Server, check_code, component, http, run, tailrace, told};

/// Short, slow enough for a busy machine, and with a timeout that only a hang reaches: books are
/// checked here, not times.
const BRIEF: [&str; 8] =
    ["--rate", "200", "--duration", "1s", "--warm-up", "200ms", "--timeout", "30s"];

/// Runs a load and checks its books and its schema.
fn load(url: &str, more: &[&str], code: i32) -> Value {
    let mut arguments = vec!["load", url, "--json"];
    arguments.extend(BRIEF);
    arguments.extend(more);
    let output = run(&mut tailrace(&arguments));
    // A busy machine may spoil a measurement; what is tested here are books.
    let is_spoilt = output.status.code() == Some(4);
    assert!(is_spoilt || output.status.code() == Some(code), "{}", told(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let outcomes = &report["outcomes"];
    let refused: u64 = outcomes["refused"].as_object().unwrap().values().map(number).sum();
    let kinds = ["acked", "timed_out", "broken", "overflowed", "censored"];
    let others: u64 = kinds.map(|kind| number(&outcomes[kind])).iter().sum();
    assert_eq!(number(&report["offered"]["count"]), refused + others, "{report:#}");
    assert_eq!(report["ack_ns"]["count"], outcomes["acked"], "{report:#}");
    check_published(&report);
    report
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn acked(report: &Value) -> u64 {
    number(&report["outcomes"]["acked"])
}

/// Everything that was due was acknowledged.
fn check_all_acked(report: &Value) {
    let offered = number(&report["offered"]["count"]);
    assert!(offered > 100 && acked(report) == offered, "{report:#}");
}

fn check_published(report: &Value) {
    let folder = tempfile::tempdir().unwrap();
    check_code(&["schema", "--out", folder.path().to_str().unwrap()], 0);
    let schema = fs::read(folder.path().join("load.schema.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    check_schema(report, &schema, &schema, "load");
}

/// Answers on a free port, each connection on a thread of its own; `serve` gets the number of the
/// connection.
pub(crate) fn by_hand(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(n, stream.unwrap()));
        }
    });
    address
}

/// Reads one request; none at the end.
pub(crate) fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let begin = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        if let Some(value) = head[begin..].to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// Legal answers of every kind, in turn; the last but one ends with its connection.
const ODD: [&str; 6] = [
    "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n",
    "HTTP/1.1 200\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
];

#[test]
fn odd_answers_are_answers_and_ends_are_no_losses() {
    let address = by_hand(|n, stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        for answer in ODD.iter().cycle().skip(n) {
            if request(&mut reader).is_none() {
                return;
            }
            // Byte by byte: cut at every place that there is.
            if answer.bytes().any(|byte| out.write_all(&[byte]).is_err()) {
                return;
            }
            if answer.contains("close") || answer.contains("HTTP/1.0") {
                return;
            }
        }
    });
    let report = load(&format!("http://{address}/"), &["--connections", "8"], 0);
    check_all_acked(&report);
    let opened = number(&report["connections"]["opened"]);
    assert!(opened > 8 && number(&report["connections"]["lost"]) == 0, "{report:#}");
}

#[test]
fn what_is_filled_in_arrives_and_statuses_decide() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let address = by_hand(move |_, stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while let Some((head, body)) = request(&mut reader) {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let even = body["n"].as_u64().unwrap().is_multiple_of(2);
            let status = if even { 202 } else { 503 };
            told.lock().unwrap().push((head, body.to_string().into_bytes()));
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
            out.write_all(answer.as_bytes()).unwrap();
        }
    });
    let url = format!("http://{address}/a/{{{{seq}}}}?q=1");
    let body = r#"{"n":{{seq}},"at":{{time_ms}},"id":"{{uuid}}"}"#;
    let more = ["--body", body, "--header", "X-Key: k-{{seq}}", "--slo", "answered >= 90%"];
    let report = load(&url, &more, 1);
    let refused = number(&report["outcomes"]["refused"]["503"]);
    assert!(refused > 30 && refused.abs_diff(acked(&report)) < refused, "{report:#}");
    assert_eq!(report["objectives"][0]["met"], false);
    for (head, body) in &*seen.lock().unwrap() {
        let body: Value = serde_json::from_slice(body).unwrap();
        let line = format!("POST /a/{}?q=1 HTTP/1.1\r\n", body["n"]);
        let key = format!("\r\nx-key: k-{}\r\n", body["n"]);
        assert!(head.starts_with(&line) && head.contains(&key), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
    }
    let report = load(&url, &[&more[..], &["--expect-status", "202,503"]].concat(), 0);
    check_all_acked(&report);
}

/// A server that says 200 to everything, and in the body how it went.
#[test]
fn what_bodies_must_hold_decides_too() {
    let address = by_hand(|_, stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        for ok in [true, false].into_iter().cycle() {
            if request(&mut reader).is_none() {
                return;
            }
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let answer = format!("{head}6\r\n{{\"ok\":\r\n6\r\n{ok:>5}}}\r\n0\r\n\r\n");
            out.write_all(answer.as_bytes()).unwrap();
        }
    });
    let (url, text) = (format!("http://{address}/"), "\"ok\": true}");
    let report = load(&url, &["--connections", "1", "--expect-body", text], 0);
    let refused = number(&report["outcomes"]["refused"]["200"]);
    assert!(refused > 30 && refused.abs_diff(acked(&report)) <= 1, "{report:#}");
    assert_eq!(report["endpoint"]["expected_body"], text, "{report:#}");
    check_all_acked(&load(&url, &["--expect-body", "\"ok\":"], 0));
    let brief = ["load", &url, "--duration", "200ms", "--warm-up", "0s", "--expect-body", "so so"];
    let output = run(&mut tailrace(brief));
    assert!(matches!(output.status.code(), Some(1 | 4)), "{}", told(&output));
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("only an answer with \"so so\" in its body acknowledges"), "{out}");
}

/// nginx as one process, which dies with its test, on a port that was free a moment ago: it cannot
/// say which one it took. It answers as `location` says.
pub(crate) fn nginx(listen: &str, location: &str) -> (Bound, u16, tempfile::TempDir) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let config = format!(
        "daemon off; master_process off; pid {place}/pid; error_log stderr;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; client_body_temp_path {place}/a; proxy_temp_path {place}/b;\n\
         fastcgi_temp_path {place}/c; uwsgi_temp_path {place}/d; scgi_temp_path {place}/e;\n\
         server {{ listen 127.0.0.1:{port} {listen} location / {{ {location} }} }} }}\n"
    );
    fs::write(folder.path().join("nginx.conf"), config).unwrap();
    let mut command = component("TAILRACE_TEST_NGINX", "nginx");
    let mut nginx = Bound::start(command.arg("-c").arg(folder.path().join("nginx.conf")));
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(nginx.0.try_wait().unwrap().is_none(), "nginx ended");
        std::thread::yield_now();
    }
    (nginx, port, folder)
}

#[test]
fn nginx_closes_connections_and_nothing_is_lost() {
    let (_nginx, port, _folder) = nginx("; keepalive_requests 10;", "return 202 accepted;");
    let url = format!("http://127.0.0.1:{port}/x");
    let report = load(&url, &["--connections", "4", "--body", "abc"], 0);
    check_all_acked(&report);
    assert!(number(&report["connections"]["opened"]) > 10, "{report:#}");
    assert_eq!(report["connections"]["congestion_control"], "reno", "{report:#}");
    let folder = tempfile::tempdir().unwrap();
    let hlog = folder.path().join("logs");
    let alone = ["--no-keepalive", "--method", "HEAD", "--hlog", hlog.to_str().unwrap()];
    let report = load(&url, &alone, 0);
    check_all_acked(&report);
    let connect = &report["connections"]["connect_ns"];
    assert!(number(&connect["count"]) >= acked(&report), "{report:#}");
    let log = fs::read_to_string(hlog.join("ack.hlog")).unwrap();
    assert!(log.starts_with("#[Histogram log format version"), "{log}");
}

/// What came behind the last request that nginx takes of a connection was not looked at: another
/// connection carries it.
#[test]
fn goodbyes_in_the_middle_of_a_burst_break_nothing() {
    let (_nginx, port, _folder) = nginx("http2; keepalive_requests 20;", "return 202 accepted;");
    let burst = ["--connections", "1", "--arrivals", "burst:30", "-H", "x-id: {{uuid}}"];
    let report = load(&format!("h2c://127.0.0.1:{port}/"), &burst, 0);
    check_all_acked(&report);
    assert!(number(&report["connections"]["opened"]) > 5, "{report:#}");
}

#[test]
fn tls_is_told_apart_and_believed_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    // As `openssl req -x509` makes it: an authority, and a server's own.
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pair = rcgen::KeyPair::generate().unwrap();
    fs::write(&cert, parameters.self_signed(&pair).unwrap().pem()).unwrap();
    fs::write(&key, pair.serialize_pem()).unwrap();
    let listen = format!(
        "ssl http2; ssl_certificate {}; ssl_certificate_key {};",
        cert.display(),
        key.display()
    );
    let (_nginx, port, _folder) = nginx(&listen, "return 200 ok;");
    let url = format!("https://localhost:{port}/");
    let cacert = ["--cacert", cert.to_str().unwrap()];
    for more in [&["--no-keepalive"][..], &["--http2"], &["--http2", "--no-keepalive"]] {
        let report = load(&url, &[more, &cacert].concat(), 0);
        check_all_acked(&report);
        let tls = &report["connections"]["tls_ns"];
        assert_eq!(tls["count"], report["connections"]["opened"], "{report:#}");
        assert!(number(&tls["p50"]) > 0);
    }
    let by_address = format!("https://127.0.0.1:{port}/");
    let (_, told) = check_code(&["load", &by_address, cacert[0], cacert[1]], 1);
    assert!(told.contains("certificate"), "{told}");
    check_code(&["load", &format!("http://127.0.0.1:{port}/"), "--insecure"], 2);
}

/// HTTP/2 in clear text that says goodbye after every 20 requests, and goes on answering those it
/// has.
const NODE: &str = "
const server = require('http2').createServer();
let n = 0;
server.on('stream', (stream) => {
  stream.session.ping(() => {});
  if (++n % 20 === 0) stream.session.goaway(0, 2 ** 31 - 1);
  stream.on('data', () => {});
  stream.on('end', () => { stream.respond({ ':status': 201 }); stream.end('x'.repeat(100000)); });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
";

#[test]
fn goodbyes_of_http2_break_nothing() {
    let mut command = component("TAILRACE_TEST_NODE", "node");
    let mut node = Bound::start(command.args(["-e", NODE]).stdout(Stdio::piped()));
    let port = node.lines().wait_for("the port", |_| true);
    let report = load(
        &format!("h2c://127.0.0.1:{port}/"),
        &["--body", "{{random}}", "--expect-body", "xxx"],
        0,
    );
    check_all_acked(&report);
    assert!(number(&report["connections"]["opened"]) > 4, "{report:#}");
}

/// Echoes every message in three fragments with a ping between, and asks for a key.
const PYTHON: &str = r#"
import asyncio, websockets
async def echo(socket):
    assert socket.request.headers["x-key"] == "abc" and socket.request.path == "/a?b=c"
    async for message in socket:
        await socket.ping()
        await socket.send([message[:1], message[1:], ""])
async def main():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
"#;

#[test]
fn fragments_of_a_websocket_are_one_answer() {
    let mut command = component("TAILRACE_TEST_PYTHON", "python3");
    let mut python = Bound::start(command.args(["-c", PYTHON]).stdout(Stdio::piped()));
    let port = python.lines().wait_for("the port", |_| true);
    let url = format!("ws://127.0.0.1:{port}/a?b=c");
    let more = ["-H", "X-Key: abc", "--body", "hello {{seq}}", "--expect-body", "hello "];
    check_all_acked(&load(&url, &more, 0));
}

#[test]
fn our_own_pipelines_take_it_too() {
    let server = Server::start("ws-memory", &[]);
    let url = format!("ws://{}/v1/ingest", server.ingest);
    let body = r#"{"name":"load.test","value":{{seq}}}"#;
    let report = load(&url, &["--body", body], 0);
    check_all_acked(&report);
    assert!(server.aggregate("load.test")["count"].as_u64() >= Some(acked(&report)));
}

#[test]
fn a_closed_loop_says_so_and_ctrl_c_keeps_what_was_measured() {
    let address = by_hand(|_, stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while request(&mut reader).is_some() {
            out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
    });
    let url = format!("http://{address}/");
    let closed = ["load", &url, "--closed", "--duration", "300ms", "--warm-up", "0s"];
    let output = run(&mut tailrace(closed));
    // A generator that always has one more to send may well be what is measured: INVALID.
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}", told(&output));
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(
        out.contains("CLOSED LOOP") && out.contains("requests above") && out.contains("ack  "),
        "{out}"
    );

    let mut command = tailrace(["load", &url, "--json", "--duration", "1h"]);
    command.args(["--warm-up", "0s", "--prometheus", "127.0.0.1:0"]);
    let mut child = Bound::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let lines = Lines::of(child.0.stderr.take().unwrap());
    let line = lines.wait_for("the exporter", |line| line.contains("/metrics"));
    let exporter = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics");
    let exporter: SocketAddr = exporter.parse().unwrap();
    let counter = "tailrace_load_requests_total{state=\"acked\"} ";
    loop {
        let page = String::from_utf8(http::get(exporter, "/metrics").body).unwrap();
        let count = page.lines().find_map(|line| line.strip_prefix(counter)).expect("a counter");
        if count.parse::<u64>().unwrap() > 50 {
            break;
        }
        std::thread::yield_now();
    }
    let out = child.lines();
    send(child.0.id(), Signal::Term).unwrap();
    assert_eq!(child.wait().code(), Some(130));
    let report: Value = serde_json::from_str(&out.rest().join("\n")).unwrap();
    assert!(report["ended_early"].as_str().unwrap().contains("is not counted"), "{report:#}");
    let offered = number(&report["offered"]["count"]);
    assert!(acked(&report) > 50 && offered < 3_000_000, "what was never due is not counted");
    assert!(number(&report["ack_ns"]["p50"]) > 0, "it ranks above nothing");
}

#[test]
fn whoever_interrupts_the_opening_is_not_kept_waiting() {
    let (accepted, first) = mpsc::channel();
    let address = by_hand(move |_, mut stream| {
        accepted.send(()).unwrap_or_default();
        // It never answers the upgrade.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let mut command = tailrace(["load", &format!("ws://{address}/")]);
    let mut child = Bound::start(command.stdout(Stdio::piped()));
    first.recv().unwrap();
    send(child.0.id(), Signal::Term).unwrap();
    let out = child.lines();
    assert_eq!(child.wait().code(), Some(130));
    let out = out.rest().join("\n");
    assert!(out.contains("before its window began"), "{out}");
}

#[test]
fn what_makes_no_sense_is_told_before_a_packet_leaves() {
    let check = |arguments: &[&str], expect: &str| {
        let (_, told) = check_code(&[&["load"], arguments].concat(), 2);
        assert!(told.contains(expect), "{arguments:?}: {told}");
    };
    let url = "http://127.0.0.1:9/";
    check(&["gopher://a"], "wss://");
    check(&[url, "--body", "{{now}}"], "{{time_ms}}");
    check(&[url, "--header", "a b"], "Name: value");
    check(&[url, "--header", "Content-Length: 1"], "follows from the body");
    check(&[url, "--header", "X-Id: {{id}}"], "{{uuid}}");
    check(&["ws://127.0.0.1:9/", "--header", "X-Id: {{uuid}}"], "fill in the body");
    check(&[url, "--slo", "ack p98 < 1ms"], "ack p99 < 10ms");
    check(&[url, "--expect-status", "1xx"], "200,202");
    check(&[url, "--expect-body", ""], "--expect-body");
    check(&[url, "--core", "9999"], "there is no core");
    check(&[url, "--threads", "9", "--connections", "8"], "each needs one of its own");
    check(&[url, "--closed", "--rate", "5"], "--rate");
    check(&[url, "--body-file", "/nowhere/at/all"], "/nowhere/at/all");
    let (_, told) = check_code(&["saturate", "bare-ws", "--threads", "64"], 2);
    assert!(told.contains("65 cores"), "{told}");
}
