//! The scenario `cache`: one question by a schedule, with the cache and past it; then a commit that
//! makes the kept answer stale. Read next: `degradation.rs`.

use std::time::Duration;

use anyhow::Context;
use tailrace_loadgen::driver::Driven;
use tailrace_measure::clock::now;
use tailrace_measure::quantile::distribution;
use tailrace_render::format::{count, latency, share};

use super::ask;
use super::load::Offer;
use super::scenario::{Outcome, Values};
use super::server::{Server, Store, UNLIMITED};
use super::stage::Stage;

/// What is asked about: some thousand rows, so that the store has something to do.
const NAME: &str = "demo.cpu";
/// Metrics of a batch, and batches a second while the store is filled.
const BATCH: (usize, f64) = (20, 200.0);
/// Questions a second: a dashboard that some look at, and few enough for any store.
const ASKED_PER_S: f64 = 20.0;
/// A commit is told to the cache within a second; then the next question finds it.
const STALE_WITHIN: Duration = Duration::from_secs(10);
/// What was committed last is told to the cache within this time; an answer that was kept for longer
/// stays.
const SETTLED: Duration = Duration::from_millis(1_200);
/// So much around the data: a question about fixed times stays the same question.
const AROUND_MS: u64 = 3_600_000;

/// What both ways of asking came to.
struct Seen {
    /// With the cache.
    kept: Driven,
    /// Past it.
    stored: Driven,
    /// Of those with the cache, answers from there.
    hits: u64,
    /// Those from the store.
    misses: u64,
    /// Until the new metric was seen.
    renewed_ns: Option<u64>,
}

pub(super) fn play(stage: &mut Stage) -> anyhow::Result<Outcome> {
    let server = Server::start(stage, &Store::Sqlite, &[("demo", UNLIMITED)])?;
    fill(stage, &server, stage.phase)?;
    settle(stage, &server)?;
    let path = question("1s");
    let before = server.told("/v1/cache")?;
    stage.step("one question again and again, with the cache")?;
    // Who asks first, asks the store: what several ask meanwhile would count as often.
    ask::get(server.observer()?, server.key(0), &path)?;
    let kept = asked(stage, &server, &path)?;
    let after = server.told("/v1/cache")?;
    stage.step("the same question past the cache")?;
    let stored = asked(stage, &server, &format!("{path}&cache=skip"))?;
    stage.step("one more metric is committed")?;
    let renewed_ns = renewed(stage, &server, &path)?;
    let more = |what: &str| {
        after[what].as_u64().unwrap_or(0).saturating_sub(before[what].as_u64().unwrap_or(0))
    };
    let (hits, misses) = (more("hits"), more("misses") + more("stale"));
    Ok(Seen { kept, stored, hits, misses, renewed_ns }.judged())
}

impl Seen {
    fn judged(&self) -> Outcome {
        let Self { hits, misses, renewed_ns, .. } = *self;
        let mut outcome = Outcome::default();
        outcome.check(
            hits > 0 && hits >= 9 * misses,
            format!(
                "{} of {} answers came from the cache, {} from the store",
                count(hits),
                count(hits + misses),
                count(misses)
            ),
        );
        let (hit, miss) = self.judge_times(&mut outcome);
        outcome.check(renewed_ns.is_some(), renewed_text(renewed_ns));
        outcome.say(format!(
            "With the cache the store was asked {} for {} questions, and {} of them were spared \
             it; past it, it is asked every time.",
            times_text(misses),
            count(hits + misses),
            share(hits, hits + misses)
        ));
        outcome.time("typical answer from the cache", hit);
        outcome.time("typical answer from the store", miss);
        outcome.number("questions that reached the store with the cache", misses);
        outcome.time("from acknowledged to seen by the question", renewed_ns);
        outcome
    }

    fn judge_times(&self, outcome: &mut Outcome) -> (Option<u64>, Option<u64>) {
        let p50 = |driven: &Driven| distribution(&driven.measured.ack, 0).ns_at(0.5);
        let (hit, miss) = (p50(&self.kept), p50(&self.stored));
        let times = hit.zip(miss).map_or(0.0, |(hit, miss)| miss as f64 / hit.max(1) as f64);
        outcome.check(
            times > 1.0,
            format!(
                "typically {} from the cache and {} from the store: {times:.1} times as long",
                latency(hit),
                latency(miss)
            ),
        );
        (hit, miss)
    }
}

/// Stores rows to ask about.
pub(super) fn fill(stage: &mut Stage, server: &Server, length: Duration) -> anyhow::Result<()> {
    stage.step("filling the store with something to ask about")?;
    let (metrics, per_s) = BATCH;
    let load = Offer::batches(server, 0, (NAME, metrics), (per_s, length))?.start(stage)?;
    let run = load.run;
    let driven = load.end(stage, |_| {})?.driven;
    server.stored(stage, run, &driven.acked)?;
    Ok(())
}

/// Waits until nothing makes answers stale any more: with a question that nobody else asks.
fn settle(stage: &Stage, server: &Server) -> anyhow::Result<()> {
    let (observer, key, path) = (server.observer()?, server.key(0), question("1m"));
    stage.until(STALE_WITHIN, || {
        let body = ask::get(observer, key, &path)?.body;
        let age_ms = body["age_ms"].as_u64().map(Duration::from_millis);
        Ok(body["cache"] == "hit" && age_ms.is_some_and(|age| age >= SETTLED))
    })?;
    Ok(())
}

/// A question with percentiles, which rollups cannot answer, about a fixed range around now.
pub(super) fn question(bucket: &str) -> String {
    let now_ms = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis() as u64;
    let (from, to) = (now_ms - AROUND_MS, now_ms + AROUND_MS);
    format!(
        "/v1/metrics/aggregate?name={NAME}&from={from}&to={to}&bucket={bucket}\
         &values=avg,count,p95&limit=10000"
    )
}

fn asked(stage: &mut Stage, server: &Server, path: &str) -> anyhow::Result<Driven> {
    let load = Offer::questions(server, path, (ASKED_PER_S, stage.phase))?.start(stage)?;
    let mut moving = load.moving();
    let over = load.end(stage, |stage| {
        let lately = moving.look();
        let (answers, p50, p99) = (lately.acked_per_s, lately.p50_ns, lately.p99_ns);
        stage.point(&Values::from([("answers", answers), ("p50", p50), ("p99", p99)]));
    })?;
    Ok(over.driven)
}

/// Sends one metric and asks until the answer counts it: how long after its acknowledgement.
fn renewed(stage: &Stage, server: &Server, path: &str) -> anyhow::Result<Option<u64>> {
    let (observer, key) = (server.observer()?, server.key(0));
    let counted = || ask::get(observer, key, path).map(|answer| rows(&answer.body));
    let before = counted()?;
    let body = format!("{{\"name\":\"{NAME}\",\"value\":1}}");
    let answer = ask::post(server.ingest(), key, "/v1/ingest", &body)?;
    anyhow::ensure!(answer.status == 202, "the metric was refused with {}", answer.status);
    let acked = now();
    let mut took_ns = None;
    stage
        .until(STALE_WITHIN, || {
            let seen = counted()? > before;
            took_ns = seen.then(|| now().since(acked));
            Ok(seen)
        })
        .context("asking after the commit")?;
    Ok(took_ns)
}

/// Metrics that an answer counts.
fn rows(body: &serde_json::Value) -> u64 {
    let rows = body["rows"].as_array().map_or(&[][..], Vec::as_slice);
    rows.iter().filter_map(|row| row["count"].as_u64()).sum()
}

fn times_text(times: u64) -> String {
    match times {
        0 => "never".into(),
        1 => "once".into(),
        times => format!("{} times", count(times)),
    }
}

fn renewed_text(renewed: Option<u64>) -> String {
    match renewed {
        Some(ns) => format!("it did, {} after the metric was acknowledged", latency(Some(ns))),
        None => format!("it did not within {} s", STALE_WITHIN.as_secs()),
    }
}
