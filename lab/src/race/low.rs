//! The low rate of a race: the one that was asked for, or one that leaves every arm time. Over a
//! distance that is less than usual: no more can be answered than is in flight in a round trip. Less
//! still for an arm that commits before it answers.

use tailrace_measure::record::Arm;

/// Batches a second where no distance is in the way: every arm has time, and a window holds
/// enough of them for a p99.
const RATE_PER_S: f64 = 2_000.0;
/// The same where each batch is a transaction of its own, synced to the disk: a slow disk syncs a few
/// hundred times a second.
const COMMITTED_PER_S: f64 = 200.0;
/// Share of what the round trip allows, so that no arm queues for its connections.
const SHARE: f64 = 0.6;

/// The rate that was asked for, or what suits these arms.
pub(super) fn rate(asked: Option<f64>, arms: &[Arm]) -> f64 {
    asked.unwrap_or_else(|| arms.iter().filter_map(allowed).fold(RATE_PER_S, f64::min))
}

/// What an arm's commits and its link allow.
fn allowed(arm: &Arm) -> Option<f64> {
    let committed = arm.commits_first().then_some(COMMITTED_PER_S);
    by_link(arm).into_iter().chain(committed).reduce(f64::min)
}

/// What the link of an arm allows, in two digits.
fn by_link(arm: &Arm) -> Option<f64> {
    let round_trip_s = arm.link.filter(|link| link.round_trip_ms > 0.0)?.round_trip_ms / 1e3;
    let in_flight = f64::from(arm.connections) * f64::from(arm.in_flight_per_connection);
    let rate = in_flight / round_trip_s * SHARE;
    let unit = 10f64.powf(rate.max(10.0).log10().floor() - 1.0);
    Some((rate / unit).floor().max(1.0) * unit)
}

#[cfg(test)]
mod tests {
    use tailrace_measure::record::{Codec, Flush, Link};

    use super::*;

    #[test]
    fn a_distance_lowers_the_rate_to_what_is_in_flight() {
        let arm = |round_trip_ms: Option<f64>| Arm {
            slug: "far".into(),
            pipeline: "any".into(),
            promise: String::new(),
            floor: false,
            connections: 64,
            in_flight_per_connection: 1,
            batch_metrics: 1,
            codec: Codec::Json,
            tls: false,
            flush: Flush::Batch,
            link: round_trip_ms
                .map(|round_trip_ms| Link { round_trip_ms, bandwidth_mbit_per_s: None }),
            keys: false,
            store: None,
            fsync: None,
        };
        let check = |asked, round_trips: &[Option<f64>], expected: f64| {
            let arms: Vec<Arm> = round_trips.iter().copied().map(arm).collect();
            let seen = rate(asked, &arms);
            assert!((seen - expected).abs() < 1e-6, "{asked:?}, {round_trips:?}: {seen}");
        };
        check(None, &[None], 2_000.0);
        check(None, &[Some(0.0), Some(10.0)], 2_000.0);
        // 64 in flight are answered 20 times a second: 1,280.
        check(None, &[None, Some(50.0)], 760.0);
        check(Some(5_000.0), &[Some(50.0)], 5_000.0);
        let direct = crate::stocked::own_store(Some(crate::registry::LogKind::Postgres));
        let direct = [arm(None), Arm { store: direct, ..arm(Some(10.0)) }];
        assert!((rate(None, &direct) - COMMITTED_PER_S).abs() < 1e-6);
    }
}
