//! What a link is asked to be, and what it may be. Nothing is delayed here: see `lane.rs`.

use std::time::Duration;

/// Longest round trip: three times that of a geostationary satellite. Beyond it the buffers
/// below would be what is measured.
pub const ROUND_TRIP_MAX: Duration = Duration::from_secs(2);
/// Narrowest link, in megabits a second: a modem.
pub const BANDWIDTH_MBIT_PER_S_MIN: f64 = 0.05;
/// Widest link, in megabits a second: beyond it the proxy itself is what is measured; leave
/// the bandwidth away.
pub const BANDWIDTH_MBIT_PER_S_MAX: f64 = 10_000.0;
/// Bytes that may be under way in one direction of one connection, at most: about what a
/// connection between two such machines may have in flight by itself (some megabytes of
/// window), and little enough that all connections together fit into memory. Over 25 ms it
/// still lets 40 MB a second through.
pub(crate) const BUFFER_BYTES_MAX: usize = 1 << 20;
/// On a narrow link so much may wait to enter it, beside what is in it: a few reads, so that the
/// link never runs dry while its proxy sleeps.
const ENTRY_BYTES: usize = 128 << 10;

/// Delay and bandwidth of a link, the same both ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    half_ns: u64,
    bits_per_s: Option<f64>,
}

/// A link that cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ShapeError {
    /// The delay.
    #[error(
        "a round trip of {0:?} is longer than {ROUND_TRIP_MAX:?}, the longest that makes sense here"
    )]
    RoundTrip(Duration),
    /// The bandwidth.
    #[error(
        "{0} Mbit/s is not between {BANDWIDTH_MBIT_PER_S_MIN} and {BANDWIDTH_MBIT_PER_S_MAX}; \
         for a link without a limit leave the bandwidth away"
    )]
    Bandwidth(f64),
    /// The text of a round trip.
    #[error("{0:?} is not a round trip; write it like 10ms, 0.5ms, 250us or 1s")]
    Time(String),
    /// The text of a bandwidth.
    #[error("{0:?} is not a bandwidth; write it like 100mbit, 1gbit or 500kbit (bits a second)")]
    Text(String),
}

impl Shape {
    /// A link with this round trip, and this many megabits a second each way; without a
    /// bandwidth nothing waits to enter it.
    ///
    /// # Errors
    /// One of them is out of range.
    pub fn new(round_trip: Duration, mbit_per_s: Option<f64>) -> Result<Self, ShapeError> {
        if round_trip > ROUND_TRIP_MAX {
            return Err(ShapeError::RoundTrip(round_trip));
        }
        if let Some(mbit) = mbit_per_s {
            bandwidth_in_range(mbit)?;
        }
        // Rounded up: a delay is never shorter than asked.
        let half_ns = (round_trip.as_nanos() as u64).div_ceil(2);
        Ok(Self { half_ns, bits_per_s: mbit_per_s.map(|mbit| mbit * 1e6) })
    }

    /// One way, in nanoseconds.
    pub fn half_ns(&self) -> u64 {
        self.half_ns
    }

    /// There and back, in nanoseconds.
    pub fn round_trip_ns(&self) -> u64 {
        2 * self.half_ns
    }

    /// Time that one byte takes to enter the link, in nanoseconds; 0 without a limit.
    pub(crate) fn ns_per_byte(&self) -> f64 {
        self.bits_per_s.map_or(0.0, |bits| 8e9 / bits)
    }

    /// Bytes that may be under way in one direction of one connection: what the link holds
    /// while one byte travels (bandwidth × delay), and what waits to enter it.
    pub fn buffer_bytes(&self) -> usize {
        let Some(bits) = self.bits_per_s else { return BUFFER_BYTES_MAX };
        let in_the_link = (bits / 8.0 * self.half_ns as f64 / 1e9) as usize;
        in_the_link.saturating_add(ENTRY_BYTES).min(BUFFER_BYTES_MAX)
    }
}

/// Reads a round trip, such as `10ms`. Zero is one: bytes still go through the proxy.
///
/// # Errors
/// Another form, or out of range.
pub fn parse_round_trip(text: &str) -> Result<Duration, ShapeError> {
    let unreadable = || ShapeError::Time(text.to_owned());
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (number, unit_s) = split(text, &units).ok_or_else(unreadable)?;
    let time = Duration::try_from_secs_f64(number * unit_s).map_err(|_| unreadable())?;
    Shape::new(time, None).map(|_| time)
}

/// Reads a bandwidth, such as `100mbit`, and returns it in megabits a second.
///
/// # Errors
/// Another form, or out of range.
pub fn parse_bandwidth(text: &str) -> Result<f64, ShapeError> {
    let units = [("kbit", 1e-3), ("mbit", 1.0), ("gbit", 1e3)];
    let found = split(text, &units).ok_or_else(|| ShapeError::Text(text.to_owned()));
    let (number, unit_mbit) = found?;
    bandwidth_in_range(number * unit_mbit)
}

/// A number and what its unit is worth.
fn split(text: &str, units: &[(&str, f64)]) -> Option<(f64, f64)> {
    let lower = text.trim().to_ascii_lowercase();
    let found = units.iter().find_map(|(unit, worth)| Some((lower.strip_suffix(unit)?, *worth)));
    let (number, worth) = found?;
    Some((number.trim().parse().ok()?, worth))
}

fn bandwidth_in_range(mbit: f64) -> Result<f64, ShapeError> {
    let range = BANDWIDTH_MBIT_PER_S_MIN..=BANDWIDTH_MBIT_PER_S_MAX;
    if range.contains(&mbit) { Ok(mbit) } else { Err(ShapeError::Bandwidth(mbit)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bandwidths_are_read_with_their_unit() {
        let check = |text: &str, mbit: f64| assert_eq!(parse_bandwidth(text), Ok(mbit), "{text}");
        check("100mbit", 100.0);
        check("1 Gbit", 1_000.0);
        check("500kbit", 0.5);
        for text in ["100", "mbit", "100MB", "-1mbit", "nanmbit", "1000gbit", ""] {
            assert!(parse_bandwidth(text).is_err(), "{text}");
        }
    }

    #[test]
    fn round_trips_are_read_with_their_unit() {
        let check = |text: &str, us: u64| {
            assert_eq!(parse_round_trip(text), Ok(Duration::from_micros(us)), "{text}");
        };
        check("10ms", 10_000);
        check("0ms", 0);
        check("0.5ms", 500);
        check("250us", 250);
        check("1s", 1_000_000);
        for text in ["10", "ms", "-1ms", "nans", "3s", "1e300s", ""] {
            assert!(parse_round_trip(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(Shape::new(ROUND_TRIP_MAX, None).is_ok());
        assert!(Shape::new(ROUND_TRIP_MAX * 2, None).is_err());
        assert!(Shape::new(Duration::ZERO, Some(f64::NAN)).is_err());
        assert!(Shape::new(Duration::ZERO, Some(0.0)).is_err());
    }

    #[test]
    fn a_buffer_holds_what_the_link_holds_and_has_a_limit() {
        let buffer = |ms, mbit| Shape::new(Duration::from_millis(ms), mbit).unwrap().buffer_bytes();
        assert_eq!(buffer(10, None), BUFFER_BYTES_MAX);
        assert_eq!(buffer(10, Some(100.0)), 62_500 + ENTRY_BYTES);
        assert_eq!(buffer(2_000, Some(10_000.0)), BUFFER_BYTES_MAX);
    }

    #[test]
    fn an_odd_round_trip_is_rounded_up() {
        let shape = Shape::new(Duration::from_nanos(7), None).unwrap();
        assert_eq!((shape.half_ns(), shape.round_trip_ns()), (4, 8));
    }
}
