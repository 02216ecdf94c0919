//! A distribution as one line of blocks, with a line of milliseconds below. Bars are as high as
//! the logarithm of their count, or else nothing but the middle could be seen. It is for the eye;
//! figures stand beside it.

use tailrace_loadgen::folder::Histogram;
use tailrace_render::format::latency;

/// Bars of a line: it fits beside its label on a terminal of 80 columns.
const BARS: usize = 60;
/// From an empty bar to a full one.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '%', '#'];

/// Both lines; nothing when nothing was recorded.
pub(super) fn lines(histogram: &Histogram, unicode: bool) -> Option<[String; 2]> {
    if histogram.is_empty() {
        return None;
    }
    let (low, high) = (histogram.min().max(1) as f64, histogram.max().max(2) as f64);
    let span = (high / low).ln().max(f64::MIN_POSITIVE);
    let mut bars = [0_u64; BARS];
    for value in histogram.iter_recorded() {
        let at = (value.value_iterated_to() as f64 / low).ln() / span * (BARS - 1) as f64;
        bars[(at.max(0.0) as usize).min(BARS - 1)] += value.count_since_last_iteration();
    }
    let most = bars.iter().copied().max().unwrap_or(1) as f64;
    let marks = if unicode { BLOCKS } else { ASCII };
    let mark = |count: u64| {
        let height = (count as f64).ln_1p() / most.ln_1p() * (marks.len() - 1) as f64;
        marks[height.ceil() as usize]
    };
    Some([bars.into_iter().map(mark).collect(), axis(low, high)])
}

/// Lowest, middle (of the logarithms) and highest, under their bars.
fn axis(low: f64, high: f64) -> String {
    let text = |ns: f64| latency(Some(ns as u64)).replace('\u{202f}', " ");
    let (left, middle, right) = (text(low), text((low * high).sqrt()), text(high));
    let room = BARS.saturating_sub(left.chars().count() + right.chars().count());
    format!("{left}{middle:^room$}{right}")
}

/// Whether the locale says that blocks can be shown.
pub(super) fn is_unicode() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    locale.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_bar_between_the_ends() {
        let mut histogram = Histogram::new(3).unwrap();
        assert!(lines(&histogram, true).is_none());
        histogram.record_n(1_000_000, 1_000).unwrap();
        histogram.record(100_000_000).unwrap();
        let [bars, axis] = lines(&histogram, true).unwrap();
        assert_eq!(bars.chars().count(), BARS);
        assert!(bars.starts_with('█') && !bars.ends_with(' '), "{bars}");
        assert_eq!(bars.chars().filter(|bar| *bar != ' ').count(), 2);
        assert!(axis.starts_with("1") && axis.ends_with("ms") && axis.contains(" 10"), "{axis}");
        let [ascii, _] = lines(&histogram, false).unwrap();
        assert!(ascii.is_ascii() && ascii.starts_with('#'), "{ascii}");
    }
}
