//! The end of the way: after a trial the store is asked what it holds of the run, until it has
//! everything that was acknowledged or makes no more progress. Nothing is measured meanwhile but
//! how long it takes.

use std::time::{Duration, Instant};

use tailrace_contract::{Audit, RangeSet, RunId};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::ledger::{Account, reconcile_store};
use tailrace_measure::record::StoreLedger;

use crate::arena::Launched;
use crate::observer;

/// Between two questions, at least. Counting what a store holds takes time too: the pause is as
/// long as the last answer took, so that asking is never most of what a store does.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// A store whose count does not grow for so long will not catch up: a worker that takes over from
/// a dead one waits ten seconds before it claims what that one held.
const STUCK: Duration = Duration::from_secs(25);
/// A store that still catches up is given up after this time: a backlog of minutes is known then.
const CATCH_UP_MAX: Duration = Duration::from_secs(180);

/// Asks the store of a trial until it holds what was acknowledged.
pub fn audit(
    launched: &dyn Launched,
    run: RunId,
    acked: &RangeSet,
    batch_metrics: u32,
    window_end: Stamp,
) -> StoreLedger {
    let began = Instant::now();
    let mut last = StoreLedger { not_audited: Some("it was never asked".into()), ..silent() };
    let mut grew = Instant::now();
    loop {
        let asked = Instant::now();
        let next = match ask(launched, run) {
            Ok(audit) => account(&audit, acked, batch_metrics),
            Err(why) => StoreLedger { not_audited: Some(why), ..silent() },
        };
        if next.present > last.present {
            grew = Instant::now();
        }
        let is_complete = next.present.is_some() && next.missing.is_empty();
        last = next;
        if is_complete {
            let drained_ns = now().since(window_end);
            return StoreLedger { drained_ms: Some(drained_ns as f64 / 1e6), ..last };
        }
        if grew.elapsed() > STUCK || began.elapsed() > CATCH_UP_MAX {
            return last;
        }
        std::thread::sleep(asked.elapsed().max(PAUSE_MIN));
    }
}

fn silent() -> StoreLedger {
    StoreLedger::default()
}

fn ask(launched: &dyn Launched, run: RunId) -> Result<Audit, String> {
    let (address, target) = launched.store_audit_at(run)?;
    let (tls, key) = (launched.observer_tls(), launched.key());
    observer::audit(address, (tls.as_ref(), key.as_ref()), &target)
        .map_err(|error| format!("the store could not be asked: {error:#}"))
}

/// The generator is one producer; a store that never heard of it holds nothing of it.
fn account(audit: &Audit, acked: &RangeSet, batch_metrics: u32) -> StoreLedger {
    let found = audit.producers.first();
    let account = Account {
        acked: acked.ranges(),
        present: found.map_or(&[], |p| p.present.ranges()),
        repeated: found.map_or(&[], |p| p.repeated.ranges()),
        out_of_order: 0,
    };
    let rows = found.map_or(0, |producer| producer.metrics);
    reconcile_store(&[account], rows, batch_metrics, None)
}
