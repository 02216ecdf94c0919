//! Figures as people read them.

use tailrace_measure::record::{Ratio, Spread};
use tailrace_render::format;

#[test]
fn latencies_have_two_digits_that_matter() {
    let check = |ns, expect| assert_eq!(format::latency(ns), expect, "{ns:?}");
    check(None, "–");
    check(Some(0), "0 ms");
    check(Some(42_000), "0.042 ms");
    check(Some(1_310_000), "1.3 ms");
    check(Some(9_960_000), "10 ms");
    check(Some(230_400_000), "230 ms");
    check(Some(999_400_000), "999 ms");
    check(Some(999_600_000), "1.0 s");
    check(Some(2_400_000_000), "2.4 s");
    check(Some(u64::MAX), "18\u{202f}446\u{202f}744\u{202f}074 s");
}

#[test]
fn spreads_show_every_round() {
    let rounds = |ns: &[u64]| Spread {
        by_round_ns: ns.iter().copied().map(Some).collect(),
        median_ns: ns.get(ns.len() / 2).copied(),
        lowest_ns: ns.first().copied(),
        highest_ns: ns.last().copied(),
        ..Spread::default()
    };
    assert_eq!(format::spread(&rounds(&[1_200_000, 1_310_000, 1_520_000])), "1.31 ms (1.20–1.52)");
    assert_eq!(format::spread(&rounds(&[1_310_000])), "1.31 ms");
    let interval_ns = Some((1_200_000, 1_520_000));
    let many = Spread { interval_ns, ..rounds(&[1_100_000, 1_310_000, 1_900_000]) };
    assert_eq!(format::spread(&many), "1.31 ms (95 %: 1.20–1.52)");
    assert_eq!(format::spread(&Spread::default()), "–");
    let few = Spread { unsupported: true, ..Spread::default() };
    assert_eq!(format::spread(&few), "too few");
    let never = Spread { beyond_timeout: true, ..Spread::default() };
    assert_eq!(format::spread(&never), "> timeout");
    let mut once = rounds(&[1_200_000, 1_310_000]);
    (once.beyond_timeout, once.highest_ns) = (true, None);
    assert_eq!(format::spread(&once), "1.31 ms (1.20–> timeout)");
}

#[test]
fn numbers_stay_readable() {
    assert_eq!(format::count(0), "0");
    assert_eq!(format::count(999), "999");
    assert_eq!(format::count(1_234_567), "1\u{202f}234\u{202f}567");
    assert_eq!(format::rate(12_000.0), "12\u{202f}000/s");
    assert_eq!(format::rate(0.5), "0.50/s");
    assert_eq!(format::micros(16.8), "16.8 µs");
    assert_eq!(format::micros(f64::NAN), "– µs");
    assert_eq!(format::bytes(137.4), "137 B");
    assert_eq!(format::memory(41 << 20), "41 MiB");
    assert_eq!(format::share(99_999, 100_000), "99.99 %");
    assert_eq!(format::share(3, 0), "–");
}

#[test]
fn ratios_say_when_rounds_disagree() {
    let ratio = |same_direction| Ratio {
        first_stage: None,
        mean: 3.12,
        interval: None,
        lowest: 2.9,
        highest: 3.4,
        same_direction,
        rounds: 3,
    };
    assert_eq!(format::ratio(&ratio(3)), "×3.1 (2.9–3.4)");
    assert_eq!(format::ratio(&ratio(2)), "×3.1 (2.9–3.4, no clear side)");
    assert_eq!(format::ratio(&Ratio { rounds: 1, ..ratio(1) }), "×3.1");
}
