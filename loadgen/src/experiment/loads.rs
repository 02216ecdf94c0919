//! From `[[load]]` to loads: rates and arrivals are multiplied, and a slug names what differs.

use tailrace_measure::record::{Arrivals, Crowd};

use super::fault::{Fault, Place};
use super::wire::{File, LoadEntry};
use super::words::{As, RateWord, Slug, Word};
use super::{LoadPlan, Rate, limits};

/// The loads in declared order.
pub(super) fn loads(shape: &File, place: &Place<'_>) -> Result<Vec<LoadPlan>, Fault> {
    let mut loads: Vec<LoadPlan> = Vec::new();
    for entry in &shape.load {
        let plans = multiply(entry.get_ref(), shape);
        for load in plans.map_err(|what| place.fault(entry.span(), what))? {
            if loads.iter().any(|other| other.slug == load.slug) {
                let what = format!("two loads are {:?}; name them by slug", load.slug);
                return Err(place.fault(entry.span(), &what));
            }
            loads.push(load);
        }
        if loads.len() > limits::LOADS_MAX {
            let what = format!("more than {} loads", limits::LOADS_MAX);
            return Err(place.fault(entry.span(), &what));
        }
    }
    if loads.is_empty() {
        return Err(place.whole("it has no load: give at least one [[load]]"));
    }
    Ok(loads)
}

/// Only some shapes name rates themselves.
const NO_RATE: &str = "this load needs a rate; only ramp, steps and replay name rates of their own, \
                       with a mean between one and two million batches a second";

fn multiply(entry: &LoadEntry, shape: &File) -> Result<Vec<LoadPlan>, &'static str> {
    let arrivals: Vec<Arrivals> =
        entry.arrivals.iter().map(|As(arrivals)| arrivals.clone()).collect();
    let arrivals = if arrivals.is_empty() { vec![Arrivals::Poisson] } else { arrivals };
    let mut loads = Vec::new();
    let asked: Vec<Option<RateWord>> = if entry.rate.is_empty() {
        vec![None]
    } else {
        entry.rate.iter().map(|As(rate)| Some(*rate)).collect()
    };
    let subscribers: Vec<Option<u32>> = match entry.subscribers.as_slice() {
        [] => vec![None],
        some => some.iter().map(|number| Some(number.0 as u32)).collect(),
    };
    let several = subscribers.len() > 1;
    let asked = asked.iter().flat_map(|rate| subscribers.iter().map(move |many| (*rate, *many)));
    for (rate, many) in asked {
        for arrivals_of in &arrivals {
            let own = || RateWord::number(arrivals_of.own_rate_per_s()?);
            let rate = rate.or_else(own).ok_or(NO_RATE)?;
            let given = entry.slug.iter().map(|As(Slug(slug))| slug.clone());
            let rate_part = (entry.rate.len() > 1).then(|| rate_slug(rate));
            let arrivals_part = (arrivals.len() > 1).then(|| arrivals_slug(arrivals_of));
            let many_part = many.filter(|_| several).map(|many| format!("{many}sub"));
            let parts = given.chain(rate_part).chain(arrivals_part).chain(many_part);
            let parts: Vec<String> = parts.collect();
            let slug = if parts.is_empty() { "load".to_owned() } else { parts.join("-") };
            let crowd = crowd(entry, many)?;
            loads.push(LoadPlan { crowd, ..plan(entry, shape, slug, rate, arrivals_of.clone()) });
        }
    }
    Ok(loads)
}

fn plan(
    entry: &LoadEntry,
    shape: &File,
    slug: String,
    rate: RateWord,
    arrivals: Arrivals,
) -> LoadPlan {
    let live_per_s = entry.live.map(|live| live.0 as f64);
    let timeout_ms = entry.timeout.or(shape.timeout).map_or(limits::TIMEOUT_MS, |ms| ms.0.0);
    // A fault must be visible in the latencies, not hidden by a cap on what may wait.
    let waiting_s = if shape.faults.is_empty() { 0.0 } else { timeout_ms as f64 / 1e3 };
    let live = if live_per_s.is_some() { ", with a live subscriber" } else { "" };
    LoadPlan {
        label: format!("{slug}{live}"),
        slug,
        rate: match rate {
            RateWord::PerS(rate) => Rate::PerS(rate),
            RateWord::OfSlowest(share) => Rate::OfSlowest { share, above: None },
        },
        arrivals,
        warm_up_ms: entry.warm_up.or(shape.warm_up).map_or(limits::WARM_UP_MS, |ms| ms.0.0),
        window_ms: entry.window.or(shape.window).map_or(limits::WINDOW_MS, |ms| ms.0.0),
        timeout_ms,
        waiting_s: waiting_s.max(limits::WAITING_S),
        live_per_s,
        crowd: None,
        spin: entry.spin.or(shape.spin).unwrap_or(false),
    }
}

/// Who subscribes beside the one that is measured; stalled ones are among the number asked for.
///
/// # Errors
/// Nobody is measured among them, or more of them stall than there are.
fn crowd(entry: &LoadEntry, many: Option<u32>) -> Result<Option<Crowd>, &'static str> {
    let stalled = entry.stalled.map_or(0, |stalled| stalled.0 as u32);
    let others = many.unwrap_or(1).saturating_sub(1);
    if entry.live.is_none() && (many.is_some() || stalled > 0) {
        return Err("subscribers follow a live feed: say how much of it, live = 1000");
    }
    // One that is alone is the one that is measured.
    let stalled = stalled.min(others);
    if entry.stalled.is_some() && entry.subscribers.iter().all(|n| n.0 < 2) {
        return Err("the first subscriber is measured and never stalls: subscribers = 2 or more");
    }
    Ok((others > 0).then_some(Crowd { subscribers: others, stalled }))
}

fn rate_slug(rate: RateWord) -> String {
    match rate {
        // A point is no letter of a slug.
        RateWord::PerS(rate) => rate.to_string().replace('.', "p"),
        RateWord::OfSlowest(share) => format!("{}pc", (share * 100.0).round()),
    }
}

fn arrivals_slug(arrivals: &Arrivals) -> String {
    match arrivals {
        Arrivals::Constant => "constant".into(),
        Arrivals::Poisson => "poisson".into(),
        Arrivals::Burst { batches } => format!("burst{batches}"),
        // A point is no letter of a slug.
        Arrivals::Ramp { from, to } => format!("ramp{from}-{to}").replace('.', "p"),
        Arrivals::Steps { steps } => format!("steps{}", steps.len()),
        Arrivals::OnOff { on_ms, off_ms } => format!("on{on_ms}-off{off_ms}"),
        Arrivals::Replay(_) => "replay".into(),
    }
}
