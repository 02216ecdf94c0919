//! Spikes: now and then some hosts work several times as hard for a while. Whether a host is
//! in a spike is computed from seed and time alone, so nothing has to be remembered and each
//! host can be generated without the others.

use std::str::FromStr;
use std::time::Duration;

use crate::duration::{ParseDurationError, parse_duration};
use crate::series::scramble;

/// When spikes come and what they do. Written `every=60s,for=5s,height=3,share=0.1`; `height`
/// and `share` may be left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Spikes {
    /// Mean time between two spikes: one begins at a random place in each such window.
    pub every: Duration,
    /// How long a spike lasts, at most `every`.
    pub length: Duration,
    /// How many times as hard the hosts work, from 1 up. Values stay in their range all the
    /// same: a CPU ends at 100 %.
    pub height: f64,
    /// Share of the hosts in each spike, above 0 and at most 1; drawn anew for each spike.
    pub share: f64,
}

/// Height when none is given: plainly visible in a plot.
const HEIGHT_DEFAULT: f64 = 3.0;
/// Share when none is given: a few hosts, so that a fleet's mean barely moves.
const SHARE_DEFAULT: f64 = 0.1;
/// Height at most: events multiply by it and must fit in a batch.
const HEIGHT_MAX: f64 = 100.0;

/// Why a text describes no spikes.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParseSpikesError {
    /// A part without `=` or with a name that means nothing here.
    #[error("spikes: \"{part}\" is unknown; write for example every=60s,for=5s,height=3,share=0.1")]
    Part {
        /// The part that was seen.
        part: String,
    },
    /// A name that came twice.
    #[error("spikes: {name} is given twice")]
    Twice {
        /// Which.
        name: String,
    },
    /// One of the two that have no default is missing.
    #[error("spikes: {name} is missing; write for example every=60s,for=5s")]
    Missing {
        /// Which.
        name: &'static str,
    },
    /// A duration that is none.
    #[error("spikes: {name}: {cause}")]
    Duration {
        /// Which.
        name: &'static str,
        /// Why.
        cause: ParseDurationError,
    },
    /// A number that is none or out of range.
    #[error("spikes: {name} is \"{seen}\"; it must be a number {range}")]
    Number {
        /// Which.
        name: &'static str,
        /// What was seen.
        seen: String,
        /// What is allowed.
        range: &'static str,
    },
    /// A spike that would outlast its window.
    #[error("spikes: for is longer than every; a spike must end before the next begins")]
    TooLong,
}

impl FromStr for Spikes {
    type Err = ParseSpikesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let [mut every, mut length, mut height, mut share] = [None; 4];
        for part in text.split(',') {
            let unknown = || ParseSpikesError::Part { part: part.into() };
            let (name, value) = part.split_once('=').ok_or_else(unknown)?;
            let slot = match name {
                "every" => &mut every,
                "for" => &mut length,
                "height" => &mut height,
                "share" => &mut share,
                _ => return Err(unknown()),
            };
            if slot.replace(value).is_some() {
                return Err(ParseSpikesError::Twice { name: name.into() });
            }
        }
        let spikes = Self {
            every: duration("every", every)?,
            length: duration("for", length)?,
            height: number("height", height, HEIGHT_DEFAULT, 1.0..=HEIGHT_MAX, "from 1 to 100")?,
            share: number("share", share, SHARE_DEFAULT, 0.001..=1.0, "from 0.001 to 1")?,
        };
        if spikes.length > spikes.every { Err(ParseSpikesError::TooLong) } else { Ok(spikes) }
    }
}

fn duration(name: &'static str, text: Option<&str>) -> Result<Duration, ParseSpikesError> {
    let text = text.ok_or(ParseSpikesError::Missing { name })?;
    parse_duration(text).map_err(|cause| ParseSpikesError::Duration { name, cause })
}

fn number(
    name: &'static str,
    text: Option<&str>,
    default: f64,
    allowed: std::ops::RangeInclusive<f64>,
    range: &'static str,
) -> Result<f64, ParseSpikesError> {
    let Some(text) = text else { return Ok(default) };
    let fault = || ParseSpikesError::Number { name, seen: text.into(), range };
    text.parse().ok().filter(|n| allowed.contains(n)).ok_or_else(fault)
}

impl Spikes {
    /// How many times as hard a host works so long after the epoch: 1, or the height.
    pub(crate) fn boost(&self, seed: u64, host: u64, since_epoch_ms: u64) -> f64 {
        let every_ms = self.every.as_millis() as u64;
        let length_ms = self.length.as_millis() as u64;
        let window = since_epoch_ms / every_ms;
        let draw = scramble(seed ^ scramble(!window));
        let begin_ms = draw % (every_ms - length_ms + 1);
        let inside = (begin_ms..begin_ms + length_ms).contains(&(since_epoch_ms % every_ms));
        let lot = scramble(draw ^ scramble(host)) >> 11;
        let chosen = (lot as f64) < self.share * (1u64 << 53) as f64;
        if inside && chosen { self.height } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_parts_in_any_order() {
        let all: Spikes = "share=0.5,every=60s,height=4,for=500ms".parse().unwrap();
        assert_eq!((all.every.as_secs(), all.length.as_millis()), (60, 500));
        assert_eq!(format!("{} {}", all.height, all.share), "4 0.5");
        let short: Spikes = "every=1m,for=5s".parse().unwrap();
        assert_eq!(
            Ok(short),
            format!("every=60s,for=5s,height={HEIGHT_DEFAULT},share={SHARE_DEFAULT}").parse()
        );
    }

    fn check(text: &str, expected: &str) {
        let message = text.parse::<Spikes>().unwrap_err().to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }

    #[test]
    fn errors_name_the_part() {
        check("", "\"\" is unknown");
        check("every=60s,for=5s,size=3", "\"size=3\" is unknown");
        check("every=60s,every=5s", "every is given twice");
        check("every=60s", "for is missing");
        check("every=60,for=5s", "every: \"60\" is not a duration");
        check("every=60s,for=5s,height=0.5", "height is \"0.5\"; it must be a number from 1");
        check("every=60s,for=5s,share=nan", "share is \"nan\"");
        check("every=5s,for=6s", "for is longer than every");
    }

    #[test]
    fn a_spike_a_window_for_its_length_and_share() {
        let spikes: Spikes = "every=60s,for=5s,share=0.25".parse().unwrap();
        let raised = |host, second: u64| spikes.boost(9, host, second * 1_000) > 1.0;
        let hours: usize = (0..400).map(|h| (0..3_600).filter(|&s| raised(h, s)).count()).sum();
        // 60 windows × 5 s × a quarter of 400 hosts, spread by chance.
        assert!((27_000..33_000).contains(&hours), "{hours}");
        let begins = (1..3_600).filter(|&s| raised(7, s) && !raised(7, s - 1)).count();
        assert!((5..=30).contains(&begins), "{begins}");
    }

    #[test]
    fn a_spike_may_fill_its_window() {
        let always: Spikes = "every=5s,for=5s,share=1".parse().unwrap();
        assert!((0..20_000).all(|ms| always.boost(1, 2, ms) > 2.9));
    }
}
