//! Durations as people write them: `250ms`, `5s`, `2m`, `1h`. One unit each, whole numbers
//! only, so that a schedule made from them is exact.

use std::time::Duration;

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{seen}\" is not a duration: write a whole number and ms, s, m or h, such as 250ms or 5s"
)]
pub struct ParseDurationError {
    seen: String,
}

/// Parses a duration above zero.
///
/// # Errors
/// Zero, no or another unit, a fraction, or more than fits in 64 bits of milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let fault = || ParseDurationError { seen: text.chars().take(40).collect() };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(fault()),
    };
    let number: u64 = number.parse().map_err(|_| fault())?;
    let ms = number.checked_mul(unit_ms).filter(|&ms| ms > 0).ok_or_else(fault)?;
    Ok(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit_and_refuses_the_rest() {
        let ms = |text| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(ms("250ms"), Ok(250));
        assert_eq!(ms("5s"), Ok(5_000));
        assert_eq!(ms("2m"), Ok(120_000));
        assert_eq!(ms("1h"), Ok(3_600_000));
        for bad in ["", "5", "s", "0s", "-1s", "1.5s", "5 s", "5d", "99999999999999999999s"] {
            assert!(ms(bad).is_err(), "{bad}");
        }
    }
}
