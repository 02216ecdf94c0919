//! One trial on a server of known behaviour, beside its theory.

use std::sync::atomic::Ordering::Relaxed;

use anyhow::bail;
use tailrace_loadgen::arena::Launcher;
use tailrace_loadgen::race::payloads;
use tailrace_loadgen::trial::{self, Finished, Request};
use tailrace_measure::calibration::{Excuse, JUDGED, count, left_ns, point};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::journal::Journal;
use tailrace_measure::known::{Behaviour, Kind};
use tailrace_measure::record::{
    Arm, Arrivals, Cell, Codec, Floor, FloorPoint, Flush, Load, Measurement, Seals,
};
use tailrace_measure::seals::spoilt;
use tailrace_measure::simulate::Paths;
use tailrace_targets::{AWAKE, Protocol};

use super::stage::Stage;
use super::theories::{Theories, journal};
use crate::registry::FLOOR;

const MS: u64 = 1_000_000;

/// Connections and requests in flight on each where a protocol answers one at a time, and where
/// many share a connection: there so many that only a freeze makes a request wait for room, and so
/// few that both sides can keep up with the answers that come together after it.
const ONE_BY_ONE: (u32, u32) = (64, 1);
const SHARED: (u32, u32) = (4, 64);
/// Caches and branch predictors get used to the load.
const WARM_UP_MS: u64 = 300;
/// Far above any answer that theory knows.
const TIMEOUT_MS: u64 = 10_000;
/// Of schedule that may be in flight: the freeze, and as much again for those behind it.
const IN_FLIGHT_S: f64 = 5.0;
/// From the server's start to its first freeze: the trial has begun, and the freeze and those who
/// waited for it are over before its window is.
const FREEZE_AFTER_MS: u64 = 4_000;
/// From the server's start to the first connection that is accepted: all have been opened.
const ACCEPT_AFTER_MS: u64 = 1_000;

/// What is asked of one trial.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) protocol: Protocol,
    pub(super) kind: Kind,
    pub(super) rate_per_s: f64,
    pub(super) arrivals: Arrivals,
    pub(super) window_ns: u64,
    pub(super) seed: u64,
}

impl Question {
    pub(super) fn protocol_name(&self) -> &'static str {
        match self.protocol {
            Protocol::Http1 => "http1",
            Protocol::Http2 => "http2",
            Protocol::Ws => "ws",
        }
    }

    /// Whether that floor had the same schedule.
    pub(super) fn is_of(&self, floor: &Floor) -> bool {
        floor.rate_per_s.total_cmp(&self.rate_per_s).is_eq() && floor.arrivals == self.arrivals
    }

    /// Whether that trial was the answer.
    pub(super) fn was_answered_by(&self, cell: &Cell) -> bool {
        (self.protocol_name(), self.kind.name()) == (&cell.protocol, &cell.server)
            && cell.rate_per_s.total_cmp(&self.rate_per_s).is_eq()
            && cell.arrivals == self.arrivals
    }

    /// Other tools keep to equal distances only, and when they open connections is their secret.
    pub(super) fn suits_peers(&self) -> bool {
        self.arrivals == Arrivals::Constant
            && self.kind != Kind::SlowAccept
            && self.protocol != Protocol::Ws
    }

    pub(super) fn connections(&self) -> (u32, u32) {
        if self.protocol == Protocol::Http1 { ONE_BY_ONE } else { SHARED }
    }

    /// The behaviour of a server that is started now.
    pub(super) fn behaviour(&self) -> Behaviour {
        let now_ms = now().0 / MS;
        let from_ms = match self.kind {
            Kind::Freeze => now_ms + FREEZE_AFTER_MS,
            Kind::SlowAccept => now_ms + ACCEPT_AFTER_MS,
            _ => now_ms,
        };
        Behaviour { kind: self.kind, from: Stamp(from_ms * MS) }
    }

    /// The server as an arm.
    pub(super) fn arm(&self, behaviour: &Behaviour) -> Arm {
        arm(&self.server(behaviour), self.connections())
    }

    /// The same where it is held against theory: it stays awake where it has a core for itself, and
    /// what it does is known to a few microseconds. Whatever else the machine has to do then falls to
    /// the generator's core.
    pub(super) fn exact_arm(&self, behaviour: &Behaviour, stage: &Stage) -> Arm {
        let awake = if stage.surroundings.server_is_alone() { AWAKE } else { "" };
        arm(&format!("{}{awake}", self.server(behaviour)), self.connections())
    }

    fn server(&self, behaviour: &Behaviour) -> String {
        let (protocol, kind) = (self.protocol_name(), self.kind.name());
        format!("known-{protocol}-{kind}@{}", behaviour.from.0 / MS)
    }

    pub(super) fn load(&self) -> Load {
        // Whoever waits to be accepted is what is measured there.
        let warm_up_ms = if self.kind == Kind::SlowAccept { 0 } else { WARM_UP_MS };
        Load {
            slug: "calibrate".into(),
            label: String::new(),
            rate_per_s: self.rate_per_s,
            arrivals: self.arrivals.clone(),
            warm_up_ms,
            window_ms: self.window_ns / MS,
            timeout_ms: TIMEOUT_MS,
            in_flight_max: (self.rate_per_s * IN_FLIGHT_S).ceil() as u64,
            feed_one_in: None,
            crowd: None,
            spin: false,
        }
    }

    /// How many connections reach the server since when, and what is in flight on them.
    pub(super) fn paths(&self, behaviour: &Behaviour, anchor: Stamp, in_flight_max: u64) -> Paths {
        let (connections, in_flight) = self.connections();
        // Where an upgrade or settings come first, nothing begins before all are accepted.
        let accepted = match self.protocol {
            Protocol::Http1 => Paths::accepted(behaviour, connections as usize, Stamp(0)),
            Protocol::Http2 | Protocol::Ws => vec![anchor; connections as usize],
        };
        Paths {
            accepted,
            in_flight: in_flight as usize,
            ordered: self.protocol != Protocol::Http2,
            in_flight_max: in_flight_max as usize,
            turnaround_ns: 0,
        }
    }
}

fn arm(pipeline: &str, (connections, in_flight): (u32, u32)) -> Arm {
    Arm {
        slug: pipeline.into(),
        pipeline: pipeline.into(),
        promise: String::new(),
        floor: pipeline == FLOOR,
        connections,
        in_flight_per_connection: in_flight,
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

/// Runs the floor on a schedule.
pub(super) fn floor(stage: &mut Stage, question: &Question) -> anyhow::Result<Floor> {
    let (finished, _) = measure(stage, question, &arm(FLOOR, SHARED))?;
    let latencies = &finished.trial.latencies;
    let seals = &finished.trial.seals;
    Ok(Floor {
        rate_per_s: question.rate_per_s,
        arrivals: question.arrivals.clone(),
        points: JUDGED.map(|q| FloorPoint { q, ns: latencies.ack.ns_at(q) }).to_vec(),
        max_ns: latencies.ack.max_ns,
        lateness_p50_ns: latencies.lateness.ns_at(0.5),
        lateness_p99_ns: latencies.lateness.ns_at(0.99),
        seal: seals.measurement,
        reasons: reasons(seals),
    })
}

/// Runs one trial and holds it against its theory; none when it was interrupted.
pub(super) fn run(
    stage: &mut Stage,
    question: &Question,
    floor: Option<&Floor>,
) -> anyhow::Result<Option<Cell>> {
    let behaviour = question.behaviour();
    let (finished, journal) = measure(stage, question, &question.exact_arm(&behaviour, stage))?;
    if stage.interrupted.load(Relaxed) {
        return Ok(None);
    }
    if let Some(why) = &finished.trial.ended_early {
        bail!("{} {}: {why}", question.protocol_name(), question.kind.name());
    }
    let journal = journal?;
    let theories = Theories::of(question, &behaviour, &finished, (&journal, floor))?;
    Ok(Some(cell(question, &finished, &theories, floor)))
}

/// Also what the server wrote down, if it is one that does.
pub(super) fn measure(
    stage: &mut Stage,
    question: &Question,
    arm: &Arm,
) -> anyhow::Result<(Finished, anyhow::Result<Journal>)> {
    let payloads = payloads(question.seed, arm)?;
    let mut server = stage.children.launch(arm)?;
    let request = Request {
        arm,
        load: &Load { spin: stage.spin, ..question.load() },
        round: 1,
        order: 1,
        seed: question.seed,
        faults: &[],
        generator_cores: &stage.surroundings.generator_cores,
        threads: 1,
        keeps_sleeps: true,
        findings: &stage.findings,
    };
    let finished = trial::run(server.as_mut(), &payloads, &request, &stage.gauge())?;
    let journal = if arm.floor { Ok(Journal::default()) } else { journal(server.ingest()) };
    Ok((finished, journal))
}

fn cell(
    question: &Question,
    finished: &Finished,
    theories: &Theories,
    floor: Option<&Floor>,
) -> Cell {
    let (trial, theory) = (&finished.trial, &theories.rule);
    let (ack, lateness) = (&trial.latencies.ack, &trial.latencies.lateness);
    let points = JUDGED.map(|q| {
        let own_ns = [lateness.ns_at(q), trial.latencies.queued.ns_at(q)];
        let witnessed = theories.witnessed.as_ref().and_then(|witnessed| witnessed.ns_at(q));
        let excuse = Excuse {
            machine_ns: floor.and_then(|floor| floor.ns_at(q)),
            spoilt: spoilt(&trial.seals, q),
            served_ns: theories.witnessed.as_ref().and_then(|_| theories.served.ns_at(q)),
            woken_ns: theories.woken_ns_at(q),
            left_ns: ack.ns_at(q).zip(witnessed).map(|(ack, at)| left_ns(ack, at, own_ns)),
        };
        point(theory, q, ack.ns_at(q), excuse)
    });
    let released = trial.outcomes.scheduled - trial.outcomes.overflowed;
    let released_theory = theory.ack_ns.len() as u64;
    let (connections, in_flight_per_connection) = question.connections();
    Cell {
        protocol: question.protocol_name().into(),
        server: question.kind.name().into(),
        rate_per_s: question.rate_per_s,
        arrivals: question.arrivals.clone(),
        connections,
        in_flight_per_connection,
        window_ns: trial.window_ns,
        released,
        released_theory,
        acked: trial.outcomes.acked,
        released_verdict: count(released_theory, released),
        points: points.to_vec(),
        max_ns: ack.max_ns,
        max_theory_ns: theory.max_ns(),
        lateness_p50_ns: lateness.ns_at(0.5),
        lateness_p99_ns: lateness.ns_at(0.99),
        generator_cpu_us_per_batch: trial.cost.generator_cpu_us_per_batch,
        generator_spin_us_per_batch: trial.cost.generator_spin_us_per_batch,
        woken_late_share: theories.woken_late_share,
        seal: trial.seals.measurement,
        reasons: reasons(&trial.seals),
    }
}

pub(super) fn reasons(seals: &Seals) -> Vec<String> {
    let checks = seals.checks.iter().filter(|check| check.verdict != Measurement::Valid);
    checks.map(|check| check.sentence.clone()).collect()
}
