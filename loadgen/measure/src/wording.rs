//! Figures and ratios in words. What may be said depends on how often it was seen: few rounds
//! allow "in 3 of 3 rounds" and the lowest and highest of them, never a percentage of
//! confidence; nobody "won". Which figures are compared is decided in [`crate::summary`].

use crate::record::Ratio;
use crate::statistics::ROUNDS_MIN;

/// A ratio closer to 1 than this is no difference, however sure it is.
pub const DIFFERENT_FROM: f64 = 1.05;

/// A duration with two or three digits and its unit: `340 ns`, `87 µs`, `1.3 ms`, `2.1 s`.
pub fn duration(ns: u64) -> String {
    let ns_f64 = ns as f64;
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns_f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns_f64 / 1e6, "ms"),
        _ => (ns_f64 / 1e9, "s"),
    };
    format!("{} {unit}", figure(value))
}

/// Three digits at most: `0.012`, `1.3`, `87`, `1,234`.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 999.5 => thousands(value.round() as u64),
        size if size >= 9.95 => format!("{value:.0}"),
        size if size >= 0.995 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A share of one in percent.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    // Close to 0 or 100 the digits after the point are the message.
    let digits = match percent {
        p if p > 99.9 && p < 100.0 => 3,
        p if p.abs() < 9.95 || (p > 90.0 && p < 100.0) => 1,
        _ => 0,
    };
    format!("{percent:.digits$} %")
}

/// A count with commas.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One thing or several: `1 round`, `3 rounds`, `3 batches`.
pub fn plural(count: u64, noun: &str) -> String {
    let ending = match count {
        1 => "",
        _ if noun.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", thousands(count))
}

/// A factor above 1: two decimals while they matter.
pub fn times(factor: f64) -> String {
    if factor < 1.995 { format!("{factor:.2}") } else { figure(factor) }
}

/// What a ratio allows to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Above 1 beyond doubt, as far as the rounds go.
    More,
    /// Below 1.
    Less,
    /// No difference found.
    Same,
}

/// With [`ROUNDS_MIN`] rounds or more a difference needs an interval without 1; with fewer, every
/// round on the same side. Either way it must be larger than [`DIFFERENT_FROM`].
pub fn verdict(ratio: &Ratio) -> Verdict {
    let sure = match ratio.interval {
        Some((low, high)) if ratio.rounds as usize >= ROUNDS_MIN => low > 1.0 || high < 1.0,
        _ => ratio.same_direction == ratio.rounds,
    };
    match ratio.mean {
        mean if sure && mean > DIFFERENT_FROM => Verdict::More,
        mean if sure && mean < 1.0 / DIFFERENT_FROM => Verdict::Less,
        _ => Verdict::Same,
    }
}

/// The factor and how often it was seen, for a ratio that differs: `3.1 times less` and
/// `in 3 of 3 rounds (2.9–3.4)`.
pub fn factor(ratio: &Ratio, more: &str, less: &str) -> (String, String) {
    let (mean, low, high) = (ratio.mean, ratio.lowest, ratio.highest);
    let (word, mean, low, high) = if mean < 1.0 {
        (less, 1.0 / mean, 1.0 / high, 1.0 / low)
    } else {
        (more, mean, low, high)
    };
    (format!("{} times {word}", times(mean)), seen(ratio, low, high))
}

fn seen(ratio: &Ratio, low: f64, high: f64) -> String {
    match ratio.interval {
        Some((from, to)) if ratio.rounds as usize >= ROUNDS_MIN => {
            let (from, to) = if ratio.mean < 1.0 { (1.0 / to, 1.0 / from) } else { (from, to) };
            format!("over {} rounds (95 %: {}–{})", ratio.rounds, times(from), times(to))
        }
        _ if ratio.rounds == 1 => "in the only round".to_owned(),
        _ => format!(
            "in {} of {} rounds ({}–{})",
            ratio.same_direction,
            ratio.rounds,
            times(low),
            times(high)
        ),
    }
}

/// A ratio that does not differ, after the name of what was compared: `no difference found`.
pub fn no_difference(ratio: &Ratio) -> String {
    match ratio.interval {
        Some((low, high)) if ratio.rounds as usize >= ROUNDS_MIN => format!(
            "no difference found; differences above {:+.0} % or below {:+.0} % are excluded (95 %)",
            (high - 1.0) * 100.0,
            (low - 1.0) * 100.0
        ),
        _ => format!(
            "no clear difference ({}–{} times, lowest–highest of {})",
            times(ratio.lowest),
            times(ratio.highest),
            plural(u64::from(ratio.rounds), "round")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::ratio;

    #[test]
    fn figures_have_two_or_three_digits() {
        let durations = [
            (340, "340 ns"),
            (87_400, "87 µs"),
            (1_260_000, "1.3 ms"),
            (412_000_000, "412 ms"),
            (2_140_000_000, "2.1 s"),
        ];
        for (ns, expect) in durations {
            assert_eq!(duration(ns), expect);
        }
        for (share, expect) in [
            (0.012, "1.2 %"),
            (0.3, "30 %"),
            (0.985, "98.5 %"),
            (1.0, "100 %"),
            (0.99995, "99.995 %"),
        ] {
            assert_eq!(percent(share), expect);
        }
        assert_eq!((thousands(1_234_567), thousands(999)), ("1,234,567".into(), "999".into()));
    }

    fn of(values: &[f64]) -> Ratio {
        let a: Vec<_> = values.iter().copied().map(Some).collect();
        ratio(&a, &vec![Some(1.0); a.len()]).unwrap()
    }

    #[test]
    fn three_rounds_never_state_a_confidence() {
        let less = of(&[1.0 / 2.9, 1.0 / 3.4, 1.0 / 3.0]);
        assert_eq!(verdict(&less), Verdict::Less);
        let (much, often) = factor(&less, "more", "less");
        assert_eq!((&*much, &*often), ("3.1 times less", "in 3 of 3 rounds (2.9–3.4)"));
        let mixed = of(&[0.9, 1.3, 1.4]);
        assert_eq!(verdict(&mixed), Verdict::Same);
        let text = no_difference(&mixed);
        assert!(text.contains("0.90–1.40 times") && !text.contains("95"), "{text}");
    }

    #[test]
    fn six_rounds_state_an_interval() {
        let more = of(&[1.5, 1.6, 1.4, 1.5, 1.6, 1.4]);
        assert_eq!(verdict(&more), Verdict::More);
        assert_eq!(factor(&more, "more", "less").1, "over 6 rounds (95 %: 1.41–1.59)");
        let sure_but_tiny = of(&[1.02, 1.03, 1.02, 1.03, 1.02, 1.03]);
        assert_eq!(verdict(&sure_but_tiny), Verdict::Same);
        assert!(
            no_difference(&of(&[0.95, 1.05, 0.97, 1.03, 1.0, 1.0])).contains("excluded (95 %)")
        );
    }
}
