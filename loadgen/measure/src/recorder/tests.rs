//! What is recorded, on made-up stamps.

use super::*;

const MS: u64 = 1_000_000;
const WINDOW: Window = Window { start: Stamp(1_000 * MS), end: Stamp(2_000 * MS) };
const TIMEOUT_NS: u64 = 500 * MS;

fn ms(ms: u64) -> Stamp {
    Stamp(ms * MS)
}

fn stamps(intended: u64, released: u64, sent: u64, acked: u64) -> Stamps {
    Stamps { intended: ms(intended), released: ms(released), sent: ms(sent), acked: ms(acked) }
}

fn recorder() -> Recorder {
    Recorder::new(WINDOW, TIMEOUT_NS)
}

fn close(actual_ns: u64, expect_ns: u64) -> bool {
    actual_ns.abs_diff(expect_ns) * 1_000 <= expect_ns
}

#[test]
fn latencies_start_when_the_batch_was_due() {
    let mut recorder = recorder();
    recorder.scheduled(ms(1_100));
    recorder.acked(&stamps(1_100, 1_101, 1_103, 1_107));
    let measured = recorder.finish();
    assert!(close(measured.ack.max(), 7 * MS), "{}", measured.ack.max());
    assert!(close(measured.lateness.max(), MS));
    assert!(close(measured.queued.max(), 2 * MS));
    assert!(close(measured.service.max(), 4 * MS));
    let slowest = SlowAnswer { due_ns: 100 * MS, ack_ns: 7 * MS, lateness_ns: MS };
    assert_eq!(measured.slowest, [slowest]);
    assert!(measured.window_outcomes.balances());
}

#[test]
fn a_late_ack_is_timed_out_and_no_value() {
    let mut recorder = recorder();
    recorder.scheduled(ms(1_100));
    recorder.acked(&stamps(1_100, 1_112, 1_112, 1_601));
    recorder.scheduled(ms(1_200));
    recorder.acked(&stamps(1_200, 1_200, 1_200, 1_700));
    let measured = recorder.finish();
    assert_eq!((measured.window_outcomes.acked, measured.window_outcomes.timed_out), (1, 1));
    assert_eq!((measured.ack.len(), measured.service.len(), measured.queued.len()), (1, 1, 1));
    assert_eq!(measured.lateness.len(), 2, "the generator's lateness is its own");
    assert_eq!(measured.window_outcomes.released_on_time, 1);
    assert!(measured.slowest[0].due_ns == 200 * MS && measured.slowest.len() == 1);
}

#[test]
fn the_window_is_cut_by_due_time() {
    let mut recorder = recorder();
    for due in [999, 1_000, 1_999, 2_000] {
        recorder.scheduled(ms(due));
        recorder.acked(&stamps(due, due, due, due + 2));
        recorder.live(ms(due), ms(due + 3));
    }
    let measured = recorder.finish();
    assert_eq!((measured.window_outcomes.acked, measured.all_outcomes.acked), (2, 4));
    assert_eq!(measured.ack.len(), 2);
    assert_eq!((measured.halves.0.len(), measured.halves.1.len()), (1, 1));
    assert_eq!(measured.live.map(|live| live.histogram.len()), Some(2));
    assert!(measured.durable.is_none());
}

#[test]
fn what_was_never_seen_ranks_above_everything() {
    let mut recorder = recorder();
    for due in 1_000..1_090 {
        recorder.durable(ms(due), ms(due + 5));
    }
    for due in 1_090..1_100 {
        recorder.never_durable(ms(due));
    }
    recorder.never_durable(ms(2_000));
    recorder.never_live(ms(1_000));
    let measured = recorder.finish();
    let durable = measured.durable.unwrap();
    assert_eq!((durable.histogram.len(), durable.never), (90, 10));
    let figures = crate::quantile::infer(&durable.histogram, durable.never, &durable.episodes);
    assert!(close(figures.ns_at(0.9).unwrap(), 5 * MS) && figures.ns_at(0.95).is_none());
    assert_eq!(measured.live.map(|live| (live.histogram.len(), live.never)), Some((0, 1)));
}

fn every_failure() -> Vec<(u64, Option<Stamp>, Failure)> {
    vec![
        (1_010, Some(ms(1_010)), Failure::Refused(503)),
        (1_020, Some(ms(1_020)), Failure::TimedOut),
        (1_030, Some(ms(1_030)), Failure::Broken),
        (1_040, None, Failure::Overflowed),
        (1_050, Some(ms(1_050)), Failure::Censored),
    ]
}

#[test]
fn every_end_is_counted_by_its_kind() {
    let mut recorder = recorder();
    for (due, released, failure) in every_failure() {
        recorder.scheduled(ms(due));
        recorder.failed(ms(due), released, failure);
    }
    let measured = recorder.finish();
    let outcomes = &measured.window_outcomes;
    assert!(outcomes.balances());
    assert_eq!((outcomes.unanswered(), outcomes.failed(), outcomes.refused[&503]), (3, 2, 1));
    assert_eq!((measured.ack.len(), measured.lateness.len()), (0, 4));
    let slice = &measured.slices[0];
    assert_eq!((slice.failed, slice.unanswered), (2, 3));
    // The one timed out is given up in a later slice; the censored one never.
    assert_eq!(slice.backlog, 2);
    assert_eq!(measured.slices[9].backlog, 1);
}

#[test]
fn values_beyond_the_first_bounds_are_kept() {
    let mut recorder = Recorder::new(WINDOW, u64::MAX);
    let hour_ms = 3_600_000;
    recorder.scheduled(ms(1_100));
    recorder.acked(&stamps(1_100, 1_100, 1_100, 1_100 + hour_ms));
    assert!(close(recorder.finish().ack.max(), hour_ms * MS));
}
