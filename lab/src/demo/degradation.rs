//! The scenario `degradation`: too many ask too much, and some who watch stop reading. Questions
//! get coarser answers, then refusals; batches are acknowledged all the same. Read next:
//! `end_to_end.rs`.

use std::net::SocketAddr;
use std::time::Duration;

use tailrace_loadgen::driver::Driven;
use tailrace_loadgen::observer::Key;
use tailrace_measure::clock::now;
use tailrace_measure::record::Slice;
use tailrace_render::format::{count, latency};

use super::ask::{self, Answer, Crowd, median};
use super::cache::{fill, question};
use super::load::Offer;
use super::moving::Moving;
use super::scenario::{Outcome, Values};
use super::server::{Server, Store, UNLIMITED};
use super::stage::{Stage, TICK};
use super::stalled::{Read, Stalled};

/// Batches a second throughout.
const SENT_PER_S: f64 = 400.0;
/// Who asks without a pause: twice as many as a server has seats for questions.
const CROWD: u64 = 32;
/// Subscribers who stop reading.
const STALLED: usize = 3;
/// Of the answers, the last so many must be whole again.
const AFTERWARDS: u64 = 5;

pub(super) fn play(stage: &mut Stage) -> anyhow::Result<Outcome> {
    let server = Server::start(stage, &Store::Sqlite, &[("demo", UNLIMITED)])?;
    fill(stage, &server, stage.phase)?;
    let phase = stage.phase;
    let offer = Offer::batches(&server, 0, ("demo.load", 1), (SENT_PER_S, phase * 2))?;
    stage.step("batches come, one subscriber reads, nobody asks")?;
    let load = offer.followed(&server, false)?.start(stage)?;
    let (mut moving, anchor) = (load.moving(), load.anchor);
    let (observer, key) = (server.observer()?, server.key(0));
    show(stage, &mut moving, None, phase)?;
    stage.step(&format!("{CROWD} ask without a pause, {STALLED} subscribers stop reading"))?;
    let crowded = now();
    let stalled = Stalled::subscribe(STALLED, observer, key)?;
    let seen = crowd(stage, &mut moving, (observer, key))?;
    let driven = load.end(stage, |_| {})?.driven;
    stage.step("the crowd has gone")?;
    let after = afterwards(stage, observer, key)?;
    let read = stalled.read();
    let before_ms = crowded.since(anchor) / 1_000_000;
    Ok(judge((&driven, before_ms), &seen, after, read))
}

/// Asks from all sides for a phase, less a moment in which the load ends.
fn crowd(
    stage: &Stage,
    moving: &mut Moving,
    asked: (SocketAddr, &Key),
) -> anyhow::Result<Vec<Answer>> {
    let crowd = Crowd::default();
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        let _ending = crowd.ending();
        for _ in 0..CROWD {
            let crowd = &crowd;
            // Never the same question twice: nothing is kept, nothing is shared.
            scope.spawn(move || crowd.ask(asked, Duration::ZERO, |_| question("1s")));
        }
        show(stage, moving, Some((&crowd, &mut seen)), stage.phase)
    })?;
    seen.extend(crowd.take());
    Ok(seen)
}

/// Shows how it goes for so long, and gathers what the crowd was told.
fn show(
    stage: &Stage,
    moving: &mut Moving,
    mut crowd: Option<(&Crowd, &mut Vec<Answer>)>,
    length: Duration,
) -> anyhow::Result<()> {
    let looks_per_s = 1.0 / TICK.as_secs_f64();
    stage.until(length, || {
        let lately = moving.look();
        let new = crowd.as_ref().map(|(crowd, _)| crowd.take());
        let of = |kind| {
            let new = new.as_ref()?;
            Some(new.iter().filter(|answer| Kind::of(answer) == kind).count() as f64 * looks_per_s)
        };
        stage.point(&Values::from([
            ("acked", lately.acked_per_s),
            ("ack_p99", lately.p99_ns),
            ("whole", of(Kind::Whole)),
            ("coarser", of(Kind::Coarser)),
            ("refused", of(Kind::Refused)),
        ]));
        if let (Some((_, seen)), Some(new)) = (&mut crowd, new) {
            seen.extend(new);
        }
        Ok(false)
    })?;
    Ok(())
}

/// How good an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As it was asked for.
    Whole,
    /// With less detail, and it says so.
    Coarser,
    /// Not answered, and told when to come again.
    Refused,
    /// Something else, which nobody was told.
    Silent,
}

impl Kind {
    fn of(answer: &Answer) -> Self {
        match answer.status {
            200 if answer.degraded.is_some() => Self::Coarser,
            200 => Self::Whole,
            429 | 503 if answer.retry_after_s.is_some() => Self::Refused,
            _ => Self::Silent,
        }
    }
}

/// Questions when nobody else asks: how many of them were answered whole.
fn afterwards(stage: &Stage, observer: SocketAddr, key: &Key) -> anyhow::Result<u64> {
    let mut whole = 0;
    for _ in 0..AFTERWARDS {
        stage.check()?;
        let answer = ask::get(observer, key, &question("1s"))?;
        whole += u64::from(Kind::of(&answer) == Kind::Whole);
    }
    Ok(whole)
}

fn judge(
    (driven, before_ms): (&Driven, u64),
    seen: &[Answer],
    after: u64,
    stalled: Read,
) -> Outcome {
    let mut outcome = Outcome::default();
    let outcomes = &driven.measured.window_outcomes;
    let slices = &driven.measured.slices;
    let is_before = |slice: &&Slice| slice.due_ms < before_ms.cast_signed();
    let (before, during): (Vec<&Slice>, Vec<&Slice>) = slices.iter().partition(is_before);
    let p99 = |slices: &[&Slice]| median(slices.iter().filter_map(|s| s.ack_p99_ns).collect());
    let (before, during) = (p99(&before), p99(&during));
    outcome.check(
        outcomes.acked == outcomes.scheduled,
        format!(
            "{} of {} were; the slow 1 % took {} before and {} in the crowd",
            count(outcomes.acked),
            count(outcomes.scheduled),
            latency(before),
            latency(during)
        ),
    );
    let of = |kind| seen.iter().filter(|answer| Kind::of(answer) == kind).count() as u64;
    let [whole, coarser, refused, silent] =
        [Kind::Whole, Kind::Coarser, Kind::Refused, Kind::Silent].map(of);
    outcome.check(
        coarser + refused > 0 && silent == 0,
        format!(
            "of {} answers {} were whole, {} coarser and {} refusals; {} were worse without \
             saying so",
            count(seen.len() as u64),
            count(whole),
            count(coarser),
            count(refused),
            count(silent)
        ),
    );
    let live = driven.live;
    outcome.check(
        live.seen == live.due && live.missed == 0,
        format!("it saw {} of {}", count(live.seen), count(live.due)),
    );
    outcome.check(
        after == AFTERWARDS,
        format!("{} of {} answers were", count(after), count(AFTERWARDS)),
    );
    if let Some(why) = seen.iter().find_map(|answer| answer.degraded.as_deref()) {
        outcome.say(format!("A coarser answer says why: {why}."));
    }
    outcome.say(stalled_text(stalled));
    outcome.time("slow 1 % of acknowledgements before", before);
    outcome.time("slow 1 % of acknowledgements in the crowd", during);
    outcome.number("whole answers", whole);
    outcome.number("coarser answers", coarser);
    outcome.number("refused questions", refused);
    outcome.number("batches seen by who read", live.seen);
    outcome
}

fn stalled_text(Read { events, missed }: Read) -> String {
    let told = match missed {
        0 => "it all fit into the buffers, so they missed nothing".to_owned(),
        missed => format!("they were told that they had missed {}", count(missed)),
    };
    format!(
        "When those who had stopped reading read again, {} events were waiting for them; {told}. \
         Nobody waited for them meanwhile.",
        count(events)
    )
}
