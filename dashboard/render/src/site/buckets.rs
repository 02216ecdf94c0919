//! Histograms as text that a page can unpack: the buckets that hold something, as gaps and counts.
//! A page computes percentiles from them with the rank rule of the records, so it can merge
//! rounds instead of averaging percentiles. `js/histogram.js` is the other half.
//!
//! Buckets are numbered as `HdrHistogram` does with three digits from one nanosecond on: the
//! first 2,048 values have one each, above them every doubling has 1,024.

use std::collections::BTreeSet;

use hdrhistogram::Histogram;

/// Digits of the text, six bits each; five carry the number, the sixth says that more follow.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Bits of a bucket's number within one doubling.
const DOUBLING_BITS: u32 = 10;

/// The histogram as text. With a `coarseness` of n, up to 2ⁿ neighbouring buckets become one,
/// which is called by the largest value that was in them; buckets that hold a value of `kept`
/// end one, so that those percentiles stay exact, as does the maximum.
pub(super) fn packed(histogram: &Histogram<u64>, coarseness: u32, kept: &BTreeSet<u64>) -> String {
    let mut text = String::new();
    let mut last = 0;
    for (bucket, count) in grouped(histogram, coarseness, kept) {
        put(&mut text, bucket - last);
        put(&mut text, count);
        last = bucket;
    }
    text
}

/// Numbers of buckets and how much they hold, in ascending order.
fn grouped(histogram: &Histogram<u64>, coarseness: u32, kept: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut groups: Vec<(u64, u64)> = Vec::new();
    let mut closed = true;
    for step in histogram.iter_recorded() {
        let (bucket, count) = (number(step.value_iterated_to()), step.count_since_last_iteration());
        match groups.last_mut() {
            Some(group) if !closed && group.0 >> coarseness == bucket >> coarseness => {
                *group = (bucket, group.1 + count);
            }
            _ => groups.push((bucket, count)),
        }
        closed = kept.contains(&step.value_iterated_to());
    }
    groups
}

/// Number of the bucket that holds a value of nanoseconds.
fn number(value_ns: u64) -> u64 {
    let doublings = value_ns.max(1).ilog2().saturating_sub(DOUBLING_BITS);
    (u64::from(doublings) << DOUBLING_BITS) + (value_ns >> doublings)
}

fn put(text: &mut String, mut value: u64) {
    loop {
        let low = (value & 31) as usize;
        value >>= 5;
        let digit = if value > 0 { low + 32 } else { low };
        text.push(char::from(DIGITS[digit]));
        if value == 0 {
            return;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What `js/histogram.js` does.
    pub(crate) fn unpacked(text: &str) -> Vec<(u64, u64)> {
        let (mut numbers, mut value, mut shift) = (Vec::new(), 0, 0);
        for digit in text.bytes() {
            let digit = DIGITS.iter().position(|d| *d == digit).unwrap() as u64;
            value += (digit & 31) << shift;
            shift += 5;
            if digit < 32 {
                numbers.push(value);
                (value, shift) = (0, 0);
            }
        }
        let mut bucket = 0;
        let pairs = numbers.chunks(2).map(|pair| {
            bucket += pair[0];
            let doublings = (bucket >> DOUBLING_BITS).saturating_sub(1);
            let high = ((bucket - (doublings << DOUBLING_BITS) + 1) << doublings) - 1;
            (high, pair[1])
        });
        pairs.collect()
    }

    fn recorded(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
        let steps = histogram.iter_recorded();
        steps.map(|s| (s.value_iterated_to(), s.count_since_last_iteration())).collect()
    }

    fn spread_out() -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        let mut value = 1_u64;
        for step in 0..9_000_u64 {
            histogram.record_n(value, 1 + step % 70).unwrap();
            value += 1 + value / 321;
            value = if value > 3_000_000_000_000 { 977 } else { value };
        }
        histogram
    }

    #[test]
    fn the_text_holds_every_bucket() {
        let histogram = spread_out();
        assert_eq!(unpacked(&packed(&histogram, 0, &BTreeSet::new())), recorded(&histogram));
    }

    #[test]
    fn coarse_text_keeps_the_total_the_maximum_and_what_must_be_exact() {
        let histogram = spread_out();
        let p99 = histogram.value_at_quantile(0.99);
        let coarse = unpacked(&packed(&histogram, 5, &BTreeSet::from([p99])));
        assert!(coarse.len() * 8 < recorded(&histogram).len());
        assert_eq!(coarse.iter().map(|(_, count)| count).sum::<u64>(), histogram.len());
        assert_eq!(coarse.last().unwrap().0, histogram.max());
        let up_to = |pairs: &[(u64, u64)]| -> u64 {
            pairs.iter().filter(|(value, _)| *value <= p99).map(|(_, count)| count).sum()
        };
        assert!(coarse.iter().any(|(value, _)| *value == p99));
        assert_eq!(up_to(&coarse), up_to(&recorded(&histogram)));
    }

    #[test]
    fn nothing_recorded_is_no_text() {
        assert_eq!(packed(&Histogram::new(3).unwrap(), 0, &BTreeSet::new()), "");
    }
}
