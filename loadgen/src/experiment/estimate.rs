//! How long an experiment takes, before it runs. Windows and warm-ups are exact; what stands
//! between them was measured.

use tailrace_measure::record::{Arm, StoreKind};

use super::{Definition, LoadPlan, Rate};

/// A fresh server until it answers, and its end.
const SERVER_MS: u64 = 60;
/// A fresh Redis beside it.
const BACKEND_MS: u64 = 250;
/// A fresh file, and its worker; a fresh PostgreSQL, and its worker.
const SQLITE_MS: u64 = 40;
/// See [`SQLITE_MS`].
const POSTGRES_MS: u64 = 1_500;
/// Around a window: payloads, connections, a head start, the drain, the audit, the files.
const TRIAL_MS: u64 = 60;
/// The closed loop that finds out what an arm takes, its warm-up included.
const PROBE_MS: u64 = 660;
/// Summary, pictures and report at the end.
const REPORT_MS: u64 = 700;

/// The whole of it, milliseconds, if no arm is left out and, where rounds are added until it is
/// decided, none has to be.
pub fn estimate_ms(definition: &Definition) -> u64 {
    let loads = |floor: bool| {
        definition.loads.iter().filter(move |load| !floor || on_the_floor(definition, load))
    };
    let trial = |load: &LoadPlan| load.warm_up_ms + load.window_ms + TRIAL_MS;
    let start = |arm: &Arm| {
        let backend = if arm.pipeline.ends_with("-redis") { BACKEND_MS } else { 0 };
        let store = match arm.store.map(|store| store.kind) {
            Some(StoreKind::Sqlite) => SQLITE_MS,
            Some(StoreKind::Postgres) => POSTGRES_MS,
            None => 0,
        };
        SERVER_MS + backend + store
    };
    let round: u64 = definition
        .arms
        .iter()
        .map(|arm| start(arm) + loads(arm.floor).map(trial).sum::<u64>())
        .sum();
    let probes = definition.loads.iter().any(|load| matches!(load.rate, Rate::OfSlowest { .. }));
    let probed = definition.arms.iter().filter(|arm| probes && !arm.floor);
    let probing: u64 = probed.map(|arm| start(arm) + PROBE_MS).sum();
    probing + u64::from(definition.rounds) * round + REPORT_MS
}

/// The floor has no live feed, so it runs no load with a subscriber, unless all have one: then the
/// first of each schedule.
fn on_the_floor(definition: &Definition, load: &LoadPlan) -> bool {
    let schedule = |load: &LoadPlan| (load.rate, load.arrivals.clone(), load.window_ms);
    let mut same = definition.loads.iter().filter(|other| schedule(other) == schedule(load));
    let is_first = same.next().is_some_and(|first| first.slug == load.slug);
    let all_followed = definition.loads.iter().all(|load| load.live_per_s.is_some());
    load.live_per_s.is_none() || (is_first && all_followed)
}
