//! Expectations against what was seen. With [`ROUNDS_MIN`] rounds or more the interval of the
//! ratio decides; with fewer, all rounds must lie on one side of the bound, and below
//! [`SAME_SIDE_MIN`] rounds nothing is decided. INVALID trials are in no round. Whether two
//! figures may be compared at all is decided in `comparable.rs`.

use crate::cells::Grid;
use crate::comparable::{Divided, Spot, divide, present, quotient};
use crate::record::{
    AuditSeal, Bounds, Claim, Expectation, Experiment, Figure, Judged, Judgment, Ratio, Trial,
};
use crate::statistics::ROUNDS_MIN;
use crate::wording::{percent, plural, times};

/// Below so many rounds "all on the same side" is chance at least one time in two.
const SAME_SIDE_MIN: usize = 3;

/// A verdict on each expectation, in declared order.
pub(crate) fn verdicts(grid: &Grid<'_>) -> Vec<Judged> {
    let Experiment { expectations, .. } = grid.experiment;
    expectations.iter().map(|expectation| judge(grid, expectation)).collect()
}

fn judge(grid: &Grid<'_>, expectation: &Expectation) -> Judged {
    let (expected, seen) = match &expectation.claim {
        Claim::Ratio { figure, against, against_load, bounds } => {
            let other = Spot { arm: against, load: against_load };
            ratio_claim(grid, expectation, *figure, other, bounds)
        }
        Claim::ToFloor { figure, bounds } => floor_claim(grid, expectation, *figure, bounds),
        Claim::Answered { bounds } => answered(grid, expectation, bounds),
        Claim::AuditKept => audit_kept(grid, expectation),
    };
    let seen = seen.unwrap_or_else(|why| Seen {
        verdict: Judgment::CannotTell,
        text: format!("not judged: {why}"),
        ratio: None,
    });
    Judged {
        expectation: expectation.clone(),
        verdict: seen.verdict,
        sentence: format!("{expected}: {}.", seen.text),
        ratio: seen.ratio,
    }
}

/// What came of an expectation.
struct Seen {
    verdict: Judgment,
    text: String,
    ratio: Option<Ratio>,
}

type Verdict = (String, Result<Seen, String>);

fn ratio_claim(
    grid: &Grid<'_>,
    expectation: &Expectation,
    figure: Figure,
    other: Spot<'_>,
    bounds: &Bounds,
) -> Verdict {
    let spot = Spot { arm: &expectation.arm, load: &expectation.load };
    let (what, bound) = (figure.title(), bound(bounds, times));
    let pair = match (spot.arm == other.arm, spot.load == other.load) {
        (true, _) => format!("`{}` under `{}` ÷ under `{}`", spot.arm, spot.load, other.load),
        (_, true) => format!("`{}` ÷ `{}` under `{}`", spot.arm, other.arm, spot.load),
        _ => {
            format!("`{}` under `{}` ÷ `{}` under `{}`", spot.arm, spot.load, other.arm, other.load)
        }
    };
    let seen = divide(grid, figure, spot, other).map(|divided| weigh(divided, bounds));
    (format!("{what} of {pair}, expected {bound}"), seen)
}

/// How far above the machine an arm is: here a figure near the floor is the answer, no obstacle.
fn floor_claim(
    grid: &Grid<'_>,
    expectation: &Expectation,
    figure: Figure,
    bounds: &Bounds,
) -> Verdict {
    let Expectation { arm, load, .. } = expectation;
    let (what, bound) = (figure.title(), bound(bounds, times));
    let expected =
        format!("{what} of `{arm}` ÷ that of the bare echo under `{load}`, expected {bound}");
    let spot = |arm| Spot { arm, load };
    let divided = match grid.floor_of(arm) {
        Some(floor) => quotient(grid, figure, spot(arm), spot(&floor.slug)),
        None => Err("no floor arm ran behind the same link".to_owned()),
    };
    (expected, divided.map(|divided| weigh(divided, bounds)))
}

/// Where the ratio lies, and how sure that is.
fn weigh(divided: Divided, bounds: &Bounds) -> Seen {
    let few = divided.rounds.len() < SAME_SIDE_MIN;
    let (low, high) = range(&divided);
    let verdict = if few { Judgment::CannotTell } else { place(low, high, bounds) };
    let remarks = [
        (few, "too few rounds to tell".to_owned()),
        (divided.missing > 0, format!("{} INVALID or missing", rounds(divided.missing))),
        (divided.suspect, "some of it is SUSPECT".to_owned()),
    ];
    let remarks = remarks.into_iter().filter_map(|(said, remark)| said.then_some(remark));
    let told = std::iter::once(told(&divided, bounds)).chain(remarks);
    Seen { verdict, text: told.collect::<Vec<_>>().join("; "), ratio: Some(divided.ratio) }
}

/// What must lie within the bounds: the interval, or all rounds where there is none.
fn range(divided: &Divided) -> (f64, f64) {
    let ratio = &divided.ratio;
    let sure = ratio.interval.filter(|_| divided.rounds.len() >= ROUNDS_MIN);
    sure.unwrap_or((ratio.lowest, ratio.highest))
}

fn told(divided: &Divided, bounds: &Bounds) -> String {
    let (low, high) = range(divided);
    let (mean, low, high) = (times(divided.ratio.mean), times(low), times(high));
    let n = divided.rounds.len();
    if n >= ROUNDS_MIN {
        return format!("{mean} over {n} rounds (95 %: {low}–{high})");
    }
    let within = divided.rounds.iter().filter(|ratio| inside(**ratio, bounds)).count();
    format!("{mean}, so in {within} of {} ({low}–{high})", rounds(n as u32))
}

fn rounds(count: u32) -> String {
    plural(u64::from(count), "round")
}

fn inside(value: f64, bounds: &Bounds) -> bool {
    bounds.above.is_none_or(|above| value > above) && bounds.below.is_none_or(|below| value < below)
}

/// What a range that lies so says about the bounds.
fn place(low: f64, high: f64, bounds: &Bounds) -> Judgment {
    if inside(low, bounds) && inside(high, bounds) {
        Judgment::Confirmed
    } else if bounds.above.is_some_and(|above| high <= above)
        || bounds.below.is_some_and(|below| low >= below)
    {
        Judgment::Refuted
    } else {
        Judgment::CannotTell
    }
}

fn bound(bounds: &Bounds, figure: fn(f64) -> String) -> String {
    match (bounds.above.map(figure), bounds.below.map(figure)) {
        (Some(above), Some(below)) => format!("between {above} and {below}"),
        (Some(above), None) => format!("above {above}"),
        (None, Some(below)) => format!("below {below}"),
        (None, None) => "to be seen".to_owned(),
    }
}

/// Every trial is a census of its batches, so one round is enough to refute.
fn answered(grid: &Grid<'_>, expectation: &Expectation, bounds: &Bounds) -> Verdict {
    let Expectation { arm, load, .. } = expectation;
    let expected = format!(
        "share of due batches that `{arm}` answered under `{load}`, expected {}",
        bound(bounds, percent)
    );
    let share = |trial: &Trial| {
        let outcomes = &trial.outcomes;
        (outcomes.scheduled > 0).then(|| outcomes.acked as f64 / outcomes.scheduled as f64)
    };
    let shares: Vec<f64> = grid.cell(arm, load).values(share).into_iter().flatten().collect();
    let low = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let high = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let seen = present(grid, arm).and_then(|()| {
        if shares.is_empty() {
            return Err("no valid trial".to_owned());
        }
        let holds = shares.iter().all(|share| inside(*share, bounds));
        let verdict = if holds { Judgment::Confirmed } else { Judgment::Refuted };
        let rounds = plural(shares.len() as u64, "round");
        let range = if shares.len() > 1 && high > low {
            format!("{} to {} in {rounds}", percent(low), percent(high))
        } else {
            format!("{} in {rounds}", percent(low))
        };
        Ok(Seen { verdict, text: range, ratio: None })
    });
    (expected, seen)
}

/// A lost batch is lost, whatever the state of the instrument: INVALID trials count here.
fn audit_kept(grid: &Grid<'_>, expectation: &Expectation) -> Verdict {
    let Expectation { arm, load, .. } = expectation;
    let expected = format!("audit of `{arm}` under `{load}`, expected to be KEPT");
    let cell = grid.cell(arm, load);
    let trials = plural(cell.all().count() as u64, "trial");
    let seen = match cell.audit() {
        AuditSeal::Kept => (Judgment::Confirmed, format!("KEPT in {trials}")),
        AuditSeal::Broken => (Judgment::Refuted, format!("BROKEN, of {trials}")),
        AuditSeal::NotAudited => (Judgment::CannotTell, "not audited".to_owned()),
    };
    let (verdict, text) = seen;
    (expected, Ok(Seen { verdict, text, ratio: None }))
}
