//! A contestant's file is strict: what is unknown, missing or out of place is told where it
//! stands, with what would be valid.

use tailrace_contract::promise::Survives;
use tailrace_loadgen::experiment::contestant::{Contestant, Protocol, ReadyBy, limits, read};
use tailrace_loadgen::shape::Body;

const GOOD: &str = r#"name = "mine"
title = "A server of mine"
promise = "server-death"
backend = "redis"

[program]
command = ["server", "--port={{port}}"]
environment = { REDIS = "{{redis_url}}" }
version = ["server", "--version"]

[ready]
get = "/up"

[request]
protocol = "http2"
headers = { x-run = "{{run}}" }
ack = [200, 202]

[audit]
none = "it has no such answer"
"#;

fn good(from: &str, to: &str) -> Contestant {
    assert!(GOOD.contains(from));
    read("c.toml", &GOOD.replacen(from, to, 1)).unwrap()
}

#[test]
fn what_is_not_said_has_a_default() {
    let mine = good("", "");
    assert_eq!((mine.promise, mine.protocol), (Survives::ServerDeath, Protocol::Http2));
    assert_eq!((mine.program.folder.as_str(), mine.wants_redis), (".", true));
    assert_eq!((&*mine.shape.method, &*mine.shape.path), ("POST", "/v1/ingest"));
    assert_eq!((&mine.shape.body, &mine.shape.acks[..]), (&Body::Batch, &[200, 202][..]));
    let headers: Vec<&str> = mine.shape.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(headers, ["x-run", "content-type"]);
    assert_eq!(mine.ready.by, ReadyBy::Get("/up".into()));
    assert_eq!(mine.ready.timeout_ms, limits::READY_MS);
    assert_eq!(mine.audit, Err("it has no such answer".into()));
    assert_eq!((mine.install, mine.sha256.len()), (None, 64));
    assert!(good("\"http2\"", "\"ws\"").shape.headers.iter().all(|(name, _)| name == "x-run"));
    let own = good("headers = {", "headers = { content-type = \"text/plain\",");
    assert_eq!(own.shape.headers.len(), 2);
    let template = good("ack =", "template = 'n={{seq}} {{metrics}}'\nack =");
    assert!(matches!(template.shape.body, Body::Template(_)) && !template.shape.is_single());
    assert!(good("ack =", "body = \"metric\"\nack =").shape.is_single());
}

#[test]
fn mistakes_are_told_where_they_stand() {
    let check = |from: &str, to: &str, place: &str, words: &[&str]| {
        assert!(GOOD.contains(from), "{from}");
        let told = read("c.toml", &GOOD.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(told.starts_with(&format!("c.toml:{place}: ")), "{told}");
        for word in words {
            assert!(told.contains(word), "{word:?} is not in {told}");
        }
    };
    check("title", "titel", "2:1", &["unknown field `titel`", "`title`"]);
    check("\"mine\"", "\"My server\"", "1:8", &["short name"]);
    check("server-death", "death", "3:11", &["server-death", "host-death", "nothing"]);
    check("\"redis\"", "\"mysql\"", "4:11", &["redis"]);
    check("{{port}}", "8080", "7:11", &["neither command nor environment", "{{port}}"]);
    check("[\"server\", \"--port={{port}}\"]", "[]", "7:11", &["the program, then"]);
    check("--port={{port}}", "{{prot}} {{port}}", "7:22", &["{{prot}}", "{{port}}"]);
    check("backend = \"redis\"\n", "", "7:25", &["{{redis_url}}", "backend"]);
    check("version = [\"server\"", "version = [\"{{port}}\"", "9:12", &["known here: none"]);
    check("get = \"/up\"", "", "11:1", &["get", "line"]);
    check("\"/up\"", "\"up\"", "12:7", &["begins with /"]);
    check("http2", "http3", "15:12", &["http1", "ws"]);
    check("x-run", "X-Run", "16:13", &["small letters"]);
    check("x-run", "host", "16:13", &["set by the generator"]);
    check("{{run}}", "{{seq}}", "16:21", &["{{run}}"]);
    check("[200, 202]", "[600]", "17:8", &["100 to 599"]);
    check("[200, 202]", "[]", "17:7", &["ack lists"]);
    check("ack =", "body = \"rows\"\nack =", "17:8", &["metrics", "batch"]);
    check("ack =", "template = \"{{metrik}}\"\nack =", "17:12", &["{{metrik}}", "{{metrics}}"]);
    check("ack =", "body = \"batch\"\ntemplate = \"x\"\nack =", "18:12", &["either"]);
    check("none = \"it has no such answer\"", "", "19:1", &["get", "none"]);
    check(
        "[ready]",
        "[install]\ncommand = [\"x\"]\nlock = \"../x\"\n\n[ready]",
        "13:8",
        &["below"],
    );
    check("[ready]", "[install]\ncommand = [\"x\"]\n\n[ready]", "11:1", &["lock"]);
}

#[test]
fn a_file_has_a_limit() {
    let text = GOOD.to_owned() + &"#".repeat(limits::FILE_BYTES_MAX);
    assert!(read("c.toml", &text).unwrap_err().to_string().contains("KiB"));
}
