//! Whole trials, and what stays of them on disk.

use std::net::SocketAddr;
use std::sync::Arc;

use tailrace_contract::{Request as Ask, RunId, Wire, WireError, WireEvent};
use tailrace_loadgen::arena::Launched;
use tailrace_loadgen::folder::Folder;
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::trial::{self, Finished, Request};
use tailrace_measure::record::{
    Arm, AuditSeal, Build, Codec, Experiment, Flush, Load, Machine, Manifest, Placement,
    SCHEMA_VERSION,
};
use tailrace_producers::payload::Payloads;
use tailrace_tcp::TcpWire;

use crate::drive::Drive;
use crate::server::{Server, answer, echo, read_frame};

/// A server in this process. It dies when the test says so.
pub(crate) struct Host {
    address: SocketAddr,
    depth: usize,
    death: Arc<Gauge>,
}

impl Host {
    pub(crate) fn new(address: SocketAddr, depth: usize) -> Self {
        Self { address, depth, death: Arc::default() }
    }
}

impl Launched for Host {
    fn ingest(&self) -> SocketAddr {
        self.address
    }

    fn observer(&self) -> Option<SocketAddr> {
        None
    }

    fn wires(&self) -> Box<dyn Fn(RunId) -> Box<dyn Wire> + Send + Sync> {
        let depth = self.depth;
        Box::new(move |_| Box::new(TcpWire::new(depth)))
    }

    fn server_pid(&self) -> u32 {
        std::process::id()
    }

    fn backend_pid(&self) -> Option<u32> {
        None
    }

    fn server_death(&mut self) -> Option<String> {
        self.death.stopped().then(|| "it was killed by signal 9".into())
    }

    fn recover(&mut self) -> Result<(), String> {
        if self.death.stopped() { Err("nothing survives its death".into()) } else { Ok(()) }
    }
}

pub(crate) fn arm(connections: u32, depth: usize) -> Arm {
    Arm {
        slug: "floor".into(),
        pipeline: "floor".into(),
        promise: String::new(),
        floor: true,
        connections,
        in_flight_per_connection: depth as u32,
        batch_metrics: 1,
        codec: Codec::Json,
        tls: false,
        flush: Flush::Batch,
        link: None,
        keys: false,
        store: None,
        fsync: None,
    }
}

pub(crate) fn run(host: &mut Host, load: &Load, arm: &Arm, seed: u64) -> Finished {
    run_until(&Arc::default(), 1, host, load, arm, seed)
}

/// The same by so many event loops, until the gauge is stopped.
fn run_until(
    gauge: &Arc<Gauge>,
    threads: u32,
    host: &mut Host,
    load: &Load,
    arm: &Arm,
    seed: u64,
) -> Finished {
    let payloads = Payloads::new(seed, 1, 16, tailrace_contract::codec::Codec::Json).unwrap();
    let request = Request {
        arm,
        load,
        round: 1,
        order: 1,
        seed,
        faults: &[],
        generator_cores: &[],
        threads,
        keeps_sleeps: false,
        findings: &[],
    };
    trial::run(host, &payloads, &request, gauge).unwrap()
}

pub(crate) fn manifest(arm: Arm, loads: Vec<Load>, rounds: u32) -> Manifest {
    Manifest {
        schema_version: SCHEMA_VERSION,
        tailrace_version: "0".into(),
        run: "run".into(),
        started_utc: String::new(),
        command: vec![],
        experiment: Experiment {
            name: "test".into(),
            question: "Is it kept?".into(),
            seed: 1,
            rounds,
            baseline: "floor".into(),
            arms: vec![arm],
            loads,
            left_out: vec![],
            ..Experiment::default()
        },
        machine: Machine::default(),
        build: Build::default(),
        placement: Placement::default(),
        backends: vec![],
        contestants: vec![],
        attempts_before: 0,
    }
}

#[test]
fn a_trial_comes_back_from_disk_as_it_was() {
    let healthy = echo();
    // A trial without any answer has empty histograms and figures that could be anything.
    let silent = Server::new(|_, mut stream| while read_frame(&mut stream).is_some() {});
    for address in [healthy.address, silent.address] {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::create(parent.path().join("runs/one")).unwrap();
        let mut load = Drive::new(500.0, 200).load;
        load.timeout_ms = 200;
        let (arm, mut host) = (arm(1, 64), Host::new(address, 64));
        let finished = run(&mut host, &load, &arm, 1);
        assert_eq!(finished.trial.seals.audit, AuditSeal::NotAudited);
        folder.write_trial(&finished).unwrap();
        folder.write_manifest(&manifest(arm, vec![load], 3)).unwrap();
        // Of the second round everything was written but what says that it is complete.
        let trials = folder.path().join("trials/floor/load");
        std::fs::create_dir(trials.join("2")).unwrap();
        std::fs::write(trials.join("2/ack.hlog"), "half a line").unwrap();

        let read = Folder::open(folder.path().to_owned());
        let stored = read.read_trials(&read.read_manifest().unwrap()).unwrap();
        let [stored] = stored.as_slice() else { panic!("{} trials", stored.len()) };
        assert_eq!(stored.trial, finished.trial);
        assert!(stored.ack == finished.measured.ack && stored.live.is_none());
        assert!(stored.lateness == finished.measured.lateness);
        assert_eq!(stored.slices, finished.measured.slices);
        let parts = std::fs::read_dir(trials.join("1")).unwrap();
        assert!(parts.flatten().all(|file| file.path().extension().unwrap() != "part"));
        assert!(Folder::create(folder.path().to_owned()).is_err(), "a run overwrote another");
    }
}

#[test]
fn a_damaged_trial_is_an_error_with_its_name() {
    let server = echo();
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::create(parent.path().join("run")).unwrap();
    let (arm, load) = (arm(1, 64), Drive::new(500.0, 100).load);
    let finished = run(&mut Host::new(server.address, 64), &load, &arm, 1);
    folder.write_trial(&finished).unwrap();
    std::fs::remove_file(folder.path().join("trials/floor/load/1/ack.hlog")).unwrap();
    let error = folder.read_trials(&manifest(arm, vec![load], 1)).err().unwrap();
    assert!(format!("{error:#}").contains("ack.hlog"), "{error:#}");
}

#[test]
fn a_server_that_dies_ends_the_trial_early() {
    let mut load = Drive::new(500.0, 2_000).load;
    load.timeout_ms = 1_000;
    let death: Arc<Gauge> = Arc::default();
    let dies = Arc::clone(&death);
    let server = Server::new(move |_, mut stream| {
        (0..50).for_each(|_| drop(read_frame(&mut stream)));
        dies.stop();
        while read_frame(&mut stream).is_some() {}
    });
    let mut host = Host { death, ..Host::new(server.address, 64) };
    let began = std::time::Instant::now();
    let trial = run(&mut host, &load, &arm(1, 64), 1).trial;
    assert!(began.elapsed() < std::time::Duration::from_millis(1_500));
    assert_eq!(trial.ended_early.as_deref(), Some("it was killed by signal 9"));
    assert_eq!(trial.ledger.not_audited.as_deref(), Some("nothing survives its death"));
    assert!(trial.outcomes.balances() && trial.outcomes.censored > 0);
    assert!(trial.outcomes.scheduled > 900, "{:?}", trial.outcomes);
}

/// What was never due, because somebody stopped the trial, is no backlog of the system's.
#[test]
fn a_trial_that_somebody_stops_counts_what_was_due_by_then() {
    let load = Drive::new(1_000.0, 60_000).load;
    let gauge: Arc<Gauge> = Arc::default();
    let stops = Arc::clone(&gauge);
    let server = Server::new(move |_, mut stream| {
        let mut frames = 0;
        while let Some(body) = read_frame(&mut stream) {
            answer(&mut stream, &body);
            frames += 1;
            if frames == 800 {
                stops.stop();
            }
        }
    });
    let mut host = Host::new(server.address, 64);
    let finished = run_until(&gauge, 1, &mut host, &load, &arm(1, 64), 1);
    let (trial, outcomes) = (&finished.trial, &finished.trial.outcomes);
    let why = trial.ended_early.as_deref().unwrap();
    assert!(why.starts_with("it was interrupted after ") && why.contains("of 60 s"), "{why}");
    assert!(outcomes.balances() && (600..2_000).contains(&outcomes.scheduled), "{outcomes:?}");
    // A machine that stands still for a moment leaves tens; what was never due were thousands.
    let growth = trial.seals.checks.iter().find(|check| check.name == "backlog_growth");
    assert!(growth.is_none_or(|check| check.figure < 1_000.0), "{growth:?}");
    assert!(trial.latencies.ack.ns_at(0.5).is_some(), "half of what was due was answered");
    assert!(trial.window_ns < 30_000_000_000, "{}", trial.window_ns);
    let last = finished.measured.slices.last().unwrap();
    assert!(last.due_ms as u64 * 1_000_000 <= trial.window_ns, "{last:?}");
}

#[test]
fn several_event_loops_share_a_trial_and_audit_nothing() {
    let server = Server::new(|_, mut stream| {
        while let Some(body) = read_frame(&mut stream) {
            answer(&mut stream, &body);
        }
    });
    let load = Drive::new(500.0, 400).load;
    let mut host = Host::new(server.address, 64);
    let trial = run_until(&Arc::default(), 2, &mut host, &load, &arm(4, 64), 1).trial;
    let alone = run_until(&Arc::default(), 1, &mut host, &load, &arm(4, 64), 1).trial;
    assert_eq!(trial.outcomes.scheduled, alone.outcomes.scheduled);
    assert_eq!(trial.schedule_sha256, alone.schedule_sha256);
    let why = trial.ledger.not_audited.unwrap();
    assert!(why.contains("several event loops"), "{why}");
}

/// A transport with a fault of its own.
struct Faulty(TcpWire);

impl Wire for Faulty {
    fn open(&mut self, out: &mut Vec<u8>) {
        self.0.open(out);
    }

    fn room(&self) -> usize {
        self.0.room()
    }

    fn encode(&mut self, request: &Ask<'_>, key: u64, out: &mut Vec<u8>) {
        self.0.encode(request, key, out);
    }

    fn decode(
        &mut self,
        _: &[u8],
        _: &mut Vec<u8>,
        _: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        panic!("a fault of the transport, made by the test")
    }

    fn close(&mut self, events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        self.0.close(events)
    }
}

struct FaultyHost(Host);

impl Launched for FaultyHost {
    fn ingest(&self) -> SocketAddr {
        self.0.ingest()
    }

    fn observer(&self) -> Option<SocketAddr> {
        None
    }

    fn wires(&self) -> Box<dyn Fn(RunId) -> Box<dyn Wire> + Send + Sync> {
        Box::new(|_| Box::new(Faulty(TcpWire::new(1))))
    }

    fn server_pid(&self) -> u32 {
        self.0.server_pid()
    }

    fn backend_pid(&self) -> Option<u32> {
        None
    }

    fn server_death(&mut self) -> Option<String> {
        None
    }

    fn recover(&mut self) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn a_generator_that_fails_is_not_watched_for_ever() {
    let server = echo();
    let payloads = Payloads::new(1, 1, 16, tailrace_contract::codec::Codec::Json).unwrap();
    let mut host = FaultyHost(Host::new(server.address, 1));
    let saturated = trial::saturate(&mut host, &payloads, &arm(1, 1), 50_000_000, &[]);
    let error = saturated.expect_err("its wire panics").to_string();
    assert!(error.contains("panicked"), "{error}");
}
