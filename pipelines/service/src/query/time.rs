//! Times in questions: RFC 3339, milliseconds since 1970, a plain date, `now`, or so long ago
//! (`-1h`). All in UTC. A plain date as the end of a range means the end of that day.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use tailrace_contract::limits::TIME_MS_MAX;

/// A day in milliseconds; UTC has no others.
pub(super) const DAY_MS: u64 = 86_400_000;

/// A time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Milliseconds since 1970.
    At(u64),
    /// The first millisecond of a day.
    Day(u64),
    /// So many milliseconds before now.
    Ago(u64),
}

/// What a time may look like, for people.
pub(super) const MOMENT_FORMS: &str = "2026-11-21T08:00:00Z, 2026-11-21, milliseconds since 1970, \
                                       now, or so long ago: -15m, -1h, -7d";

impl FromStr for Moment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "now" {
            return Ok(Self::Ago(0));
        }
        if let Some(ago) = text.strip_prefix('-') {
            return span_ms(ago).map(Self::Ago).ok_or(());
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().filter(|&ms| ms <= TIME_MS_MAX).map(Self::At).ok_or(());
        }
        if let Ok(date) = text.parse::<Date>()
            && text.len() == "2026-11-21".len()
        {
            let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| ())?;
            return within(midnight.timestamp()).map(Self::Day);
        }
        // A plus in an address that nobody escaped arrives as a space.
        within(text.replace(' ', "+").parse().map_err(|_| ())?).map(Self::At)
    }
}

fn within(timestamp: Timestamp) -> Result<u64, ()> {
    let ms = u64::try_from(timestamp.as_millisecond()).map_err(|_| ())?;
    if ms <= TIME_MS_MAX { Ok(ms) } else { Err(()) }
}

/// A length of time such as `10s`, `15m`, `1h`, `7d`, in milliseconds.
pub(super) fn span_ms(text: &str) -> Option<u64> {
    let unit_ms = match text.as_bytes().last()? {
        b's' => 1_000,
        b'm' => 60_000,
        b'h' => 3_600_000,
        b'd' => DAY_MS,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    if text.starts_with('+') {
        return None;
    }
    number.checked_mul(unit_ms).filter(|ms| (1..=TIME_MS_MAX).contains(ms))
}

/// Milliseconds as [`span_ms`] reads them, in the largest unit that fits.
pub(super) fn span_text(ms: u64) -> String {
    let units = [(DAY_MS, 'd'), (3_600_000, 'h'), (60_000, 'm'), (1_000, 's')];
    let fitting = units.into_iter().find(|(unit, _)| ms.is_multiple_of(*unit));
    fitting.map_or_else(|| format!("{ms}ms"), |(unit, letter)| format!("{}{letter}", ms / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Moment>) {
        assert_eq!(text.parse().ok(), expected, "{text}");
    }

    #[test]
    fn times_are_read_in_every_form() {
        check("1767225600000", Some(Moment::At(1_767_225_600_000)));
        check("2026-01-01T00:00:00Z", Some(Moment::At(1_767_225_600_000)));
        check("2026-01-01T02:00:00.5+02:00", Some(Moment::At(1_767_225_600_500)));
        check("2026-01-01T02:00:00 02:00", Some(Moment::At(1_767_225_600_000)));
        check("2026-01-01", Some(Moment::Day(1_767_225_600_000)));
        check("now", Some(Moment::Ago(0)));
        check("-90s", Some(Moment::Ago(90_000)));
        check("-7d", Some(Moment::Ago(7 * DAY_MS)));
        for wrong in [
            "",
            "-",
            "-1",
            "-1w",
            "yesterday",
            "2026-13-01",
            "2026-02-30",
            "2026-01-01T00:00:00",
            "99999999999999999999",
            "4102444800000",
            "1.5",
            "-0s",
            "1969-12-31",
            "--1h",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn lengths_have_their_unit() {
        assert_eq!(span_ms("1s"), Some(1_000));
        assert_eq!(span_ms("10s"), Some(10_000));
        assert_eq!(span_ms("5m"), Some(300_000));
        assert_eq!(span_ms("1h"), Some(3_600_000));
        assert_eq!(span_ms("1d"), Some(86_400_000));
        for wrong in ["", "s", "0s", "1", "1ms", "-1s", "+1s", "1.5h", "99999999999d"] {
            assert_eq!(span_ms(wrong), None, "{wrong}");
        }
        for text in ["1s", "90s", "5m", "1h", "1d", "25h"] {
            assert_eq!(span_text(span_ms(text).unwrap()), text);
        }
    }
}
