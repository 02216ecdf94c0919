//! The two loads of a race, and a third with a live subscriber.
//!
//! The low rate shows the latency of a system that has time; the high one, a share of what the
//! slowest arm takes, shows it at work. All arms get the same loads.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tailrace_loadgen::arena::Launcher;
use tailrace_loadgen::race::payloads;
use tailrace_loadgen::trial::{Saturated, saturate};
use tailrace_measure::record::{Arm, Arrivals, Load};

use crate::child::Children;
use crate::cli::{ArrivalsArg, RaceArgs};

/// Share of the slowest arm's capacity: busy, and far enough from the knee that the machine's
/// own drift does not push an arm over it.
const HIGH_SHARE: f64 = 0.6;
/// Share of its own core that the generator may need: with more it would measure itself, and
/// the seal would say so.
const GENERATOR_SHARE: f64 = 0.6;
/// On a schedule the generator wakes up for nearly every batch; in a closed loop it finds many
/// answers at each. Its cost for a batch was seen to differ by 1.7 to 1.9 (`saturate` and the
/// trials' `generator_cpu_us_per_batch`).
const OPEN_LOOP_FACTOR: f64 = 2.0;
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
    let mut limits = Limits::default();
    for arm in arms.iter().filter(|arm| !arm.floor) {
        if interrupted.load(Relaxed) {
            return Ok(None);
        }
        eprintln!("{}: how much does it take?", arm.slug);
        let payloads = payloads(arguments.seed, arm)?;
        let mut server = children.launch(arm)?;
        let takes = saturate(server.as_mut(), &payloads, arm, PROBE_NS, cores)?;
        limits.learn(&arm.slug, &takes);
    }
    Ok(limits.high().filter(|high| high.rate_per_s > super::low::rate(arguments.rate, arms)))
}

/// What bounds the high rate.
#[derive(Default)]
struct Limits<'a> {
    /// Batches a second that the slowest arm takes, and its name.
    slowest: Option<(f64, &'a str)>,
    /// Processor time of the generator for each batch, on the arm that costs it most.
    generator_us: f64,
}

impl<'a> Limits<'a> {
    fn learn(&mut self, slug: &'a str, takes: &Saturated) {
        if self.slowest.is_none_or(|(least, _)| takes.acked_per_s < least) {
            self.slowest = Some((takes.acked_per_s, slug));
        }
        self.generator_us = self.generator_us.max(takes.generator_cpu_us);
    }

    fn high(&self) -> Option<High> {
        let (takes, slug) = self.slowest?;
        let by_arm = takes * HIGH_SHARE;
        let by_generator = GENERATOR_SHARE * 1e6 / (self.generator_us * OPEN_LOOP_FACTOR);
        if by_generator < by_arm {
            let percent = ((1.0 - GENERATOR_SHARE) * 100.0).round();
            let label = format!("as much as leaves {percent} % of the generator's core free");
            return Some(High { rate_per_s: round_down(by_generator), label });
        }
        let percent = (HIGH_SHARE * 100.0).round();
        let label = format!("{percent} % of what {slug}, the slowest arm, takes");
        Some(High { rate_per_s: round_down(by_arm), label })
    }
}

/// Two digits: the estimate is no better than that.
fn round_down(rate: f64) -> f64 {
    let unit = 10f64.powf(rate.max(1.0).log10().floor() - 1.0);
    (rate / unit).floor() * unit
}

/// All loads, in the order in which they run.
pub(super) fn of(arguments: &RaceArgs, arms: &[Arm], high: Option<High>) -> Vec<Load> {
    let rate = super::low::rate(arguments.rate, arms);
    let low = load(arguments, "low", "low rate", rate);
    let every = (rate / FEED_PER_S).ceil().max(1.0) as u64;
    let mut feed = load(arguments, "low-live", "low rate, with a live subscriber", rate);
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
    fn the_high_rate_respects_the_slowest_arm_and_the_generator() {
        let takes = |acked_per_s, generator_cpu_us| Saturated {
            acked_per_s,
            failed: 0,
            server_cpu_us: None,
            backend_cpu_us: None,
            generator_cpu_us,
        };
        let mut limits = Limits::default();
        assert!(limits.high().is_none());
        limits.learn("quick", &takes(100_000.0, 6.0));
        let high = limits.high().unwrap();
        assert!((high.rate_per_s - 50_000.0).abs() < 1.0, "{}", high.rate_per_s);
        assert!(high.label.contains("generator"), "{}", high.label);
        limits.learn("slow", &takes(50_000.0, 5.0));
        let high = limits.high().unwrap();
        assert!((high.rate_per_s - 30_000.0).abs() < 1.0, "{}", high.rate_per_s);
        assert!(high.label.contains("slow, the slowest arm"), "{}", high.label);
    }

    #[test]
    fn estimates_keep_two_digits() {
        assert!((round_down(31_999.0) - 31_000.0).abs() < 1e-6);
        assert!((round_down(9_870.0) - 9_800.0).abs() < 1e-6);
        assert!((round_down(7.0) - 7.0).abs() < 1e-6);
    }
}
