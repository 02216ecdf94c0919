//! Pictures of one race at several moments and sizes.

use tailrace_loadgen::gauge::{Cell, Reading};
use tailrace_measure::clock::Stamp;
use tailrace_measure::record::{Arm, Codec, Experiment, Flush, Load};

use super::*;
use crate::registry::{FLOOR, PIPELINES};
use crate::sparkline::Glyphs;

fn experiment() -> Experiment {
    let arm = |slug: &str| Arm { slug: slug.into(), floor: slug == FLOOR, ..arm_of_nothing() };
    let load = |slug: &str, feed_one_in| Load {
        slug: slug.into(),
        warm_up_ms: 500,
        window_ms: 2_500,
        feed_one_in,
        crowd: None,
        spin: false,
        ..load_of_nothing()
    };
    Experiment {
        rounds: 2,
        arms: [FLOOR, PIPELINES[1].name, "ws-second"].map(arm).into(),
        loads: vec![load("low", None), load("low-live", Some(2)), load("high", None)],
        ..Experiment::default()
    }
}

fn arm_of_nothing() -> Arm {
    Arm {
        slug: String::new(),
        pipeline: String::new(),
        promise: String::new(),
        floor: false,
        connections: 1,
        in_flight_per_connection: 1,
        batch_metrics: 1,
        codec: Codec::Json,
        tls: false,
        flush: Flush::Batch,
        link: None,
        keys: false,
        store: None,
        fsync: None,
    }
}

fn load_of_nothing() -> Load {
    serde_json::from_value(serde_json::json!({
        "slug": "", "label": "", "rate_per_s": 2000.0, "arrivals": "poisson", "warm_up_ms": 0,
        "window_ms": 0, "timeout_ms": 5000, "in_flight_max": 100, "feed_one_in": null
    }))
    .unwrap()
}

/// One trial is over, the second of the same arm runs.
fn under_way() -> (State, Live) {
    let experiment = experiment();
    let mut state = State::new(&experiment);
    let arm = &experiment.arms[1];
    state.begins(arm, &experiment.loads[0], 1);
    state.over = Duration::from_secs(3);
    state.places[1][0] =
        Place::Done { p50_ns: Some(81_000), p99_ns: Some(420_000), seal: Measurement::Valid };
    state.begins(arm, &experiment.loads[1], 1);
    let cell =
        |place: u64, count| Cell { low_ns: 1_000_000 << place, high_ns: 2_000_000 << place, count };
    let reading = Reading {
        at: Stamp(1),
        scheduled: 2_503,
        acked: 2_500,
        failed: 0,
        p50_ns: Some(90_000),
        p99_ns: Some(16_000_000),
        lateness_p99_ns: Some(12_000),
        cells: vec![cell(0, 100), cell(1, 200), cell(2, 50), cell(5, 1)],
    };
    let live = Live {
        reading,
        elapsed: Duration::from_millis(1_500),
        due_per_s: Some(2_004.0),
        answered_per_s: Some(1_998.0),
        ending: false,
    };
    (state, live)
}

fn picture(state: &State, live: Option<&Live>, width: usize, height: usize) -> Vec<String> {
    let ink = Ink { glyphs: Glyphs::Blocks, colour: false };
    draw(state, live, Duration::from_millis(5_500), Paper { width, height, ink })
}

#[test]
fn a_wide_terminal_shows_every_load() {
    let (state, live) = under_way();
    let seen = picture(&state, Some(&live), 99, 30);
    let expected = "\
███░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 9 % · round 1 of 2 · 0:58 left
  p50/p99       low                  low-live             high
  floor         waiting              –                    waiting
▶ http1-memory  0.081/0.42 ms VALID  running              waiting
  ws-second     waiting              waiting              waiting
http1-memory · low-live · 1.5 of 3.0 s
p50 0.090 ms · p99 16 ms · due 2 004/s · answered 1 998/s · in flight 3 · lateness p99 0.012 ms
1.0 ms ▄▄▄▄▄▄▄▄▄▄▄███████████▅▃▃▃▃▃▃▃▃▃▃▂                     ▁▁▁▁▁▁▁▁▁▁▁▁ 64 ms";
    let seen = seen.join("\n").replace('\u{202f}', " ");
    assert!(seen == expected, "{seen}\n\nis not\n\n{expected}");
}

#[test]
fn no_line_is_wider_and_no_picture_higher_than_the_terminal() {
    let (mut state, live) = under_way();
    state.arms.extend((0..20).map(|n| format!("arm-{n}")));
    state.places.resize(state.arms.len(), vec![Place::Waiting; 3]);
    for width in 0..140 {
        for height in 12..40 {
            let seen = picture(&state, Some(&live), width, height);
            let widest = seen.iter().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width, "{width} × {height}: {seen:#?}");
            assert!(width < 40 || seen.len() <= height, "{width} × {height}: {seen:#?}");
        }
    }
}

#[test]
fn a_narrow_terminal_keeps_the_running_arm_and_load_in_sight() {
    let (mut state, live) = under_way();
    let narrow = picture(&state, Some(&live), 39, 24).join("\n");
    assert!(narrow.contains("low-live") && narrow.contains("▶ http1-memory  running"), "{narrow}");
    assert!(!narrow.contains("high") && narrow.contains("0:58 left"), "{narrow}");
    state.arms.extend((0..20).map(|n| format!("arm-{n}")));
    state.places.resize(state.arms.len(), vec![Place::Waiting; 3]);
    let low = picture(&state, Some(&live), 99, 12).join("\n");
    assert!(low.contains("▶ http1-memory") && low.contains("more after"), "{low}");
}

#[test]
fn between_two_trials_there_are_no_figures_of_the_last_one() {
    let (mut state, live) = under_way();
    state.places[1][1] = Place::Done { p50_ns: None, p99_ns: None, seal: Measurement::Invalid };
    let seen = picture(&state, Some(&live), 99, 30);
    assert_eq!(seen.len(), 5, "{seen:#?}");
    assert!(seen[3].contains("–/– INVALID") && !seen[3].contains('▶'), "{seen:#?}");
}

#[test]
fn a_new_round_waits_again_and_rounds_may_be_added() {
    let (mut state, _) = under_way();
    let experiment = experiment();
    state.begins(&experiment.arms[2], &experiment.loads[0], 3);
    let seen = picture(&state, None, 99, 30).join("\n");
    assert!(seen.contains("round 3 of 3") && !seen.contains("VALID"), "{seen}");
}

#[test]
fn an_end_that_was_asked_for_is_told() {
    let (state, mut live) = under_way();
    live.ending = true;
    let seen = picture(&state, Some(&live), 99, 30);
    assert!(seen[0].ends_with("ending; what was measured is kept"), "{seen:#?}");
}

#[test]
fn seals_have_colours_where_colours_are_wanted() {
    let (state, live) = under_way();
    let ink = Ink { glyphs: Glyphs::Ascii, colour: true };
    let paper = Paper { width: 99, height: 30, ink };
    let seen = draw(&state, Some(&live), Duration::ZERO, paper).join("\n");
    assert!(seen.contains("\x1b[32mVALID\x1b[0m") && seen.is_ascii(), "{seen}");
}

#[test]
fn a_unit_stands_once_where_both_have_the_same() {
    let pair = |low: u64, high: u64| super::pair(Some(low), Some(high));
    assert_eq!(pair(81_000, 420_000), "0.081/0.42 ms");
    assert_eq!(pair(747_000_000, 1_400_000_000), "747 ms/1.4 s");
    assert_eq!(super::pair(None, None), "–/–");
}
