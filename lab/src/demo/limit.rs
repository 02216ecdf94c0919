//! The scenario `limit`: one tenant offers several times what its key allows, another keeps to
//! what it does. Who is refused is told at once when to come again. Read next: `breaker.rs`.

use std::time::Duration;

use tailrace_contract::Quota;
use tailrace_loadgen::driver::Driven;
use tailrace_measure::quantile::distribution;
use tailrace_render::format::{count, latency, rate};

use super::ask;
use super::load::{Offer, Over};
use super::scenario::{Outcome, Unit, Values};
use super::server::{Server, Store, UNLIMITED};
use super::stage::Stage;

/// What the first tenant may send: little enough for any machine, so that it is the limit that
/// refuses and nothing else.
const LIMIT: Quota = Quota { rate_per_s: 20.0, burst: 20 };
/// How many times its rate it offers.
const TIMES: f64 = 20.0;
/// What the other tenant sends, a second.
const OTHER_PER_S: f64 = 200.0;
/// A server takes requests out of shared buckets in small leases, and uses them a little later:
/// more than the limit by a few.
const LEASE: f64 = 5.0;
/// So often it is asked by hand at most: a full bucket, and as much again for what flows in meanwhile.
const ASKED_MAX: u32 = 2 * LIMIT.burst;
/// Less than the limit where the machine stood still: a bucket that is full takes no more in.
const AT_LEAST: f64 = 0.9;

pub(super) fn play(stage: &mut Stage) -> anyhow::Result<Outcome> {
    let tenants = [("limited", LIMIT), ("other", UNLIMITED)];
    let server = Server::start(stage, &Store::Without, &tenants)?;
    let phase = stage.phase;
    stage.step(&format!("the other tenant alone, {}", rate(OTHER_PER_S)))?;
    let alone =
        Offer::batches(&server, 1, ("demo.other", 1), (OTHER_PER_S, phase))?.start(stage)?;
    let mut moving = alone.moving();
    let Over { driven: alone, .. } = alone.end(stage, |stage| {
        let lately = moving.look();
        let (other, p99) = (lately.acked_per_s, lately.p99_ns);
        stage.point(&Values::from([("other", other), ("other_p99", p99)]));
    })?;

    let offered_per_s = LIMIT.rate_per_s * TIMES;
    stage.step(&format!(
        "the limited tenant offers {}, and may send {} with bursts of {}",
        rate(offered_per_s),
        rate(LIMIT.rate_per_s),
        LIMIT.burst
    ))?;
    let batches = |tenant, name, per_s| {
        Offer::batches(&server, tenant, (name, 1), (per_s, phase * 2))?.start(stage)
    };
    let limited = batches(0, "demo.limited", offered_per_s)?;
    let other = batches(1, "demo.other", OTHER_PER_S)?;
    let (mut mine, mut theirs) = (limited.moving(), other.moving());
    let mut refusal = None;
    let Over { driven: limited, span } = limited.end(stage, |stage| {
        let (mine, theirs) = (mine.look(), theirs.look());
        stage.point(&Values::from([
            ("acked", mine.acked_per_s),
            ("refused", mine.failed_per_s),
            ("other", theirs.acked_per_s),
            ("other_p99", theirs.p99_ns),
        ]));
        if refusal.is_none() {
            refusal = refused(&server);
        }
    })?;
    let Over { driven: other, .. } = other.end(stage, |_| {})?;
    // Where the machine stood still nobody asked while the bucket was empty.
    let refusal = refusal.or_else(|| (0..ASKED_MAX).find_map(|_| refused(&server)));
    Ok(judge((phase * 2, span), &limited, (&alone, &other), refusal.as_ref()))
}

/// One request by hand, to read the whole of its refusal; none: it was let in.
fn refused(server: &Server) -> Option<ask::Answer> {
    let body = r#"{"name":"demo.asked","value":1}"#;
    let answer = ask::post(server.ingest(), server.key(0), "/v1/ingest", body).ok()?;
    (answer.status == 429).then_some(answer)
}

fn judge(
    (due, span): (Duration, Duration),
    limited: &Driven,
    (alone, other): (&Driven, &Driven),
    refusal: Option<&ask::Answer>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let outcomes = &limited.measured.window_outcomes;
    let allowed = |time: Duration| f64::from(LIMIT.burst) + LIMIT.rate_per_s * time.as_secs_f64();
    let (least, most) = (allowed(due) * AT_LEAST, allowed(span) + LEASE);
    let (acked, refused) = (outcomes.acked, outcomes.refused.get(&429).copied().unwrap_or(0));
    outcome.check(
        (least..=most).contains(&(acked as f64)),
        format!(
            "{} of {} were let in within {}; the limit allows {}",
            count(acked),
            count(outcomes.scheduled),
            latency(Some(span.as_nanos() as u64)),
            count(allowed(span) as u64)
        ),
    );
    let wait = refusal.and_then(|answer| answer.retry_after_s);
    let told = wait.map_or("no refusal said when".into(), |s| format!("one said: again in {s} s"));
    outcome.check(
        acked + refused == outcomes.scheduled && refused > 0 && wait.is_some(),
        format!("{} were refused with 429; {told}", count(refused)),
    );
    let theirs = &other.measured.window_outcomes;
    outcome.check(
        theirs.acked == theirs.scheduled,
        format!("{} of {} were", count(theirs.acked), count(theirs.scheduled)),
    );
    let p99 = |driven: &Driven| distribution(&driven.measured.ack, 0).ns_at(0.99);
    outcome.say(format!(
        "The other tenant's slow 1 % took {} alone and {} beside the limited one.",
        latency(p99(alone)),
        latency(p99(other))
    ));
    if let Some(detail) = refusal.and_then(|answer| answer.body["detail"].as_str()) {
        outcome.say(format!("A refusal says: {detail}."));
    }
    outcome.figure("offered by the limited tenant", Some(LIMIT.rate_per_s * TIMES), Unit::PerS);
    outcome.figure("its limit", Some(LIMIT.rate_per_s), Unit::PerS);
    outcome.figure(
        "let in, the burst included",
        Some(acked as f64 / span.as_secs_f64()),
        Unit::PerS,
    );
    outcome.number("refused with 429", refused);
    outcome.time("other tenant's slow 1 %, alone", p99(alone));
    outcome.time("other tenant's slow 1 %, beside it", p99(other));
    outcome
}
