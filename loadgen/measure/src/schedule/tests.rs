//! Schedules against what they should be in closed form.

use super::*;
use crate::record::{Replay, Step};

const HOUR_NS: u64 = 3_600_000_000_000;
const TEN_S_NS: u64 = 10_000_000_000;
const MS_NS: u64 = 1_000_000;

/// A window of ten seconds without warm-up.
fn load(arrivals: Arrivals, rate_per_s: f64) -> Load {
    Load {
        slug: "load".into(),
        label: String::new(),
        rate_per_s,
        arrivals,
        warm_up_ms: 0,
        window_ms: 10_000,
        timeout_ms: 1_000,
        in_flight_max: 1,
        feed_one_in: None,
        crowd: None,
        spin: false,
    }
}

#[test]
fn a_seed_gives_the_same_schedule_for_ever() {
    let hash = |seed| sha256(&load(Arrivals::Poisson, 2_000.0), seed).unwrap();
    assert_eq!(hash(1), "c41dea2cf8d83094038c8b4651fd10edecd711d35616ec02d9834e3337f93abc");
    assert_ne!(hash(1), hash(2));
    let constant = sha256(&load(Arrivals::Constant, 2_000.0), 1).unwrap();
    assert_eq!(constant, "a4f559006858c40ef28a5fe143408aa24bcec2d639143e606e091fca211e2fb5");
}

#[test]
fn a_constant_rate_is_exact_over_an_hour() {
    for rate in [3.0, 777.7, 2_000.0, 33_333.0] {
        let batches = (rate * 3_600.0) as usize;
        let mut schedule = Schedule::new(&load(Arrivals::Constant, rate), 0);
        let last = (0..=batches).fold(0, |_, _| schedule.next_ns());
        let expect = batches as f64 * 1e9 / rate;
        assert!((last as f64 / expect - 1.0).abs() < 1e-9, "{rate}: {last} {expect}");
    }
    assert_eq!(count(&load(Arrivals::Constant, 1_000.0), 0, HOUR_NS), 3_600_000);
}

#[test]
fn a_burst_is_due_at_once_and_keeps_the_mean_rate() {
    let burst = Arrivals::Burst { batches: 100 };
    let mut schedule = Schedule::new(&load(burst.clone(), 2_000.0), 0);
    let due: Vec<u64> = (0..300).map(|_| schedule.next_ns()).collect();
    assert!(due[..100].iter().all(|&due| due == 0));
    assert!(due[100..200].iter().all(|&due| due == 50_000_000));
    assert!(due[200..].iter().all(|&due| due == 100_000_000));
    assert_eq!(count(&load(burst, 2_000.0), 0, TEN_S_NS), 20_000);
    let none = Arrivals::Burst { batches: 0 };
    assert_eq!(count(&load(none, 1_000.0), 0, 1_000_000_000), 1_000, "no burst is a burst of one");
}

#[test]
fn poisson_gaps_have_the_mean_and_variance_of_their_name() {
    let rate = 10_000.0;
    let mut schedule = Schedule::new(&load(Arrivals::Poisson, rate), 42);
    let n = 1_000_000;
    let (mut last, mut sum, mut squares) = (0, 0.0, 0.0);
    for _ in 0..n {
        let due = schedule.next_ns();
        let gap = (due - last) as f64;
        last = due;
        sum += gap;
        squares += gap * gap;
    }
    let mean = sum / f64::from(n);
    let variance = squares / f64::from(n) - mean * mean;
    // Five standard errors: mean ± 1/√n, variance ± √8/√n of an exponential.
    assert!((mean * rate / 1e9 - 1.0).abs() < 5.0 * 1e-3, "{mean}");
    assert!((variance.sqrt() / mean - 1.0).abs() < 5.0 * 1.5e-3, "{variance}");
}

#[test]
fn absurd_rates_neither_hang_nor_wrap() {
    for rate in [0.0, -1.0, f64::NAN] {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            assert!(count(&load(arrivals, rate), 1, HOUR_NS) <= 1, "{rate}");
        }
    }
    assert_eq!(count(&load(Arrivals::Constant, f64::INFINITY), 1, 1_000), 1_000);
}

/// Every slice of the window has as many batches as the integral of the rate over it, to within
/// one; due times never go back; the whole has the mean rate.
fn follows(load: &Load, integral: impl Fn(f64) -> f64) {
    let mut schedule = Schedule::new(load, 0);
    let mut count = 0.0;
    let mut due = schedule.next_ns();
    for slice in 1..=400 {
        let end_ns = slice * 25 * MS_NS;
        while due < end_ns {
            count += 1.0;
            let last = due;
            due = schedule.next_ns();
            assert!(due >= last, "{due} after {last}");
        }
        let expect: f64 = integral(end_ns as f64 / 1e9);
        assert!((count - expect).abs() <= 1.0 + 1e-6, "{slice}: {count}, {expect} expected");
    }
    let mean = (load.rate_per_s * 10.0).round();
    assert!((integral(10.0) - mean).abs() < 1.0 && (count - mean).abs() <= 1.0);
}

#[test]
fn a_ramp_follows_the_integral_of_its_rate() {
    // a·t + (b − a)·t² ÷ 2T
    for (from, to) in [(100.0, 1_900.0), (1_900.0, 100.0), (0.0, 2_000.0), (2_000.0, 0.0)] {
        let ramp = load(Arrivals::Ramp { from, to }, 1_000.0);
        follows(&ramp, |t| from * t + (to - from) * t * t / 20.0);
    }
    let proportions = load(Arrivals::Ramp { from: 1.0, to: 3.0 }, 777.7);
    follows(&proportions, |t| 777.7 * (0.5 * t + t * t / 20.0));
}

#[test]
fn steps_share_the_window_or_have_lengths() {
    let step = |rate, for_ms| Step { rate, for_ms };
    let equal = vec![step(1.0, None), step(4.0, None), step(0.0, None), step(3.0, None)];
    let steps = load(Arrivals::Steps { steps: equal }, 2_000.0);
    follows(&steps, |t| {
        [1_000.0, 4_000.0, 0.0, 3_000.0]
            .iter()
            .enumerate()
            .map(|(index, rate)| rate * (t - 2.5 * index as f64).clamp(0.0, 2.5))
            .sum()
    });
    let lengths = vec![step(500.0, Some(400)), step(3_000.0, Some(100))];
    let again = load(Arrivals::Steps { steps: lengths }, 1_000.0);
    follows(&again, |t| {
        let (cycles, rest) = ((t / 0.5).floor(), t % 0.5);
        cycles * 500.0 + 500.0 * rest.min(0.4) + 3_000.0 * (rest - 0.4).max(0.0)
    });
}

#[test]
fn on_and_off_keep_the_mean_and_are_silent_in_between() {
    let on_off = Arrivals::OnOff { on_ms: 200, off_ms: 800 };
    assert!((on_off.peak_to_mean() - 5.0).abs() < 1e-12);
    let load = load(on_off, 1_000.0);
    follows(&load, |t| 1_000.0 * t.floor() + 5_000.0 * (t % 1.0).min(0.2));
    for due in Schedule::new(&load, 0).until(TEN_S_NS) {
        assert!(due % (1_000 * MS_NS) < 200 * MS_NS, "{due} lies in a silence");
    }
}

#[test]
fn a_warm_up_has_the_first_rate_of_the_course() {
    let ramp = Arrivals::Ramp { from: 1_000.0, to: 3_000.0 };
    let load = Load { warm_up_ms: 2_000, ..load(ramp, 2_000.0) };
    assert_eq!(count(&load, 0, 1_000 * MS_NS), 1_000);
    assert_eq!(count(&load, 0, 2_000 * MS_NS), 2_000);
    assert_eq!(count(&load, 0, 12_000 * MS_NS), 22_000);
}

fn file(text: &str) -> (tempfile::NamedTempFile, Result<Replay, ReplayFault>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let replay = survey(file.path());
    (file, replay)
}

#[test]
fn a_file_is_replayed_to_the_nanosecond_and_stretched_to_a_rate() {
    let text = "who,due_s\na,7.5\nb,7.500000001\nc,8.25\nd,9.5\n";
    let (_file, replay) = file(text);
    let replay = replay.unwrap();
    assert_eq!((replay.batches, replay.span_ns, replay.second_max), (4, 2_000_000_000, 3));
    let own = replay.rate_per_s();
    assert!((own - 1.5).abs() < 1e-12);
    let due = |rate: f64| -> Vec<u64> {
        let load = load(Arrivals::Replay(replay.clone()), rate);
        Schedule::new(&load, 0).until(TEN_S_NS).take(6).collect()
    };
    let recorded = [0, 1, 750_000_000, 2_000_000_000];
    assert_eq!(due(own)[..4], recorded);
    let pass_ns = 2_666_666_666;
    assert_eq!(due(own)[4..], [pass_ns, pass_ns + 1], "again, one mean distance later");
    assert_eq!(due(own / 2.0)[..4], recorded.map(|ns| ns * 2));
}

/// As logs have it, whose clock shows seconds.
#[test]
fn what_a_file_has_at_one_time_is_due_at_one_time() {
    let (_file, replay) = file("due_s\n7\n7\n8\n8\n8\n9\n");
    let replay = replay.unwrap();
    assert_eq!((replay.batches, replay.second_max), (6, 3));
    let load = load(Arrivals::Replay(replay.clone()), replay.rate_per_s());
    let due: Vec<u64> = Schedule::new(&load, 0).until(2_100 * MS_NS).collect();
    let second = 1_000 * MS_NS;
    assert_eq!(due, [0, 0, second, second, second, 2 * second]);
}

#[test]
fn a_file_that_changes_is_noticed() {
    let (file, replay) = file("due_ns\n0\n500000000\n1000000000\n");
    let load = load(Arrivals::Replay(replay.unwrap()), 2.0);
    let hash = sha256(&load, 1).unwrap();
    assert_eq!(sha256(&load, 2).unwrap(), hash, "a file needs no seed");
    std::fs::write(file.path(), "due_ns\n0\n500000001\n1000000000\n").unwrap();
    assert!(sha256(&load, 1).unwrap_err().to_string().contains("has changed"));
    file.close().unwrap();
    assert!(check(&load).unwrap_err().to_string().contains("cannot be read"));
    assert_eq!(count(&load, 1, TEN_S_NS), 0);
}

#[test]
fn a_file_that_is_no_schedule_is_refused_with_its_line() {
    let refused = |text: &str, expect: &str| {
        let (_file, replay) = file(text);
        let told = replay.unwrap_err().to_string();
        assert!(told.contains(expect), "{text:?}: {told}");
    };
    refused("", ":1: the first line must name the columns");
    refused("1\n2\n", ":1: the first line must name the columns");
    refused("due_ns\n5\n", "two due times or more");
    refused("due_ns\n5\n5\n", "all due times are the same");
    refused("due_ns\n5\n4\n", ":3: due times must not go back");
    refused("due_ns\n5\n7\n6\n", ":4: due times must not go back");
    refused("due_ns\n5\n-6\n", ":3: \"-6\" is no due time");
    refused("due_ns\n5\n6.5\n", ":3: \"6.5\" is no due time");
    refused("due_s\n1\n1.0000000001\n", ":3: \"1.0000000001\" is no due time");
    refused("a,due_s\n1,2\n1\n", ":3: \"\" is no due time");
    refused("due_s\n0\n86401\n", ":3: more than a day");
    refused(&format!("due_s\n{}\n", "1".repeat(5_000)), ":2: a line may have");
}
