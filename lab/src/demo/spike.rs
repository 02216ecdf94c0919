//! The scenario `spike`: few batches, ten times as many, few again. Latency counts from when a
//! batch was due, so the waiting that a spike causes is in it; the same load by a stopwatch that
//! starts at sending stands beside it. Read next: `limit.rs`.

use std::time::Duration;

use tailrace_measure::quantile::distribution;
use tailrace_measure::record::{Arrivals, Slice, Step};
use tailrace_measure::recorder::Measured;
use tailrace_render::format::{count, latency, rate};

use super::load::{Offer, Over};
use super::scenario::{Outcome, Point, Unit, Values};
use super::server::{Server, Store, UNLIMITED};
use super::stage::Stage;

/// The rate before and after, as a share of what the server takes in a closed loop. Ten times as
/// much is then half more than it takes: the backlog grows, and is gone within a phase or so.
const BASE_SHARE: f64 = 0.15;
/// How much the spike has.
const TIMES: f64 = 10.0;
/// Below this many batches a second a phase holds too few to have a slow 1 %.
const BASE_MIN_PER_S: f64 = 100.0;
/// So many slices in a row must be calm again, so that a lucky one does not count.
const CALM_SLICES: usize = 3;

/// Phases of the schedule: before, during, and two to recover in.
const PHASES: [f64; 4] = [1.0, TIMES, 1.0, 1.0];

pub(super) fn play(stage: &mut Stage) -> anyhow::Result<Outcome> {
    let server = Server::start(stage, &Store::Without, &[("demo", UNLIMITED)])?;
    let most_per_s = most(stage, &server)?;
    let base_per_s = (most_per_s * BASE_SHARE).max(BASE_MIN_PER_S);
    stage.step(&format!(
        "{} before, {} in the spike, {} after",
        rate(base_per_s),
        rate(base_per_s * TIMES),
        rate(base_per_s)
    ))?;
    let (phase, began_s) = (stage.phase, stage.t_s());
    let steps = PHASES.map(|times| Step { rate: base_per_s * times, for_ms: None });
    let offer = Offer::batches(&server, 0, ("demo.load", 1), (base_per_s, phase * 4))?;
    let arrivals = Arrivals::Steps { steps: steps.to_vec() };
    let load = offer.arriving(arrivals, phase * 4).start(stage)?;
    let mut moving = load.moving();
    let Over { driven, .. } = load.end(stage, |stage| {
        let lately = moving.look();
        stage.point(&Values::from([
            ("due", lately.due_per_s),
            ("acked", lately.acked_per_s),
            ("p99", lately.p99_ns),
            ("waiting", lately.waiting),
        ]));
    })?;
    let slices = &driven.measured.slices;
    let mut outcome = judged(&driven.measured, phase);
    outcome.figure("taken in a closed loop", Some(most_per_s), Unit::PerS);
    outcome.figure("due before and after", Some(base_per_s), Unit::PerS);
    outcome.figure("due in the spike", Some(base_per_s * TIMES), Unit::PerS);
    outcome.points = points(slices, began_s);
    Ok(outcome)
}

fn judged(measured: &Measured, phase: Duration) -> Outcome {
    let mut outcome = Outcome::default();
    let outcomes = &measured.window_outcomes;
    outcome.check(
        outcomes.acked == outcomes.scheduled,
        format!("{} of {} were", count(outcomes.acked), count(outcomes.scheduled)),
    );
    Course::of(&measured.slices, phase).judge(&mut outcome);
    let sent = distribution(&measured.service, 0).ns_at(0.99);
    let due = distribution(&measured.ack, outcomes.unanswered()).ns_at(0.99);
    outcome.say(format!(
        "Over the whole load the slow 1 % took {} from when it was due; whoever had started the \
         stopwatch at sending would have read {}.",
        latency(due),
        latency(sent)
    ));
    outcome.time("slow 1 % of the whole load, from due", due);
    outcome.time("slow 1 % of the whole load, from sending", sent);
    outcome
}

/// How much the server takes when there is always one more.
fn most(stage: &mut Stage, server: &Server) -> anyhow::Result<f64> {
    stage.step("finding out how much it takes")?;
    let offer = Offer::batches(server, 0, ("demo.warm", 1), (1.0, stage.phase / 2))?;
    let load = offer.closed().start(stage)?;
    let driven = load.end(stage, |_| {})?.driven;
    let acked = driven.measured.window_outcomes.acked;
    Ok(acked as f64 / (stage.phase / 2).as_secs_f64())
}

/// What the slices of the load say.
struct Course {
    before_p99_ns: Option<u64>,
    during_p99_ns: Option<u64>,
    backlog_max: u64,
    /// From the end of the spike until it was calm again.
    calm_after: Option<Duration>,
    after_p99_ns: Option<u64>,
}

impl Course {
    fn of(slices: &[Slice], phase: Duration) -> Self {
        let at = |phases: u32| (phase * phases).as_millis() as i64;
        let between = |from: i64, to: i64| {
            slices.iter().filter(move |slice| (from..to).contains(&slice.due_ms))
        };
        let (before, during) = (between(0, at(1)), between(at(1), at(2)));
        let usual = before.clone().map(|slice| slice.backlog).max().unwrap_or(0);
        let rest: Vec<&Slice> = between(at(2), i64::MAX).collect();
        // A backlog of a few batches is how many happen to be on their way.
        let is_calm = |slice: &&Slice| slice.backlog <= (usual * 2).max(slice.scheduled / 4);
        let calm = rest.windows(CALM_SLICES).find(|few| few.iter().all(is_calm));
        let since = |slice: &&Slice| Duration::from_millis((slice.due_ms - at(2)).max(0) as u64);
        let calm_from = calm.map_or(i64::MAX, |few| few[0].due_ms);
        Self {
            before_p99_ns: typical_p99(before),
            during_p99_ns: during.filter_map(|slice| slice.ack_p99_ns).max(),
            backlog_max: slices.iter().map(|slice| slice.backlog).max().unwrap_or(0),
            calm_after: calm.map(|few| since(&few[0])),
            after_p99_ns: typical_p99(between(calm_from, i64::MAX)),
        }
    }

    fn judge(&self, outcome: &mut Outcome) {
        let (before, during) = (self.before_p99_ns, self.during_p99_ns);
        let grew = before.zip(during).map(|(before, during)| during as f64 / before.max(1) as f64);
        outcome.check(
            grew.is_some_and(|times| times >= 5.0),
            format!(
                "{} before, up to {} during: {:.1} times as long, with up to {} batches waiting",
                latency(before),
                latency(during),
                grew.unwrap_or_default(),
                count(self.backlog_max)
            ),
        );
        let seen = match self.calm_after {
            Some(after) => format!(
                "{} after the end of the spike; from then on the slow 1 % took {}, against {} \
                 before",
                latency(Some(after.as_nanos() as u64)),
                latency(self.after_p99_ns),
                latency(before)
            ),
            None => "not within the time that was looked at".into(),
        };
        outcome.check(self.calm_after.is_some(), seen);
        outcome.time("slow 1 % before", before);
        outcome.time("slow 1 % in the worst tenth of a second of the spike", during);
        outcome.number("most batches waiting", self.backlog_max);
        outcome
            .time("until it was as before", self.calm_after.map(|after| after.as_nanos() as u64));
    }
}

/// Of the tenths of a second, the one in the middle.
fn typical_p99<'a>(slices: impl Iterator<Item = &'a Slice>) -> Option<u64> {
    super::ask::median(slices.filter_map(|slice| slice.ack_p99_ns).collect())
}

fn points(slices: &[Slice], began_s: f64) -> Vec<Point> {
    let Some(step_ms) = slices.get(1).map(|slice| slice.due_ms) else { return Vec::new() };
    let step_s = step_ms as f64 / 1e3;
    let point = |slice: &Slice| Point {
        t_s: began_s + slice.due_ms as f64 / 1e3,
        values: Values::from([
            ("due", Some(slice.scheduled as f64 / step_s)),
            ("p99", slice.ack_p99_ns.map(|ns| ns as f64)),
            ("waiting", Some(slice.backlog as f64)),
        ]),
    };
    slices.iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(due_ms: i64, p99_ms: u64, backlog: u64) -> Slice {
        let ack_p99_ns = Some(p99_ms * 1_000_000);
        Slice { due_ms, scheduled: 100, acked: 100, ack_p99_ns, backlog, ..Slice::default() }
    }

    #[test]
    fn a_spike_is_over_when_its_backlog_is() {
        let mut slices: Vec<Slice> = (0..5).map(|n| slice(n * 100, 1, 2)).collect();
        slices.extend((5..10).map(|n| slice(n * 100, 500, 5_000)));
        // A lucky slice in the middle of working it off does not count.
        slices.extend([slice(1_000, 300, 900), slice(1_100, 200, 1), slice(1_200, 100, 400)]);
        slices.extend((13..20).map(|n| slice(n * 100, 1, 1)));
        let course = Course::of(&slices, Duration::from_millis(500));
        assert_eq!(course.calm_after, Some(Duration::from_millis(300)));
        assert_eq!(
            (course.before_p99_ns, course.during_p99_ns),
            (Some(1_000_000), Some(500_000_000))
        );
        assert_eq!((course.backlog_max, course.after_p99_ns), (5_000, Some(1_000_000)));
    }

    #[test]
    fn what_never_calms_down_is_said_so() {
        let slices: Vec<Slice> = (0..20).map(|n| slice(n * 100, 1, 1_000 * n as u64)).collect();
        let mut outcome = Outcome::default();
        Course::of(&slices, Duration::from_millis(500)).judge(&mut outcome);
        assert!(!outcome.checks[1].0, "{:?}", outcome.checks);
    }
}
