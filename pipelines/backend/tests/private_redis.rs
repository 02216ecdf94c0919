//! A Redis of one's own: it starts, keeps data over a restart, and leaves nothing behind.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use tailrace_backend::{Found, Persistence, PrivateRedis};

/// One inline command, one line of answer.
fn ask(redis: &PrivateRedis, line: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    stream.write_all(format!("{line}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn starts_pinned_and_leaves_nothing_behind() {
    let core = *tailrace_sys::allowed_cores().last().unwrap();
    let redis = PrivateRedis::start(Persistence::None, Some(&[core])).unwrap();
    let (pid, dir) = (redis.pid().unwrap(), redis.dir().to_owned());
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains(&format!("Cpus_allowed_list:\t{core}\n")));
    assert!(ask(&redis, "CONFIG GET maxmemory-policy").contains("noeviction"));
    assert!(redis.version().split('.').count() >= 3, "{}", redis.version());
    drop(redis);
    assert!(!dir.exists());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_restart_loads_what_was_synced_and_only_that() {
    for (persistence, kept) in [(Persistence::Always, true), (Persistence::None, false)] {
        let mut redis = PrivateRedis::start(persistence, None).unwrap();
        let (port, url) = (redis.port(), redis.url());
        assert!(ask(&redis, "SET key value").starts_with("+OK"));
        redis.restart().unwrap();
        assert_eq!((redis.port(), redis.url()), (port, url));
        assert_eq!(ask(&redis, "GET key").contains("value"), kept, "{persistence:?}");
    }
}

#[test]
fn a_paused_one_does_not_answer_until_it_is_resumed() {
    let redis = PrivateRedis::start(Persistence::None, None).unwrap();
    redis.pause().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
    assert!(stream.read(&mut [0; 8]).is_err());
    redis.resume().unwrap();
    stream.set_read_timeout(None).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 7);
}

#[test]
fn what_was_stopped_cannot_be_paused() {
    let mut redis = PrivateRedis::start(Persistence::EverySec, None).unwrap();
    redis.stop().unwrap();
    assert_eq!(redis.pid(), None);
    assert!(redis.pause().is_err() && redis.resume().is_err());
    assert!(redis.kill().is_ok());
}

#[test]
fn a_given_url_comes_before_an_installed_binary() {
    assert_eq!(Found::redis(Some("redis://x/")), Found::Given("redis://x/".to_owned()));
    assert_eq!(Found::redis(None), Found::Private);
}
