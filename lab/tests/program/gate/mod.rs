//! The gate of the whole program: keys made by the verb, served, shown over every transport, and
//! revoked while everything runs. `routes.rs` tries every route that the program lists.

mod routes;
mod shared;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::stage::{PATIENCE, Server, check_code, http, run, tailrace, told, ws};

/// A folder with a file of keys.
struct Keys {
    _folder: TempDir,
    file: PathBuf,
}

impl Keys {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { file: folder.path().join("keys.toml"), _folder: folder }
    }

    /// Makes a key by the verb.
    fn add(&self, id: &str, tenant: &str, more: &[&str]) -> String {
        let file = self.file.to_str().unwrap();
        let words = [&["keys", "add", id, "--tenant", tenant, "--file", file], more].concat();
        check_code(&words, 0).0.trim().to_owned()
    }

    fn revoke(&self, id: &str) {
        check_code(&["keys", "revoke", id, "--file", self.file.to_str().unwrap()], 0);
    }
}

fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

/// Waits until something is so; polls, because the server tells nobody when it has read its keys.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited too long for: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn who(server: &Server, headers: &str) -> u16 {
    http::ask(server.observer, ("GET", "/v1/auth/session"), headers, "").status
}

#[test]
fn a_key_is_shown_once_and_the_file_is_for_its_owner() {
    let keys = Keys::new();
    let key = keys.add("web-1", "acme", &["--read-rate", "5", "--expires", "90d"]);
    assert!(key.starts_with("tr_web-1_") && key.len() == "tr_web-1_".len() + 43, "{key}");
    let text = std::fs::read_to_string(&keys.file).unwrap();
    assert!(!text.contains(&key[9..]), "{text}");
    let mode = std::fs::metadata(&keys.file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let file = keys.file.to_str().unwrap();
    let (listed, _) = check_code(&["keys", "list", "--json", "--file", file], 0);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["id"], &listed[0]["tenant"]), (&"web-1".into(), &"acme".into()));
    assert_eq!(listed[0]["read"]["burst"], 10);
    let (_, error) = check_code(&["keys", "add", "web-1", "--tenant", "b", "--file", file], 2);
    assert!(error.contains("already"), "{error}");
    let (_, error) = check_code(&["keys", "revoke", "web-2", "--file", file], 2);
    assert!(error.contains("known: web-1"), "{error}");
    std::fs::write(&keys.file, text.replace("roles", "rolls")).unwrap();
    let words = ["serve", "http1-memory", "--ingest", "127.0.0.1:0", "--keys", file];
    let (_, error) = check_code(&words, 2);
    assert!(error.contains("keys.toml, line 6") && error.contains("rolls"), "{error}");
}

#[test]
fn every_transport_takes_a_good_key_and_no_other() {
    let keys = Keys::new();
    let key = keys.add("fleet", "acme", &[]);
    let reader = keys.add("reader", "acme", &["--roles", "read"]);
    let shown = keys.file.with_file_name("key");
    for (pipeline, scheme) in
        [("http1-memory", "http"), ("http2-memory", "h2c"), ("ws-memory", "ws")]
    {
        let server = Server::with_keys(&keys.file, pipeline, &[]);
        let url = format!("{scheme}://{}", server.ingest);
        let produce = |key: Option<&str>| {
            let mut command = tailrace(["produce", &url, "--hosts", "3", "--every", "50ms"]);
            command.args(["--for", "300ms", "--connections", "1", "--json"]);
            if let Some(key) = key {
                std::fs::write(&shown, key).unwrap();
                command.arg("--key-file").arg(&shown);
            }
            run(&mut command)
        };
        let output = produce(Some(&key));
        assert_eq!(output.status.code(), Some(0), "{pipeline}: {}", told(&output));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["acked"], report["due"], "{report}");
        for (wrong, status) in [(None, 401), (Some("tr_fleet_guessed"), 401), (Some(&*reader), 403)]
        {
            if scheme == "ws" {
                // A producer comes back for half a minute; its upgrade says the same at once.
                let headers = wrong.map(bearer).unwrap_or_default();
                let upgrade = ws::upgrade_with(server.ingest, &headers);
                assert_eq!(http::exchange(server.ingest, upgrade.as_bytes()).status, status);
                continue;
            }
            let output = produce(wrong);
            assert_eq!(output.status.code(), Some(1), "{pipeline}: {}", told(&output));
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["refused"][status.to_string()], report["due"], "{report}");
        }
        let seen = http::ask(server.observer, ("GET", "/v1/metrics/recent"), &bearer(&reader), "");
        assert_eq!(seen.status, 200, "{seen:?}");
        assert!(!seen.json().as_array().unwrap().is_empty(), "{pipeline}");
        assert!(server.end().success());
    }
}

#[test]
fn a_revoked_key_is_refused_on_connections_that_stand() {
    let keys = Keys::new();
    let (gone, stays) = (keys.add("gone", "acme", &[]), keys.add("stays", "beta", &[]));
    let server = Server::with_keys(&keys.file, "ws-memory", &[]);
    let metric = br#"{"name":"m","value":1}"#;
    let mut client = ws::Client::open_with(server.ingest, &bearer(&gone));
    assert_eq!(client.ask(metric)["accepted"], 1);
    let refused = http::exchange(server.ingest, ws::upgrade(server.ingest).as_bytes());
    assert_eq!(refused.status, 401, "{refused:?}");
    assert!(refused.head.contains("www-authenticate: bearer"), "{refused:?}");
    let cookie = log_in(&server, &gone);
    assert_eq!(who(&server, &cookie), 200);
    keys.revoke("gone");
    let revoked = Instant::now();
    until("the server to read its keys", || who(&server, &bearer(&gone)) == 401);
    assert!(revoked.elapsed().as_secs() < 10, "promised within a second, on a busy machine more");
    assert_eq!(client.ask(metric)["status"], 401);
    assert_eq!((who(&server, &cookie), who(&server, &bearer(&stays))), (401, 200));
    // A file that makes no sense changes nothing.
    std::fs::write(&keys.file, "nonsense").unwrap();
    let hangup =
        std::process::Command::new("kill").args(["-HUP", &server.pid.to_string()]).status();
    assert!(hangup.unwrap().success());
    assert_eq!((who(&server, &bearer(&stays)), who(&server, &bearer(&gone))), (200, 401));
    assert!(server.end().success());
}

#[test]
fn past_the_limit_every_transport_says_when_to_come_back() {
    let keys = Keys::new();
    let slow = ["--ingest-rate", "1", "--ingest-burst", "2"];
    let key = keys.add("slow", "acme", &slow);
    let metric = r#"{"name":"m","value":1}"#;
    let server = Server::with_keys(&keys.file, "http1-memory", &[]);
    let send = || http::ask(server.ingest, ("POST", "/v1/ingest"), &bearer(&key), metric);
    let refused = (0..10).map(|_| send()).find(|answer| answer.status == 429).expect("a limit");
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    assert_eq!(refused.json()["type"], "urn:tailrace:problem:too-many-requests");
    assert!(server.end().success());
    let server = Server::with_keys(&keys.file, "ws-memory", &[]);
    let mut client = ws::Client::open_with(server.ingest, &bearer(&key));
    let answers: Vec<_> = (0..10).map(|_| client.ask(metric.as_bytes())).collect();
    let refused = answers.iter().find(|answer| answer["status"] == 429).expect("a limit");
    assert!(refused["problem"]["retry_after_s"].as_u64() >= Some(1), "{refused}");
    assert!(server.end().success());
}

/// Logs in and answers the cookie's line.
fn log_in(server: &Server, key: &str) -> String {
    let body = format!("{{\"key\":\"{key}\"}}");
    let target = ("POST", "/v1/auth/session");
    let bytes = format!(
        "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        target.0,
        target.1,
        server.observer,
        body.len()
    );
    let mut stream = http::connect(server.observer);
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.unwrap_or_else(|| panic!("no cookie: {answer}"));
    format!("cookie: {}\r\n", cookie.split(';').next().unwrap())
}

fn path(keys: &Keys) -> &Path {
    &keys.file
}
