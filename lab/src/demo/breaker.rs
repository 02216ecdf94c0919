//! The scenario `breaker`: the store accepts questions and answers none, because the way to it is
//! frozen. Some ask it whatever happens, some take what is kept; the log goes on. Read next:
//! `distant.rs`, for the way; `cache.rs`.

use std::time::Duration;

use tailrace_measure::clock::{Stamp, now};
use tailrace_render::format::{count, latency};

use super::ask::{Answer, Crowd, median};
use super::distant::Distant;
use super::load::{Load, Offer, due};
use super::moving::Moving;
use super::scenario::{Outcome, Values};
use super::server::{Server, Store, UNLIMITED};
use super::stage::Stage;

/// Batches a second throughout: what a log takes without being asked twice.
const SENT_PER_S: f64 = 200.0;
/// Who asks the store whatever is kept, once it is away. With those that are content they are fewer
/// than a server has seats for questions, and more than the answers of a calm phase: the breaker
/// opens when half of the last questions failed.
const INSISTING: u64 = 12;
/// Who takes kept answers.
const CONTENT: u64 = 2;
/// Between an answer and the next question of the same asker.
const PAUSE: Duration = Duration::from_millis(150);
/// Nobody looks for so long before the store is stopped: what commits change goes stale within a
/// second, so that what is kept then is old.
const UNSEEN: Duration = Duration::from_secs(2);
/// The store stays away for so long after the breaker has opened.
const OPEN_FOR: Duration = Duration::from_secs(1);
/// The server's patience and its breaker's pause are some seconds each; past this something is wrong.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longer than everything together: the load is ended when the scenario is.
const LOAD_MAX: Duration = Duration::from_secs(120);
/// Waiting until patience ends, told apart from answering at once. The server's patience is some
/// seconds, an answer from the cache some milliseconds.
const SLOW_NS: u64 = 1_000_000_000;

/// When what happened.
struct Times {
    frozen: Stamp,
    opened: Option<Stamp>,
    thawed: Stamp,
    closed: Option<Stamp>,
}

pub(super) fn play(stage: &mut Stage) -> anyhow::Result<Outcome> {
    stage.step("starting a PostgreSQL of its own")?;
    let store = Distant::start()?;
    let server = Server::start(stage, &Store::Postgres(store.url()), &[("demo", UNLIMITED)])?;
    let crowds = (Crowd::default(), Crowd::default());
    let load = Offer::batches(&server, 0, ("demo.cpu", 1), (SENT_PER_S, LOAD_MAX))?.start(stage)?;
    let moving = load.moving();
    let (run, observer, key) = (load.run, server.observer()?, server.key(0));
    let now_ms = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_millis() as u64;
    // A fixed range, so that a question stays the same; its width is what tells askers apart.
    let path = |who: u64, more: &str| {
        let (from, to) = (now_ms - 3_600_000, now_ms + 3_600_000 + who * 60_000);
        format!("/v1/metrics/aggregate?name=demo.cpu&from={from}&to={to}&bucket=1m{more}")
    };
    let times = std::thread::scope(|scope| {
        let (insisting, content) = (&crowds.0, &crowds.1);
        insisting.pause(true);
        let _ending = (insisting.ending(), content.ending());
        for who in 0..INSISTING {
            let path = path(who, "&cache=skip");
            scope.spawn(move || insisting.ask((observer, key), PAUSE, |_| path.clone()));
        }
        for who in 0..CONTENT {
            let path = path(INSISTING + who, "");
            scope.spawn(move || content.ask((observer, key), PAUSE, |_| path.clone()));
        }
        let mut outage =
            Outage { stage, server: &server, crowds: &crowds, moving, seen: Seen::default() };
        outage.play(&store).map(|times| (times, outage.seen))
    });
    let (times, seen) = times?;
    judge(stage, &server, (load, run), (&times, &seen))
}

/// What the askers were told.
#[derive(Default)]
struct Seen {
    insisting: Vec<Answer>,
    content: Vec<Answer>,
}

/// The store's outage, while others send and ask.
struct Outage<'a> {
    stage: &'a Stage,
    server: &'a Server,
    crowds: &'a (Crowd, Crowd),
    moving: Moving,
    seen: Seen,
}

impl Outage<'_> {
    fn play(&mut self, store: &Distant) -> anyhow::Result<Times> {
        self.stage.step("all is well: batches come, dashboards ask")?;
        self.wait(self.stage.phase, |_| Ok(false))?;
        self.stage.step("nobody looks for a moment; what is kept grows old")?;
        self.crowds.1.pause(true);
        self.wait(UNSEEN, |_| Ok(false))?;
        self.stage.step("the way to the store is frozen, and dashboards ask again")?;
        let frozen_store = store.freeze()?;
        let frozen = now();
        self.crowds.0.pause(false);
        self.crowds.1.pause(false);
        let opened = self.wait(WAIT_MAX, |outage| Ok(outage.breaker()? == "open"))?.then(now);
        self.stage.step("the breaker is open")?;
        self.wait(OPEN_FOR, |_| Ok(false))?;
        self.stage.step("the store goes on; the breaker lets one question try after its pause")?;
        drop(frozen_store);
        let thawed = now();
        let closed = self.wait(WAIT_MAX, |outage| Ok(outage.breaker()? == "closed"))?.then(now);
        self.stage.step("the breaker is closed")?;
        self.wait(OPEN_FOR, |_| Ok(false))?;
        Ok(Times { frozen, opened, thawed, closed })
    }

    /// Shows how it goes until something is so; whether it came to that.
    fn wait(
        &mut self,
        limit: Duration,
        mut is_so: impl FnMut(&Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<bool> {
        let stage = self.stage;
        stage.until(limit, || {
            self.show();
            is_so(self)
        })
    }

    fn show(&mut self) {
        let (insisting, content) = (self.crowds.0.take(), self.crowds.1.take());
        let typical = |answers: &[Answer]| {
            median(answers.iter().map(|answer| answer.took_ns).collect()).map(|ns| ns as f64)
        };
        self.stage.point(&Values::from([
            ("acked", self.moving.look().acked_per_s),
            ("store", typical(&insisting)),
            ("kept", typical(&content)),
        ]));
        self.seen.insisting.extend(insisting);
        self.seen.content.extend(content);
    }

    fn breaker(&self) -> anyhow::Result<String> {
        let health = self.server.told("/health")?;
        Ok(health["history"]["breaker"].as_str().unwrap_or_default().to_owned())
    }
}

fn judge(
    stage: &mut Stage,
    server: &Server,
    (load, run): (Load, tailrace_contract::RunId),
    (times, seen): (&Times, &Seen),
) -> anyhow::Result<Outcome> {
    load.stop();
    let driven = load.end(stage, |_| {})?.driven;
    stage.step("asking the store for everything that was acknowledged")?;
    let stored = server.stored(stage, run, &driven.acked)?;
    let mut outcome = Outcome::default();
    judge_answers(&mut outcome, times, seen);
    let (due, acked) = (due(&driven), driven.measured.window_outcomes.acked);
    outcome.check(due == acked, format!("{} of {} were", count(acked), count(due)));
    let away_ns = times.thawed.since(times.frozen);
    let back = times.closed.map(|closed| closed.since(times.thawed));
    let seen = match back {
        Some(ns) => format!("it did, {} after the store went on", latency(Some(ns))),
        None => "it did not in the time that was looked at".into(),
    };
    outcome.check(back.is_some(), seen);
    outcome.check(
        stored.is_kept(),
        format!(
            "{} metrics are there, {} batches are missing and {} are there twice",
            count(stored.metrics),
            count(stored.missing),
            count(stored.repeated)
        ),
    );
    outcome.say(format!(
        "The store was away for {}; the log kept what came, and the worker stored it afterwards.",
        latency(Some(away_ns))
    ));
    outcome.time("store away", Some(away_ns));
    outcome.time("until the breaker opened", times.opened.map(|at| at.since(times.frozen)));
    outcome.time("from the store's return to the breaker closed", back);
    Ok(outcome)
}

fn judge_answers(outcome: &mut Outcome, times: &Times, seen: &Seen) {
    let all = || seen.insisting.iter().chain(&seen.content);
    let slow = all().filter(|a| a.asked >= times.frozen && a.took_ns >= SLOW_NS);
    let longest = slow.clone().map(|answer| answer.took_ns).max();
    outcome.check(
        longest.is_some(),
        format!(
            "{} questions waited, the longest {}",
            count(slow.count() as u64),
            latency(longest)
        ),
    );
    let until = times.thawed;
    let is_meanwhile =
        |a: &&Answer| times.opened.is_some_and(|at| a.asked >= at) && a.asked < until;
    let kept: Vec<&Answer> = seen.content.iter().filter(is_meanwhile).collect();
    let refused: Vec<&Answer> = seen.insisting.iter().filter(is_meanwhile).collect();
    let stale = kept.iter().filter(|a| a.status == 200 && a.degraded.is_some()).count() as u64;
    let told = refused.iter().filter(|a| a.status == 503 && a.retry_after_s.is_some()).count();
    let typical = median(kept.iter().chain(&refused).map(|answer| answer.took_ns).collect());
    let usual = all().filter(|answer| answer.asked < times.frozen).map(|answer| answer.took_ns);
    let usual = median(usual.collect());
    outcome.check(
        typical.is_some_and(|ns| ns < SLOW_NS) && told == refused.len() && told > 0,
        format!(
            "typically within {}: {} old answers that said so, {} refusals with Retry-After",
            latency(typical),
            count(stale),
            count(told as u64)
        ),
    );
    let example = kept.iter().find_map(|answer| {
        let age_ms = answer.body["age_ms"].as_u64()?;
        Some((answer.degraded.clone()?, age_ms))
    });
    if let Some((why, age_ms)) = example {
        let age = latency(Some(age_ms * 1_000_000));
        outcome.say(format!("An old answer said that it was {age} old, and why: {why}."));
    }
    outcome.time("typical answer before the outage", usual);
    outcome.time("longest wait while the breaker was closed", longest);
    outcome.time("typical answer while it was open", typical);
    outcome.number("old answers that said so", stale);
    outcome.number("refusals that said when to come again", told as u64);
}
