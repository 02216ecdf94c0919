//! Figures for people, the same on the terminal, in HTML and in Markdown: as many digits as can
//! be read, always with their unit. JSON and CSV carry the exact values. It knows nothing of
//! tables: see [`crate::table`].

use tailrace_measure::record::{Ratio, Spread};

/// Nothing was measured, or it was not ours to measure.
pub const NOTHING: &str = "–";
/// The percentile falls among the unanswered.
pub const BEYOND_TIMEOUT: &str = "> timeout";
/// Fewer batches lie above the percentile than it takes to print it.
pub const TOO_FEW: &str = "too few";
/// No-break and thin, so that a number stays whole.
const THIN_SPACE: char = '\u{202f}';

/// A latency or any other time, from nanoseconds: `0.042 ms`, `1.3 ms`, `230 ms`, `2.4 s`.
pub fn latency(ns: Option<u64>) -> String {
    ns.map_or_else(|| NOTHING.to_owned(), |ns| TimeUnit::of(ns).text(ns, 2))
}

/// A figure over rounds: `1.31 ms (1.20–1.52)`, the median and lowest–highest of the trials, in
/// one unit; where the trials are enough for one, the interval: `1.31 ms (95 %: 1.20–1.52)`. [`BEYOND_TIMEOUT`], [`TOO_FEW`] and [`NOTHING`] stand for what cannot be said.
pub fn spread(spread: &Spread) -> String {
    let Some(median) = spread.median_ns else { return absent(spread).to_owned() };
    let unit = TimeUnit::of(median);
    if let Some((low, high)) = spread.interval_ns {
        let (low, high) = (unit.figure(low, 3), unit.figure(high, 3));
        return format!("{} (95 %: {low}–{high})", unit.text(median, 3));
    }
    let highest = if spread.beyond_timeout {
        Some(BEYOND_TIMEOUT.to_owned())
    } else {
        spread.highest_ns.map(|ns| unit.figure(ns, 3))
    };
    let range = spread.lowest_ns.map(|ns| unit.figure(ns, 3)).zip(highest);
    match range {
        Some((low, high)) if spread.by_round_ns.len() > 1 || spread.beyond_timeout => {
            format!("{} ({low}–{high})", unit.text(median, 3))
        }
        _ => unit.text(median, 3),
    }
}

fn absent(spread: &Spread) -> &'static str {
    match (spread.beyond_timeout, spread.unsupported) {
        (true, _) => BEYOND_TIMEOUT,
        (false, true) => TOO_FEW,
        (false, false) => NOTHING,
    }
}

/// A whole number in groups of three: `1 234 567`, with no-break thin spaces.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(THIN_SPACE);
        }
        text.push(digit);
    }
    text
}

/// A rate: `2 000/s`, `0.5/s`.
pub fn rate(per_s: f64) -> String {
    if per_s.is_finite() && per_s >= 10.0 {
        format!("{}/s", count(per_s.round() as u64))
    } else {
        format!("{}/s", digits(per_s, 2))
    }
}

/// `×3.1 (2.9–3.4)`: the mean of the rounds, lowest and highest round; `no clear side` when the
/// rounds disagree about which arm is larger.
pub fn ratio(ratio: &Ratio) -> String {
    let mean = digits(ratio.mean, 2);
    if ratio.rounds < 2 {
        return format!("×{mean}");
    }
    let side = if ratio.same_direction < ratio.rounds { ", no clear side" } else { "" };
    format!("×{mean} ({}–{}{side})", digits(ratio.lowest, 2), digits(ratio.highest, 2))
}

/// Microseconds: `0.42 µs`, `16 µs`, `1 400 µs`.
pub fn micros(value_us: f64) -> String {
    format!("{} µs", digits(value_us, 3))
}

/// Bytes on a wire, never in kilobytes, so that a column compares: `8.5 B`, `182 B`.
pub fn bytes(value: f64) -> String {
    if value.is_finite() && value >= 10.0 {
        format!("{} B", count(value.round() as u64))
    } else {
        format!("{} B", digits(value, 2))
    }
}

/// Memory: `512 B`, `41 MiB`, `3.8 GiB`.
pub fn memory(value_bytes: u64) -> String {
    let steps = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match steps.iter().find(|(size, _)| value_bytes >= *size) {
        Some((size, unit)) => format!("{} {unit}", digits(value_bytes as f64 / *size as f64, 2)),
        None => format!("{value_bytes} B"),
    }
}

/// `99.98 %` of a whole; rounds down, so that 100 % means all of it.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return NOTHING.to_owned();
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    match (hundredths / 100, hundredths % 100) {
        (percent, 0) => format!("{percent} %"),
        (percent, rest) => format!("{percent}.{rest:02} %"),
    }
}

/// A number with so many significant digits, never in scientific notation, never `NaN`.
pub fn digits(value: f64, significant: i32) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = (significant - 1 - magnitude).clamp(0, 6);
    // Rounding may reach the next power of ten: 9.96 with two digits is 10, not 10.0.
    let rounded: f64 = format!("{value:.*}", decimals as usize).parse().unwrap_or(value);
    let reached = rounded != 0.0 && rounded.abs().log10().floor() as i32 > magnitude;
    let decimals = if reached { (decimals - 1).max(0) } else { decimals };
    if decimals == 0 && rounded.abs() >= 1000.0 {
        let sign = if rounded < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(rounded.abs() as u64));
    }
    format!("{value:.*}", decimals as usize)
}

/// Milliseconds below a second, else seconds: no reader should have to convert in a column.
#[derive(Clone, Copy)]
struct TimeUnit {
    name: &'static str,
    ns: f64,
}

impl TimeUnit {
    fn of(ns: u64) -> TimeUnit {
        // From here on, three digits of milliseconds would round to a second.
        const FIRST_SECOND_NS: u64 = 999_500_000;
        if ns >= FIRST_SECOND_NS {
            TimeUnit { name: "s", ns: 1e9 }
        } else {
            TimeUnit { name: "ms", ns: 1e6 }
        }
    }

    fn figure(self, ns: u64, significant: i32) -> String {
        let value = ns as f64 / self.ns;
        // Below a tenth of a microsecond nothing is believed.
        if value < 0.000_1 { "0".to_owned() } else { digits(value, significant.max(2)) }
    }

    fn text(self, ns: u64, significant: i32) -> String {
        format!("{} {}", self.figure(ns, significant), self.name)
    }
}
