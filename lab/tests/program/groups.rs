//! `tailrace groups`: who reads a log in Redis, and giving up a group that nobody reads.

use serde_json::{Value, json};
use tailrace_backend::PrivateRedis;

use crate::stage::{self, Server, check_code, http};

fn groups(redis: &PrivateRedis, arguments: &[&str], code: i32) -> (String, String) {
    let url = redis.url();
    let log = ["--redis", &url, "--redis-prefix", "groups"];
    check_code(&[&["groups"], arguments, &log].concat(), code)
}

/// As a worker leaves its group behind that is never started again.
fn abandon(redis: &PrivateRedis, name: &str) {
    let mut client = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut create = ::redis::cmd("XGROUP");
    create.arg("CREATE").arg("groups:log").arg(name).arg("0").arg("MKSTREAM");
    let () = create.query(&mut client).unwrap();
}

#[test]
fn a_group_is_listed_kept_while_it_is_used_and_forgotten() {
    let (redis, folder) = (stage::redis(), tempfile::tempdir().unwrap());
    assert!(groups(&redis, &["list"], 0).0.contains("no group reads it"));
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    let url = redis.url();
    let more = ["--redis", &url, "--redis-prefix", "groups", "--store", &store];
    let server = Server::start("http1-redis", &more);
    abandon(&redis, "old");
    for seq in 0..5 {
        let body = json!({"producer": "p", "seq": seq, "metrics": [{"name": "cpu", "value": 1}]});
        assert_eq!(http::post(server.ingest, body.to_string().as_bytes()).status, 202);
    }
    let told: Value = serde_json::from_str(&groups(&redis, &["list", "--json"], 0).0).unwrap();
    assert_eq!((&told["log"], &told["entries"]), (&json!("groups:log"), &json!(5)));
    let seen: Vec<_> = told["groups"].as_array().unwrap().iter().collect();
    let named: Vec<_> = seen.iter().map(|group| (&group["group"], &group["open"])).collect();
    let [yes, no] = [json!(true), json!(false)];
    let names = ["detector", "old", "store"].map(|name| json!(name));
    assert_eq!(named, [(&names[0], &yes), (&names[1], &no), (&names[2], &yes)]);
    assert_eq!((&seen[1]["unread"], &seen[1]["pending"]), (&json!(5), &json!(0)));
    let table = groups(&redis, &["list"], 0).0;
    assert!(table.contains("5 of ") && table.contains("no: nobody lives for it"), "{table}");

    assert!(groups(&redis, &["forget", "store"], 2).1.contains("--force"));
    let unknown = groups(&redis, &["forget", "stroe"], 2).1;
    assert!(unknown.contains("detector, old, store"), "{unknown}");
    assert!(groups(&redis, &["forget", "old"], 0).0.contains("5 batches"));
    assert!(!groups(&redis, &["list"], 0).0.contains("old "));
    assert!(server.end().success());
}

#[test]
fn a_log_that_cannot_be_asked_is_said_to_be_so() {
    assert!(check_code(&["groups", "list"], 2).1.contains("--redis URL"));
    let away = ["groups", "forget", "store", "--redis", "redis://:secret@127.0.0.1:1/"];
    let (_, told) = check_code(&away, 3);
    assert!(told.contains("does the Redis") && !told.contains("secret"), "{told}");
}
