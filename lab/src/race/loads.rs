//! The two loads of a race, and a third with a live subscriber.
//!
//! The low rate shows the latency of a system that has time; the high one, a share of what the
//! slowest arm takes, shows it at work. All arms get the same loads.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tailrace_loadgen::arena::Launcher;
use tailrace_loadgen::race::PAYLOADS;
use tailrace_loadgen::trial::saturate;
use tailrace_measure::record::{Arm, Arrivals, Load};
use tailrace_producers::Payloads;

use crate::child::Children;
use crate::cli::{ArrivalsArg, RaceArgs};

/// Share of the slowest arm's capacity: busy, and far enough from the knee that the machine's
/// own drift does not push an arm over it.
const HIGH_SHARE: f64 = 0.6;
/// Window of the closed loop that estimates capacity.
const PROBE_NS: u64 = 500_000_000;
/// Before each window: connections are warm, caches are filled, allocators have grown.
const WARM_UP_MS: u64 = 300;
/// Notices a second that a live subscriber gets at most.
const FEED_PER_S: f64 = 1_000.0;
/// Schedule that may be in flight or waiting at once.
const IN_FLIGHT_S: f64 = 2.0;

/// The high load.
pub(super) struct High {
    rate_per_s: f64,
    label: String,
}

/// The high rate that was given, or a share of what the slowest arm takes. None when it would
/// not be higher than the low one.
///
/// # Errors
/// An arm did not start or did not answer.
pub(super) fn high_rate(
    arguments: &RaceArgs,
    arms: &[Arm],
    children: &mut Children,
    cores: &[usize],
    interrupted: &AtomicBool,
) -> anyhow::Result<Option<High>> {
    if let Some(rate_per_s) = arguments.high_rate {
        return Ok(Some(High { rate_per_s, label: "high".into() }));
    }
    let mut slowest: Option<(f64, &str)> = None;
    for arm in arms.iter().filter(|arm| !arm.floor) {
        if interrupted.load(Relaxed) {
            return Ok(None);
        }
        eprintln!("{}: how much does it take?", arm.slug);
        let payloads = Payloads::new(arguments.seed, arm.batch_metrics as usize, PAYLOADS)?;
        let mut server = children.launch(arm)?;
        let takes = saturate(server.as_mut(), &payloads, arm, PROBE_NS, cores)?.acked_per_s;
        if slowest.is_none_or(|(least, _)| takes < least) {
            slowest = Some((takes, &arm.slug));
        }
    }
    Ok(slowest.and_then(|(takes, slug)| {
        let rate_per_s = round_down(takes * HIGH_SHARE);
        let percent = (HIGH_SHARE * 100.0).round();
        let label = format!("{percent} % of what {slug}, the slowest arm, takes");
        (rate_per_s > arguments.rate).then_some(High { rate_per_s, label })
    }))
}

/// Two digits: the estimate is no better than that.
fn round_down(rate: f64) -> f64 {
    let unit = 10f64.powf(rate.max(1.0).log10().floor() - 1.0);
    (rate / unit).floor() * unit
}

/// All loads, in the order in which they run.
pub(super) fn of(arguments: &RaceArgs, high: Option<High>) -> Vec<Load> {
    let low = load(arguments, "low", "low rate", arguments.rate);
    let every = (arguments.rate / FEED_PER_S).ceil().max(1.0) as u64;
    let mut feed = load(arguments, "low-live", "low rate, with a live subscriber", arguments.rate);
    feed.feed_one_in = Some(every);
    // Long enough that its p99 has the batches above it that a percentile needs.
    feed.window_ms = (low.window_ms * 3 / 5).max(1);
    let high = high.map(|high| load(arguments, "high", &high.label, high.rate_per_s));
    [Some(low), Some(feed), high].into_iter().flatten().collect()
}

fn load(arguments: &RaceArgs, slug: &str, label: &str, rate_per_s: f64) -> Load {
    let timeout_ms = millis(arguments.timeout);
    // A fault must be visible in the latencies, not hidden by a cap on what may wait.
    let waiting_s = if arguments.faults.is_empty() {
        IN_FLIGHT_S
    } else {
        arguments.timeout.as_secs_f64().max(IN_FLIGHT_S)
    };
    Load {
        slug: slug.into(),
        label: label.into(),
        rate_per_s,
        arrivals: match arguments.arrivals {
            ArrivalsArg::Constant => Arrivals::Constant,
            ArrivalsArg::Poisson => Arrivals::Poisson,
        },
        warm_up_ms: WARM_UP_MS,
        window_ms: millis(arguments.window).max(1),
        timeout_ms,
        in_flight_max: (rate_per_s * waiting_s).ceil().max(64.0) as u64,
        feed_one_in: None,
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_keep_two_digits() {
        assert!((round_down(31_999.0) - 31_000.0).abs() < 1e-6);
        assert!((round_down(9_870.0) - 9_800.0).abs() < 1e-6);
        assert!((round_down(7.0) - 7.0).abs() < 1e-6);
    }
}
