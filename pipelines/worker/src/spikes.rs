//! Finds values far above what the same series usually reports: the rule of the live page
//! (`dashboard/live/spikes.js`), so that both tell the same. "Usually" is the median of the last
//! values and "far" a multiple of their median absolute deviation (MAD): unlike mean and standard
//! deviation, both hardly move when some of the values are themselves spikes. It differs in two
//! points, because nobody watches it: values may be of any size (a spike that is too large to be
//! told would be the worst one to miss), and spikes are no part of the fleet's mean.

use std::collections::HashMap;

use tailrace_contract::{SmolStr, Tenant};

/// Values that "usually" rests on: a minute of a host that reports once a second.
const WINDOW: usize = 60;
/// With fewer values nothing is usual yet.
const LEAST: u32 = 12;
/// Median and MAD are computed anew after so many values: they move slowly, and sorting costs.
const REFRESH: u32 = 5;
/// A normal distribution's standard deviation is so many MADs.
const SIGMA_PER_MAD: f64 = 1.4826;
/// A deviation is at least this share of the host's median and of the fleet's mean: on a host
/// that hardly does anything, a little more is many times as much and still nothing.
const QUIET_SHARE: f64 = 0.05;
/// The fleet's mean follows the last so many values of a metric.
const LEVEL_VALUES: f64 = 5_000.0;
/// An episode ends when the deviation falls below this share of the threshold.
const CALM_SHARE: f64 = 0.5;

/// What tells a series from others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Series {
    pub(crate) tenant: Tenant,
    pub(crate) name: SmolStr,
    pub(crate) host: SmolStr,
}

/// A spike that begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spike {
    pub(crate) usual: f64,
    pub(crate) score: f64,
}

/// All series that are watched. Bounded: series beyond the limit are counted, not judged.
#[derive(Debug)]
pub(crate) struct Spikes {
    series: HashMap<Series, Past>,
    levels: HashMap<(Tenant, SmolStr), Level>,
    threshold: f64,
    series_max: usize,
}

/// The last values of a series, kept as halves: the sum of two halves cannot overflow.
#[derive(Debug)]
struct Past {
    values: Vec<f64>,
    number: u32,
    until_refresh: u32,
    usual: f64,
    sigma: f64,
    spiking: bool,
    silent: bool,
}

/// The mean of a metric over the fleet.
#[derive(Debug, Default)]
struct Level {
    mean: f64,
    number: f64,
}

impl Spikes {
    pub(crate) fn new(threshold: f64, series_max: usize) -> Self {
        Self { series: HashMap::new(), levels: HashMap::new(), threshold, series_max }
    }

    /// Judges a finite value, which then becomes part of what is usual. An error: there is no
    /// room for its series.
    pub(crate) fn judge(&mut self, series: &Series, value: f64) -> Result<Option<Spike>, ()> {
        let value = half(value);
        if !self.series.contains_key(series) {
            if self.series.len() >= self.series_max {
                return Err(());
            }
            self.series.insert(series.clone(), Past::new());
        }
        let level = self.levels.entry((series.tenant.clone(), series.name.clone())).or_default();
        let Some(past) = self.series.get_mut(series) else { return Err(()) };
        let score = past.score(value, level.mean);
        let begins = !past.spiking && score > self.threshold;
        if begins {
            past.spiking = true;
        } else if score < self.threshold * CALM_SHARE {
            past.spiking = false;
        }
        let spike = begins.then_some(Spike { usual: past.usual * 2.0, score });
        if score.abs() <= self.threshold {
            // One value without measure would raise the mean so far that it hides all others.
            level.add(value);
        }
        past.add(value);
        Ok(spike)
    }

    /// Forgets series that had no value since the last call.
    pub(crate) fn sweep(&mut self) {
        self.series.retain(|_, past| !std::mem::replace(&mut past.silent, true));
        let used: std::collections::HashSet<_> =
            self.series.keys().map(|series| (&series.tenant, &series.name)).collect();
        self.levels.retain(|(tenant, name), _| used.contains(&(tenant, name)));
    }

    pub(crate) fn watched(&self) -> usize {
        self.series.len()
    }
}

/// Half of a value, so that a difference of any two is finite. The smallest numbers there are lose
/// their last bit.
fn half(value: f64) -> f64 {
    value * 0.5
}

impl Past {
    fn new() -> Self {
        Self {
            values: Vec::new(),
            number: 0,
            until_refresh: 0,
            usual: 0.0,
            sigma: 0.0,
            spiking: false,
            silent: false,
        }
    }

    /// How many deviations above the usual a value is; 0 while nothing is usual. Finite.
    fn score(&self, value: f64, level: f64) -> f64 {
        if self.number < LEAST {
            return 0.0;
        }
        let least = QUIET_SHARE * self.usual.abs().max(level.abs());
        let deviation = self.sigma.max(least).max(f64::MIN_POSITIVE);
        ((value - self.usual) / deviation).clamp(-f64::MAX, f64::MAX)
    }

    fn add(&mut self, value: f64) {
        self.silent = false;
        if self.values.len() < WINDOW {
            self.values.push(value);
        } else {
            self.values[self.number as usize % WINDOW] = value;
        }
        // Wraps to just above what counts as known, a multiple of the window.
        self.number = self.number.checked_add(1).unwrap_or(WINDOW as u32);
        self.until_refresh = self.until_refresh.saturating_sub(1);
        if self.number >= LEAST && self.until_refresh == 0 {
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        self.until_refresh = REFRESH;
        let mut held = [0.0; WINDOW];
        let held = &mut held[..self.values.len()];
        held.copy_from_slice(&self.values);
        self.usual = median(held);
        for value in held.iter_mut() {
            *value = (*value - self.usual).abs();
        }
        // Two halves may be as far apart as the largest number there is: then this is it.
        self.sigma = (SIGMA_PER_MAD * median(held)).min(f64::MAX);
    }
}

impl Level {
    fn add(&mut self, value: f64) {
        self.number = (self.number + 1.0).min(LEVEL_VALUES);
        self.mean += (value - self.mean) / self.number;
    }
}

/// Sorts what it is given.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { values[middle - 1].midpoint(values[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(host: &str) -> Series {
        Series { tenant: Tenant::open(), name: "cpu".into(), host: host.into() }
    }

    /// Values around 10 that nobody would call unusual.
    fn ordinary(n: u32) -> f64 {
        10.0 + f64::from(n * 7 % 5) * 0.1
    }

    /// Feeds ordinary values, then these; answers which of these began a spike.
    fn check(values: &[f64], expect: &[bool]) {
        let mut spikes = Spikes::new(8.0, 10);
        for n in 0..30 {
            assert_eq!(spikes.judge(&series("a"), ordinary(n)), Ok(None), "{n}");
        }
        let mut seen = values.iter().map(|&value| spikes.judge(&series("a"), value));
        let began = seen.by_ref().map(|spike| spike.unwrap().is_some()).collect::<Vec<_>>();
        assert_eq!(began, expect, "{values:?}");
    }

    #[test]
    fn a_spike_is_told_once_until_it_is_over() {
        check(&[10.2, 30.0, 31.0, 30.0, 10.1, 30.0], &[false, true, false, false, false, true]);
    }

    #[test]
    fn less_than_usual_and_a_little_more_are_no_spikes() {
        check(&[0.0, -50.0, 12.0, 13.0], &[false; 4]);
    }

    #[test]
    fn values_of_any_size_are_judged_and_told() {
        check(&[f64::MAX, 10.0, 1e300], &[true, false, true]);
        let mut spikes = Spikes::new(8.0, 10);
        for n in 0..200 {
            let value = if n % 2 == 0 { f64::MAX } else { f64::MIN };
            let judged = spikes.judge(&series("a"), value).unwrap();
            assert!(judged.is_none_or(|s| s.score.is_finite() && s.usual.is_finite()), "{n}");
        }
        assert!(spikes.levels.values().all(|level| level.mean.is_finite()));
    }

    #[test]
    fn state_is_bounded_and_the_silent_are_forgotten() {
        let mut spikes = Spikes::new(8.0, 3);
        for host in ["a", "b", "c"] {
            assert_eq!(spikes.judge(&series(host), 1.0), Ok(None));
        }
        assert_eq!(spikes.judge(&series("d"), 1.0), Err(()));
        spikes.sweep();
        assert_eq!(spikes.judge(&series("b"), 1.0), Ok(None));
        spikes.sweep();
        assert_eq!((spikes.watched(), spikes.levels.len()), (1, 1));
        assert_eq!(spikes.judge(&series("d"), 1.0), Ok(None));
    }

    #[test]
    fn a_noisy_fleet_gives_no_false_alarm() {
        // A generator of even numbers is enough: no tails that a normal one would not have.
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f64 / f64::from(1 << 24)
        };
        let mut spikes = Spikes::new(8.0, 100);
        for _ in 0..1_000 {
            for host in 0..20 {
                let value = 20.0 + 10.0 * (noise() + noise() + noise());
                assert_eq!(spikes.judge(&series(&host.to_string()), value), Ok(None));
            }
        }
    }
}
