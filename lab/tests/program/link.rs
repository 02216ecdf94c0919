//! A link as a process: nothing comes through it early, it holds no more than it may, and its
//! death is told. The link itself is tested in `loadgen/link/tests/`.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{ChildStdin, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tailrace_measure::record::{AuditSeal, Link, Measurement};
use tailrace_sys::{Signal, proc, send};

use crate::stage::http;
use crate::stage::records::{only_run, race, read};
use crate::stage::{Bound, Lines, PATIENCE, Server, check_code, tailrace};

/// `tailrace link` before some addresses. Dropped, it is asked to end by closing its input.
struct Linked {
    child: Bound,
    input: Option<ChildStdin>,
    begins: Vec<SocketAddr>,
}

impl Linked {
    fn start(to: &[SocketAddr], round_trip: &str) -> Self {
        let mut command = tailrace(["link", "--json", "--with-parent", "--round-trip", round_trip]);
        for to in to {
            command.args(["--to", &to.to_string()]);
        }
        let mut child = Bound::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let line = child.lines().wait_for("the readiness line", |_| true);
        let ready: Value = serde_json::from_str(&line).expect("the readiness line is JSON");
        assert_eq!(ready["pid"], child.0.id());
        let further = ready["further"].as_array().into_iter().flatten();
        let begins = std::iter::once(&ready["link"]).chain(further);
        let begins = begins.map(|text| text.as_str().expect("text").parse().expect("an address"));
        Self { input: child.0.stdin.take(), begins: begins.collect(), child }
    }
}

#[test]
fn a_link_delays_every_route_and_ends_with_its_parent() {
    let server = Server::start("http1-memory", &[]);
    let mut link = Linked::start(&[server.ingest, server.observer], "30ms");
    for address in link.begins.clone() {
        let began = Instant::now();
        let status = http::get(address, "/").status;
        assert!([200, 404].contains(&status), "{status}");
        // One round trip for the connection, one for the answer.
        assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());
    }
    drop(link.input.take());
    assert!(link.child.wait().success());
}

#[test]
fn a_reader_that_stands_still_does_not_fill_the_links_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = Linked::start(&[listener.local_addr().unwrap()], "10ms");
    let pid = link.child.0.id();
    let before = proc::rss_bytes(pid).unwrap();
    let flood = || flood(link.begins[0]);
    let flooded: Vec<TcpStream> = std::thread::scope(|scope| {
        let floods: Vec<_> = (0..4).map(|_| scope.spawn(flood)).collect();
        floods.into_iter().map(|flood| flood.join().unwrap()).collect()
    });
    let stalled: Vec<TcpStream> = flooded.iter().map(|_| listener.accept().unwrap().0).collect();
    let grown = proc::rss_bytes(pid).unwrap() - before;
    // A mebibyte each way and connection, and what an allocator rounds up; 64 were offered.
    assert!(grown < 4 * (4 << 20), "{grown} bytes more for {} readers", stalled.len());
}

/// Sends until nothing is taken any more for a while.
fn flood(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let bytes = vec![7; 1 << 20];
    for _ in 0..64 {
        match socket.write_all(&bytes) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => return socket,
            Err(e) => panic!("{e}"),
        }
    }
    panic!("a reader that does not read was sent 64 MiB");
}

#[test]
fn a_link_with_nothing_to_carry_sleeps() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = Linked::start(&[listener.local_addr().unwrap()], "20ms");
    let connect = || {
        let near = TcpStream::connect(link.begins[0]).unwrap();
        (near, listener.accept().unwrap().0)
    };
    // Ends that have said all, and one that is not read from: level-triggered events that stay.
    let pairs = [connect(), connect(), connect()];
    pairs[0].0.shutdown(Shutdown::Write).unwrap();
    pairs[1].1.shutdown(Shutdown::Write).unwrap();
    let unread = (flood(link.begins[0]), listener.accept().unwrap());
    unread.0.shutdown(Shutdown::Write).unwrap();
    let (mut near, mut far) = connect();
    let before = proc::cpu_ns(link.child.0.id()).unwrap();
    // Round trips as a clock: 40 of them are 800 ms.
    for _ in 0..40 {
        let mut byte = [0];
        near.write_all(b"x").unwrap();
        far.read_exact(&mut byte).unwrap();
        far.write_all(&byte).unwrap();
        near.read_exact(&mut byte).unwrap();
    }
    let spent = proc::cpu_ns(link.child.0.id()).unwrap() - before;
    assert!(spent < 300_000_000, "{spent} ns of work for 40 bytes there and back");
}

#[test]
fn a_link_that_makes_no_sense_is_refused() {
    let check = |arguments: &[&str], hint: &str| {
        let (_, error) = check_code(&[&["link"], arguments].concat(), 2);
        assert!(error.contains(hint), "{arguments:?}: {error}");
    };
    let to = ["--to", "127.0.0.1:9"];
    check(&to, "--round-trip");
    check(&[&to[..], &["--round-trip", "10"]].concat(), "10ms");
    check(&[&to[..], &["--round-trip", "10s"]].concat(), "2s");
    check(&[&to[..], &["--round-trip", "1ms", "--bandwidth", "100"]].concat(), "100mbit");
    check(&[&to[..], &["--round-trip", "1ms", "--listen", "0.0.0.0:0"]].concat(), "127.0.0.1");
    let two = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
    check(&[&to[..], &["--round-trip", "1ms"], &two].concat(), "one for each");
    check(&["--to", "nowhere", "--round-trip", "1ms"], "host:port");
}

const SHORT: [&str; 6] = ["--rounds", "1", "--high-rate", "800", "--window", "400ms"];

#[test]
fn over_a_distance_nothing_is_early_and_the_audit_goes_directly() {
    let distance = ["http1-memory", "--round-trip", "50ms", "--bandwidth", "1gbit"];
    let raced = race(&[&distance[..], &SHORT].concat());
    raced.expect_code(0);
    let experiment = raced.manifest().experiment;
    let expected = Link { round_trip_ms: 50.0, bandwidth_mbit_per_s: Some(1_000.0) };
    assert!(experiment.arms.iter().all(|arm| arm.link == Some(expected)), "the floor's too");
    // Not more than 64 connections can carry, each with one request in flight.
    assert!(experiment.loads[0].rate_per_s < 1_280.0, "{:?}", experiment.loads[0]);
    let trials = raced.trials();
    assert_eq!(trials.len(), 5, "three of http1-memory, two of the floor");
    for trial in &trials {
        let name = (&trial.arm, &trial.load);
        assert!(trial.latencies.ack.min_ns >= 50_000_000, "{name:?}: {:?}", trial.latencies.ack);
        let live = trial.latencies.live.as_ref();
        assert!(live.is_none_or(|live| live.min_ns >= 50_000_000), "{name:?}: {live:?}");
        // A short window on a machine that stood still may have none.
        assert!(trial.cost.link_cpu_us_per_batch.is_some(), "{name:?}");
        assert_eq!(trial.ended_early, None, "{name:?}");
        let kept = if trial.arm == "floor" { AuditSeal::NotAudited } else { AuditSeal::Kept };
        assert_eq!(trial.seals.audit, kept, "{name:?}");
    }
    assert!(trials.iter().any(|trial| trial.latencies.live.is_some()));
    assert!(trials.iter().any(|trial| trial.cost.link_cpu_us_per_batch > Some(0.0)));
}

/// A child of a process by the verb that it runs.
fn child(of: u32, verb: &str) -> u32 {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let listed = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children"));
        let pids = listed.expect("/proc lists children");
        for pid in pids.split_whitespace() {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if words.split(|byte| *byte == 0).nth(1) == Some(verb.as_bytes()) {
                return pid.parse().expect("a pid");
            }
        }
        std::thread::yield_now();
    }
    panic!("{of} has no child that runs {verb}");
}

/// Waits until a process has worked so long.
fn wait_for_work(pid: u32, ns: u64) {
    let start = proc::cpu_ns(pid).expect("it runs");
    let until = Instant::now() + PATIENCE;
    while proc::cpu_ns(pid).expect("it still runs") < start + ns {
        assert!(Instant::now() < until, "{pid} does nothing");
        std::thread::yield_now();
    }
}

#[test]
fn a_link_that_dies_ends_its_trial_and_says_so() {
    let results = tempfile::tempdir().unwrap();
    let mut command = tailrace(["race", "http1-memory", "--rounds", "1", "--results"]);
    command.arg(results.path()).args(["--round-trip", "10ms", "--rate", "1000"]);
    command.args(["--high-rate", "1100", "--window", "3s"]);
    let mut race = Bound::start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let lines = Lines::of(race.0.stderr.take().unwrap());
    lines.wait_for("the first trial", |line| line.starts_with("http1-memory · low ·"));
    // In the middle of the next one: far more than opening connections takes.
    let link = child(race.0.id(), "link");
    wait_for_work(link, 50_000_000);
    send(link, Signal::Kill).unwrap();
    let (code, told) = (race.wait().code(), lines.rest());
    assert!(matches!(code, Some(1 | 4)), "{code:?}: {told:?}");
    let folder = only_run(results.path()).unwrap();
    let trial = folder.join("trials/http1-memory/low-live/1/trial.json");
    let trial: tailrace_measure::record::Trial = read(&trial);
    let why = trial.ended_early.unwrap_or_default();
    assert!(why.contains("the link before the server ended") && why.contains('9'), "{why}");
    assert_eq!(trial.seals.measurement, Measurement::Invalid, "it was part of the instrument");
    assert_eq!(trial.seals.audit, AuditSeal::Kept, "the server lives: {:?}", trial.ledger);
    assert!(folder.join("report.html").exists(), "{told:?}");
}
