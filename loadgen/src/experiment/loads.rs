//! From `[[load]]` to loads: rates and arrivals are multiplied, and a slug names what differs.

use tailrace_measure::record::Arrivals;

use super::fault::{Fault, Place};
use super::wire::{File, LoadEntry};
use super::words::{As, RateWord, Slug};
use super::{LoadPlan, Rate, limits};

/// The loads in declared order.
pub(super) fn loads(shape: &File, place: &Place<'_>) -> Result<Vec<LoadPlan>, Fault> {
    let mut loads: Vec<LoadPlan> = Vec::new();
    for entry in &shape.load {
        for load in multiply(entry.get_ref(), shape) {
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

fn multiply(entry: &LoadEntry, shape: &File) -> Vec<LoadPlan> {
    let arrivals: Vec<Arrivals> = entry.arrivals.iter().map(|As(arrivals)| *arrivals).collect();
    let arrivals = if arrivals.is_empty() { vec![Arrivals::Poisson] } else { arrivals };
    let mut loads = Vec::new();
    for As(rate) in &entry.rate {
        for arrivals_of in &arrivals {
            let given = entry.slug.iter().map(|As(Slug(slug))| slug.clone());
            let rate_part = (entry.rate.len() > 1).then(|| rate_slug(*rate));
            let arrivals_part = (arrivals.len() > 1).then(|| arrivals_slug(*arrivals_of));
            let parts: Vec<String> = given.chain(rate_part).chain(arrivals_part).collect();
            let slug = if parts.is_empty() { "load".to_owned() } else { parts.join("-") };
            loads.push(plan(entry, shape, slug, *rate, *arrivals_of));
        }
    }
    loads
}

fn plan(
    entry: &LoadEntry,
    shape: &File,
    slug: String,
    rate: RateWord,
    arrivals: Arrivals,
) -> LoadPlan {
    let live_per_s = entry.live.map(|live| live.0 as f64);
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
        timeout_ms: entry.timeout.or(shape.timeout).map_or(limits::TIMEOUT_MS, |ms| ms.0.0),
        waiting_s: limits::WAITING_S,
        live_per_s,
    }
}

fn rate_slug(rate: RateWord) -> String {
    match rate {
        // A point is no letter of a slug.
        RateWord::PerS(rate) => rate.to_string().replace('.', "p"),
        RateWord::OfSlowest(share) => format!("{}pc", (share * 100.0).round()),
    }
}

fn arrivals_slug(arrivals: Arrivals) -> String {
    match arrivals {
        Arrivals::Constant => "constant".into(),
        Arrivals::Poisson => "poisson".into(),
        Arrivals::Burst { batches } => format!("burst{batches}"),
    }
}
