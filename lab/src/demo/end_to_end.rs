//! The scenario `end-to-end`: one marked metric among many, with the time of each station. It is a
//! load of one batch, so the distributions of its times hold one value each, taken by the same
//! clock at the same places as in every run. Read next: `stage.rs`, if you came this far.

use std::time::Duration;

use tailrace_loadgen::driver::Driven;
use tailrace_measure::clock::now;
use tailrace_measure::quantile::distribution;
use tailrace_measure::recorder::Seen;
use tailrace_render::format::{count, latency, rate};

use super::ask;
use super::load::{Load, Offer};
use super::scenario::{Outcome, Values};
use super::server::{Server, Store, UNLIMITED};
use super::stage::{Stage, open};

/// Batches a second around the marked one: enough to be among others, for any machine.
const FLEET_PER_S: f64 = 500.0;
/// The marked metric.
const MARK: &str = "demo.marked";
/// A load of one: due at its beginning, and the next one would be after its end.
const ONE: (f64, Duration) = (1.0, Duration::from_millis(900));
/// What was committed is found by then.
const FOUND_WITHIN: Duration = Duration::from_secs(20);
/// Between two questions for it: shorter than any station before takes.
const ASK_EVERY: Duration = Duration::from_millis(2);

pub(super) fn play(stage: &mut Stage) -> anyhow::Result<Outcome> {
    let server = Server::start(stage, &Store::Sqlite, &[("demo", UNLIMITED)])?;
    let fleet = (FLEET_PER_S, stage.phase * 2);
    stage.step(&format!("a fleet sends {}", rate(FLEET_PER_S)))?;
    let fleet = Offer::batches(&server, 0, ("demo.cpu", 1), fleet)?.followed(&server, true)?;
    let fleet = fleet.start(stage)?;
    let mut moving = fleet.moving();
    let mut look = |stage: &Stage| {
        let lately = moving.look();
        let (acked, p50, p99) = (lately.acked_per_s, lately.p50_ns, lately.p99_ns);
        stage.point(&Values::from([("acked", acked), ("p50", p50), ("p99", p99)]));
    };
    stage.until(stage.phase, || {
        look(stage);
        Ok(false)
    })?;
    stage.step("one metric is marked and followed")?;
    let mark = Offer::batches(&server, 0, (MARK, 1), ONE)?.followed(&server, true)?;
    let mark = mark.start(stage)?;
    let (mark_run, fleet_run) = (mark.run, fleet.run);
    let (mark, found_ns) = follow(stage, &server, mark)?;
    let fleet = fleet.end(stage, look)?.driven;
    stage.step("asking the store for everything that was acknowledged")?;
    let stored = server.stored(stage, fleet_run, &fleet.acked)?;
    let marked = server.stored(stage, mark_run, &mark.acked)?;
    let mut outcome = Outcome::default();
    stations(&mut outcome, &mark, found_ns);
    outcome.check(
        stored.is_kept() && marked.is_kept(),
        format!(
            "of {} acknowledged batches {} are missing and {} are there twice; {} metrics",
            count(fleet.acked.count() + mark.acked.count()),
            count(stored.missing + marked.missing),
            count(stored.repeated + marked.repeated),
            count(stored.metrics + marked.metrics)
        ),
    );
    typical(&mut outcome, &fleet);
    Ok(outcome)
}

/// Waits for the marked metric to end its way, and meanwhile asks for it: how long after it was due
/// a query found it.
fn follow(stage: &mut Stage, server: &Server, mark: Load) -> anyhow::Result<(Driven, Option<u64>)> {
    let (observer, key, anchor) = (server.observer()?, server.key(0), mark.anchor);
    let path = format!("/v1/metrics?name={MARK}&from=-1h&limit=1&cache=skip");
    let found = std::sync::Mutex::new(None);
    let stop = std::sync::Arc::clone(&stage.stop);
    let driven = std::thread::scope(|scope| {
        scope.spawn(|| {
            let deadline = now().plus(FOUND_WITHIN.as_nanos() as u64);
            while now() < deadline && !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let answer = ask::get(observer, key, &path);
                if answer
                    .is_ok_and(|one| one.body["rows"].as_array().is_some_and(|r| !r.is_empty()))
                {
                    *open(&found) = Some(now().since(anchor));
                    return;
                }
                std::thread::sleep(ASK_EVERY);
            }
        });
        mark.end(stage, |_| {}).map(|over| over.driven)
    })?;
    let found_ns = *open(&found);
    Ok((driven, found_ns))
}

/// The one value of a distribution that holds one.
fn only(seen: Option<&Seen>) -> Option<u64> {
    seen.and_then(|seen| (!seen.histogram.is_empty()).then(|| seen.histogram.max()))
}

fn stations(outcome: &mut Outcome, mark: &Driven, found_ns: Option<u64>) {
    let measured = &mark.measured;
    let acked = (!measured.ack.is_empty()).then(|| measured.ack.max());
    let sent = acked.map(|acked| acked.saturating_sub(measured.service.max()));
    let (live, durable) = (only(measured.live.as_ref()), only(measured.durable.as_ref()));
    let way = [
        ("sent", sent),
        ("acknowledged by the log", acked),
        ("seen by a live subscriber", live),
        ("told to be in the store", durable),
        ("found by a query", found_ns),
    ];
    let passed = way.iter().all(|(_, ns)| ns.is_some());
    // Each station is noticed by somebody else, and whoever notices may be late: an acknowledgement
    // that lay there is stamped after a query has found what it was for.
    let none_before = way.iter().all(|(_, ns)| sent <= *ns);
    let told: Vec<String> =
        way.iter().map(|(station, ns)| format!("{station} after {}", latency(*ns))).collect();
    outcome.check(passed && none_before, told.join(", "));
    for (station, ns) in way {
        outcome.time(&format!("marked metric, from due to {station}"), ns);
    }
    if let (Some(acked), Some(found)) = (acked, found_ns)
        && found > acked
    {
        outcome.say(format!(
            "\"It is in\" came true {} times as late for whoever queries as for whoever sent.",
            count(found / acked.max(1))
        ));
    }
}

fn typical(outcome: &mut Outcome, fleet: &Driven) {
    let measured = &fleet.measured;
    let median = |seen: Option<&Seen>| {
        seen.and_then(|seen| distribution(&seen.histogram, seen.never).ns_at(0.5))
    };
    let acked = distribution(&measured.ack, measured.window_outcomes.unanswered()).ns_at(0.5);
    let (live, durable) = (median(measured.live.as_ref()), median(measured.durable.as_ref()));
    outcome.say(format!(
        "Of the fleet, half were acknowledged within {}, seen live within {} and in the store \
         within {}.",
        latency(acked),
        latency(live),
        latency(durable)
    ));
    outcome.time("fleet, typical acknowledgement", acked);
    outcome.time("fleet, typically seen live", live);
    outcome.time("fleet, typically in the store", durable);
}
