//! How long the windows of a race are when nobody says so: as long as two minutes allow, between
//! what a p99 needs and what two arms make good use of.

use tailrace_loadgen::experiment::{Definition, estimate_ms};

/// The race is to end in about this time.
const RACE_MS: u64 = 120_000;
/// At the low rate of 2,000/s, and two thirds of it with a subscriber that follows 1,000/s, this
/// leaves ten batches above every p99.
const WINDOW_MS_MIN: u64 = 1_600;
/// Longer windows would only find more of the machine's own stalls.
const WINDOW_MS_MAX: u64 = 2_500;

/// Windows of this length for the race that `definition` makes of a length.
pub(super) fn fitting(definition: impl Fn(u64) -> Definition) -> u64 {
    let lasts = |window_ms| estimate_ms(&definition(window_ms));
    let (shortest, longest) = (lasts(WINDOW_MS_MIN), lasts(WINDOW_MS_MAX));
    let spare = RACE_MS.saturating_sub(shortest);
    let window_ms = WINDOW_MS_MIN
        + (WINDOW_MS_MAX - WINDOW_MS_MIN) * spare / longest.saturating_sub(shortest).max(1);
    // Tenths of a second read better.
    window_ms.min(WINDOW_MS_MAX) / 100 * 100
}
