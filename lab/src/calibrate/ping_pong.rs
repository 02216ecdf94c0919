//! Is the typical latency of the open loop that of the server? Beside it, in turn, runs the simplest
//! generator there is: one connection, one batch at a time, the next when the one before is answered.
//! Both go to a fresh server that answers at once. What is more than a wake-up above the ping-pong is
//! the generator's own. It judges medians of pairs, so what the machine does to both is in neither.

use std::sync::atomic::Ordering::Relaxed;

use tailrace_loadgen::arena::Launcher;
use tailrace_loadgen::race::payloads;
use tailrace_loadgen::trial;
use tailrace_measure::known::Kind;
use tailrace_measure::ping_pong;
use tailrace_measure::record::{Arrivals, PingPong, PingPongRound};
use tailrace_targets::Protocol;

use super::cells::{self, Question};
use super::stage::Stage;

/// What a machine does between two trials is in one pair of six, and not in their median.
const ROUNDS: u32 = 6;
/// Of the open loop: many times what one connection at a time would bring, and what one core offers
/// with ease.
const RATE_PER_S: f64 = 20_000.0;

/// All rounds over one protocol; none when it was interrupted.
///
/// # Errors
/// A server did not start, or could not be reached.
pub(super) fn run(
    stage: &mut Stage,
    protocol: Protocol,
    (seed, window_ns): (u64, u64),
) -> anyhow::Result<Option<PingPong>> {
    let question = &Question {
        protocol,
        kind: Kind::AtOnce,
        rate_per_s: RATE_PER_S,
        arrivals: Arrivals::Constant,
        window_ns,
        seed,
    };
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        // Each goes first in every second round.
        let open_first = number % 2 == 1;
        let before = open_first.then(|| open(stage, question)).transpose()?;
        let closed_p50_ns = closed(stage, question)?;
        let round = match before {
            Some(round) => round,
            None => open(stage, question)?,
        };
        if stage.interrupted.load(Relaxed) {
            return Ok(None);
        }
        rounds.push(PingPongRound { closed_p50_ns, ..round });
    }
    Ok(Some(ping_pong::judge(question.protocol_name(), RATE_PER_S, window_ns, rounds)))
}

fn closed(stage: &mut Stage, question: &Question) -> anyhow::Result<Option<u64>> {
    if stage.interrupted.load(Relaxed) {
        return Ok(None);
    }
    let arm = question.arm(&question.behaviour());
    let payloads = payloads(question.seed, &arm)?;
    let mut server = stage.children.launch(&arm)?;
    let cores = &stage.surroundings.generator_cores;
    trial::ping_pong(server.as_mut(), &payloads, &arm, question.window_ns, cores)
}

fn open(stage: &mut Stage, question: &Question) -> anyhow::Result<PingPongRound> {
    let (finished, _) = cells::measure(stage, question, &question.arm(&question.behaviour()))?;
    let (latencies, seals) = (&finished.trial.latencies, &finished.trial.seals);
    Ok(PingPongRound {
        closed_p50_ns: None,
        open_p50_ns: latencies.ack.ns_at(0.5),
        lateness_p99_ns: latencies.lateness.ns_at(0.99),
        seal: seals.measurement,
        reasons: cells::reasons(seals),
    })
}
