//! `tailrace produce`: everything that is due arrives, on its deadlines, and a seed decides
//! every byte. So it does for the schedules of a race.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::stage::records::race;
use crate::stage::{Server, run, tailrace, told};

/// Hosts of the fleet, and how often each reports.
const HOSTS: u64 = 50;
const PER_HOST_PER_S: u64 = 10;

fn produce(url: &str, more: &[&str]) -> Value {
    let mut command = tailrace(["produce", url, "--hosts", &HOSTS.to_string()]);
    command.args(["--every", "100ms", "--json"]).args(more);
    let output = run(&mut command);
    assert!(output.status.success(), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", told(&output)))
}

/// Time that the producer has, in seconds; with the fleet's rate it gives what is due.
const FOR_S: u64 = 2;
/// A machine that others use as well may wake a producer late. One whose rate drifts is wrong
/// every time.
const ATTEMPTS: usize = 3;

/// Everything due is acknowledged and aggregated, in every attempt, and in one of them at the
/// rate that was asked for, to a thousandth.
fn check(server: &Server, url: &str) {
    let (mut metrics, mut reports) = (0, Vec::new());
    while reports.len() < ATTEMPTS {
        let report = produce(url, &["--for", &format!("{FOR_S}s")]);
        let count =
            |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("{name}: {report}"));
        // The end is not part of the time.
        let due = FOR_S * HOSTS * PER_HOST_PER_S;
        assert_eq!([count("due"), count("sent"), count("acked")], [due; 3], "{report}");
        assert_eq!((count("unsent"), count("gave_up")), (0, 0), "{report}");
        metrics += count("metrics");
        assert_eq!(server.aggregated(), metrics, "{report}");
        if holds_its_rate(&report, due) {
            return;
        }
        reports.push(report);
    }
    panic!("the rate does not hold: {reports:#?}");
}

/// The end of the last batch's interval is a deadline like the others; only waking up for it
/// adds to the time, and the longest of such delays is known.
fn holds_its_rate(report: &Value, due: u64) -> bool {
    let figure = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("{name}: {report}"));
    let due_s = due as f64 / (HOSTS * PER_HOST_PER_S) as f64;
    let elapsed_s = figure("elapsed_s");
    // Never too early, however busy the machine is.
    assert!(elapsed_s > due_s * 0.999, "faster than its deadlines: {report}");
    elapsed_s - figure("late_ms_max") / 1e3 < due_s * 1.001
}

#[test]
fn everything_due_arrives_over_http() {
    let server = Server::start("http1-memory", &[]);
    check(&server, &format!("http://{}", server.ingest));
}

#[test]
fn everything_due_arrives_over_websocket() {
    let server = Server::start("ws-memory", &[]);
    check(&server, &format!("ws://{}", server.ingest));
}

/// A server that takes every post and tells the bodies of each connection when it ends.
fn recorder() -> (SocketAddr, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    // The thread ends with the first connection: one connection is what a producer gets here.
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        tell.send(record(stream)).unwrap();
    });
    (address, told)
}

fn record(stream: TcpStream) -> Vec<u8> {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let (mut output, mut bodies, mut length) = (stream, Vec::new(), 0);
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).unwrap() == 0 {
            return bodies;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            let mut body = vec![0; length];
            input.read_exact(&mut body).unwrap();
            bodies.extend_from_slice(&body);
            output
                .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 14\r\n\r\n{\"accepted\":1}")
                .unwrap();
        }
    }
}

/// Bytes and hash of all bodies that a seed makes.
fn bodies(seed: &str) -> (usize, Vec<u8>) {
    let (address, told) = recorder();
    let more = ["--connections", "1", "--for", "500ms", "--seed", seed, "--shape", "mixed"];
    produce(&format!("http://{address}"), &more);
    let bodies = told.recv().unwrap();
    (bodies.len(), Sha256::digest(&bodies).to_vec())
}

#[test]
fn a_seed_decides_every_byte_of_every_body() {
    let first = bodies("7");
    assert!(first.0 > 10_000, "{} bytes", first.0);
    assert_eq!(bodies("7"), first);
    assert_ne!(bodies("8"), first);
}

/// Arm, load and schedule of every trial of a short race.
fn schedules(seed: &str) -> Vec<(String, String, String)> {
    let short = ["--rounds", "1", "--rate", "200", "--high-rate", "400", "--window", "100ms"];
    let raced = race(&[&["http1-memory", "--seed", seed][..], &short].concat());
    let trials = raced.trials().into_iter();
    trials.map(|trial| (trial.arm, trial.load, trial.schedule_sha256)).collect()
}

#[test]
fn a_seed_decides_every_schedule() {
    let first = schedules("7");
    let hash = |arm: &str, load: &str| {
        let found = first.iter().find(|(a, l, _)| a == arm && l == load);
        found.unwrap_or_else(|| panic!("{arm} {load}: {first:?}")).2.clone()
    };
    assert_eq!(hash("floor", "low"), hash("http1-memory", "low"), "arms of a round are pairs");
    assert_ne!(hash("floor", "low"), hash("floor", "high"));
    assert_eq!(schedules("7"), first);
    let other = schedules("8");
    assert!(first.iter().zip(&other).all(|(one, other)| one.2 != other.2), "{other:?}");
}
