//! A trial that ended, in one line: for a pipe, and above a terminal's table where something is
//! not as it should be.

use tailrace_measure::record::{AuditSeal, Measurement, Trial};
use tailrace_render::format::latency;

/// Its outcome, p50, p99 and [`seals`].
pub(super) fn of(trial: &Trial) -> String {
    let ack = &trial.latencies.ack;
    format!(
        "{} · {} · round {} · acked {} of {} · p50 {} · p99 {}{}",
        trial.arm,
        trial.load,
        trial.round,
        trial.outcomes.acked,
        trial.outcomes.scheduled,
        latency(ack.ns_at(0.5)),
        latency(ack.ns_at(0.99)),
        seals(trial),
    )
}

/// Only what is not as it should be; empty: all is.
pub(super) fn seals(trial: &Trial) -> String {
    let mut text = String::new();
    if trial.seals.measurement != Measurement::Valid {
        text.push_str(&format!(" · {:?}", trial.seals.measurement).to_uppercase());
        let worst = trial.seals.checks.iter().max_by_key(|check| check.verdict);
        text.push_str(&worst.map(|check| format!(" ({})", check.name)).unwrap_or_default());
    }
    if trial.seals.audit == AuditSeal::Broken {
        text.push_str(" · audit BROKEN");
    }
    if let Some(why) = &trial.ended_early {
        text = text + " · ended early: " + why;
    }
    text
}

/// Whether its line stays on a terminal above the table, which tells the measurement's seal
/// itself.
pub(super) fn stays(trial: &Trial) -> bool {
    trial.seals.measurement == Measurement::Invalid
        || trial.seals.audit == AuditSeal::Broken
        || trial.ended_early.is_some()
}
