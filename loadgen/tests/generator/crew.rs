//! Several event loops on one schedule: each due time belongs to exactly one of them, and what they
//! saw adds up.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use tailrace_contract::{RunId, Wire};
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::load::{self, Loaded};
use tailrace_loadgen::plan::{Plan, Share};
use tailrace_loadgen::template::{Asked, Template};
use tailrace_measure::schedule;
use tailrace_tcp::TcpWire;

use crate::drive::{Drive, MS, SEED};
use crate::server::{Server, answer, read_frame, sequence};

const CONNECTIONS: usize = 5;

pub(crate) fn run(
    drive: &Drive,
    loops: u64,
    address: SocketAddr,
    gauge: &Arc<Gauge>,
) -> anyhow::Result<Loaded> {
    let template = |text: &str| Template::parse(text.as_bytes()).unwrap();
    let asked = Asked {
        method: "POST".into(),
        target: template("/"),
        headers: Vec::new(),
        body: template(r#"{"seq":{{seq}}}"#),
        acks: vec![(200, 299)],
    };
    let plan = |share| {
        let mut plan = Plan::of_load(&drive.load, SEED, RunId(1), address);
        plan.connections = CONNECTIONS;
        plan.shared(share)
    };
    let new_wire = || -> Box<dyn Wire> { Box::new(TcpWire::new(64)) };
    load::run(Share::all(loops).map(plan).collect(), (&asked, SEED), &new_wire, &[], gauge)
}

#[test]
fn each_due_time_belongs_to_one_of_them() {
    for loops in [1, 2, 5] {
        check(loops);
    }
}

fn check(loops: u64) {
    let seen: Arc<Mutex<BTreeMap<u64, u32>>> = Arc::default();
    let counts = Arc::clone(&seen);
    let server = Server::new(move |_, mut stream| {
        while let Some(body) = read_frame(&mut stream) {
            *counts.lock().unwrap().entry(sequence(&body)).or_default() += 1;
            answer(&mut stream, &body);
        }
    });
    let (drive, gauge) = (Drive::new(2_000.0, 300), Arc::default());
    let loaded = run(&drive, loops, server.address, &gauge).unwrap();
    let due = schedule::count(&drive.load, SEED, 350 * MS);
    let (window, all) = drive.due();
    assert_eq!(all, due);
    let driven = &loaded.ran.driven;
    let outcomes = (&driven.measured.window_outcomes, &driven.measured.all_outcomes);
    assert_eq!((outcomes.0.scheduled, outcomes.1.scheduled), (window, all));
    assert_eq!((outcomes.0.acked, outcomes.1.acked), (window, all));
    assert_eq!(driven.measured.ack.len(), window);
    assert_eq!(server.connections(), CONNECTIONS);
    assert_eq!(driven.openings.connect.len() as usize, CONNECTIONS);
    assert!(driven.acked.ranges().is_empty(), "a load is not audited, and keeps no account");
    let reading = gauge.read();
    assert_eq!((reading.scheduled, reading.acked), (all, all));
    let seen = seen.lock().unwrap();
    assert!(seen.keys().copied().eq(0..all) && seen.values().all(|&count| count == 1), "{seen:?}");
}

#[test]
fn where_one_cannot_open_none_begins() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gauge = Arc::default();
    let error = run(&Drive::new(1_000.0, 10_000), 3, closed, &gauge).err().unwrap();
    assert!(format!("{error:#}").contains("refused"), "{error:#}");
    assert_eq!(gauge.read().scheduled, 0);
}
