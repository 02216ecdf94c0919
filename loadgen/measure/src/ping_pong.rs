//! The open loop beside a closed ping-pong: is its typical latency that of the server? The pairs are
//! measured elsewhere; here they are summed up and judged. Errors against theory are in
//! [`crate::calibration`].

use crate::record::{Measurement, PingPong, PingPongRound, Verdict};
use crate::statistics::median_f64;

/// The open loop may take so much longer than a closed ping-pong, typically: a wake-up by the timer,
/// which the ping-pong has not, and others' requests on the server's core.
pub const OVER_PING_PONG_NS_MAX: u64 = 50_000;
/// And be so late, at p99, on a machine that does nothing else.
pub const LATENESS_P99_NS_MAX: u64 = 100_000;

/// Sums up rounds of both loops; an INVALID round is in none of the medians.
#[must_use]
pub fn judge(
    protocol: &str,
    rate_per_s: f64,
    window_ns: u64,
    rounds: Vec<PingPongRound>,
) -> PingPong {
    let valid = || rounds.iter().filter(|round| round.seal != Measurement::Invalid);
    let differences = valid().filter_map(|round| {
        let (open, closed) = round.open_p50_ns.zip(round.closed_p50_ns)?;
        Some(open as f64 - closed as f64)
    });
    let difference_ns = median_f64(differences).map(|ns| ns as i64);
    let late = valid().filter_map(|round| round.lateness_p99_ns.map(|ns| ns as f64));
    let lateness_p99_ns = median_f64(late).map(|ns| ns as u64);
    let verdict = match difference_ns.zip(lateness_p99_ns) {
        None => Verdict::Absent,
        Some((difference, late))
            if difference <= OVER_PING_PONG_NS_MAX.cast_signed() && late <= LATENESS_P99_NS_MAX =>
        {
            Verdict::Pass
        }
        Some(_) => Verdict::Fail,
    };
    PingPong {
        protocol: protocol.to_owned(),
        rate_per_s,
        window_ns,
        rounds,
        difference_ns,
        difference_ns_max: OVER_PING_PONG_NS_MAX,
        lateness_p99_ns,
        lateness_p99_ns_max: LATENESS_P99_NS_MAX,
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_loop_is_held_against_the_ping_pongs_beside_it() {
        let round = |closed: u64, open: u64, late: u64, seal| PingPongRound {
            closed_p50_ns: Some(closed * 1_000),
            open_p50_ns: Some(open * 1_000),
            lateness_p99_ns: Some(late * 1_000),
            seal,
            reasons: Vec::new(),
        };
        let (valid, invalid) = (Measurement::Valid, Measurement::Invalid);
        let judged = |rounds: Vec<PingPongRound>| judge("http1", 2e4, 1, rounds);
        let fine = judged(vec![
            round(30, 60, 90, valid),
            round(50, 99, 99, valid),
            round(40, 95, 200, valid),
            round(40, 900, 900, invalid),
        ]);
        assert_eq!((fine.difference_ns, fine.lateness_p99_ns), (Some(49_000), Some(99_000)));
        assert_eq!(fine.verdict, Verdict::Pass);
        assert_eq!(judged(vec![round(30, 81, 1, valid)]).verdict, Verdict::Fail);
        assert_eq!(judged(vec![round(30, 30, 101, valid)]).verdict, Verdict::Fail);
        assert_eq!(judged(vec![round(1, 2, 3, invalid)]).verdict, Verdict::Absent);
    }
}
