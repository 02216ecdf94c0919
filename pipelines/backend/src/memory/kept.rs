//! What the memory log knows after reading: the most recent batches, an aggregate for each
//! metric name of a tenant, and the audit of each run. All of it bounded, the number of tenants
//! by the keys that the server knows. No time series: that is a store's.

use bytes::Bytes;
use serde::Serialize;
use tailrace_contract::{Audit, Batch, LogError, Position, ProducerAudit, RunId, Tenant};
use tokio::time::Instant;

use super::MemoryLimits;
use super::groups::Held;
use super::index::Index;
use crate::ring::{Recent, Ring};

/// What is known of one metric name since the start.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregate {
    /// The metric's name.
    pub name: Box<str>,
    /// How many values came.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The last one in the order of the log.
    pub last: f64,
}

/// All aggregates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregates {
    /// Ordered by name.
    pub names: Vec<Aggregate>,
    /// Values of names beyond [`MemoryLimits::names_max`]: counted, not aggregated.
    pub overflow: u64,
}

/// Everything that the consumer keeps.
#[derive(Debug)]
pub(super) struct Kept {
    limits: MemoryLimits,
    recent: Ring,
    /// The minor part of the last batch's position.
    passed: u64,
    /// The one that was heard last stands at the end.
    tenants: Vec<Names>,
    /// The one that was heard last stands at the end.
    runs: Vec<Run>,
    runs_forgotten: u64,
}

/// What is known of a tenant's metrics.
#[derive(Debug)]
struct Names {
    tenant: Tenant,
    index: Index,
    aggregates: Vec<Aggregate>,
    overflow: u64,
}

/// The account of one run of one tenant.
#[derive(Debug)]
struct Run {
    tenant: Tenant,
    id: RunId,
    index: Index,
    producers: Vec<ProducerAudit>,
    /// Batches of producers beyond the limit.
    unaccounted: u64,
}

impl Kept {
    pub(super) fn new(limits: MemoryLimits) -> Self {
        Self {
            recent: Ring::new(limits.recent_max, limits.recent_bytes_max),
            limits,
            passed: 0,
            tenants: Vec::new(),
            runs: Vec::new(),
            runs_forgotten: 0,
        }
    }

    /// Takes in the next batch of the log.
    pub(super) fn add(&mut self, position: Position, batch: Batch, body: &[u8]) {
        let names_max = self.limits.names_max;
        let names = self.names(&batch.id.tenant);
        for metric in &batch.metrics {
            match names.index.number(&metric.name, names_max) {
                Some(number) => names.aggregate(number, &metric.name, metric.value),
                None => names.overflow += 1,
            }
        }
        self.passed = position.minor;
        self.account(&batch);
        self.recent.push(position, batch.id, batch.received_ms, body);
    }

    /// What is known of the tenant's names, moved to the end.
    fn names(&mut self, tenant: &Tenant) -> &mut Names {
        let last = self.tenants.len().wrapping_sub(1);
        match self.tenants.iter().rposition(|names| names.tenant == *tenant) {
            Some(place) if place == last => {}
            Some(place) => self.tenants[place..].rotate_left(1),
            None => self.tenants.push(Names::of(tenant.clone())),
        }
        let last = self.tenants.len() - 1;
        &mut self.tenants[last]
    }

    fn account(&mut self, batch: &Batch) {
        let producers_max = self.limits.producers_max;
        let run = self.run(&batch.id.tenant, batch.id.run);
        let Some(number) = run.index.number(&batch.id.producer.0, producers_max) else {
            run.unaccounted += 1;
            return;
        };
        if number == run.producers.len() {
            run.producers.push(ProducerAudit::new(batch.id.producer.clone()));
        }
        run.producers[number].add(batch.id.seq, batch.metrics.len() as u64);
    }

    /// The run's account, moved to the end; the longest silent one makes room for a new one.
    fn run(&mut self, tenant: &Tenant, id: RunId) -> &mut Run {
        let last = self.runs.len().wrapping_sub(1);
        match self.runs.iter().rposition(|run| run.is(tenant, id)) {
            Some(place) if place == last => {}
            Some(place) => self.runs[place..].rotate_left(1),
            None => {
                if self.runs.len() >= self.limits.runs_max.max(1) {
                    self.runs.remove(0);
                    self.runs_forgotten += 1;
                }
                self.runs.push(Run::of(tenant.clone(), id));
            }
        }
        let last = self.runs.len() - 1;
        &mut self.runs[last]
    }

    pub(super) fn aggregates(&self, tenant: &Tenant) -> Aggregates {
        let Some(known) = self.tenants.iter().find(|names| names.tenant == *tenant) else {
            return Aggregates { names: Vec::new(), overflow: 0 };
        };
        let mut names = known.aggregates.clone();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        Aggregates { names, overflow: known.overflow }
    }

    pub(super) fn after(&self, after: Position, limit: usize) -> Vec<(Position, Batch)> {
        self.recent.after(after, limit)
    }

    pub(super) fn newest(&self, tenant: &Tenant, limit: usize) -> Vec<(Position, Batch)> {
        let own = self.recent.iter().rev().filter(|recent| recent.id.tenant == *tenant);
        let mut newest: Vec<_> =
            own.take(limit).filter_map(|recent| self.recent.decoded(recent)).collect();
        newest.reverse();
        newest
    }

    /// The last position that was taken in.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// The recent batches before a position, for a group that begins now.
    pub(super) fn before(&self, first: u64, now: Instant) -> Vec<Held> {
        let count = self.recent.before(Position { major: 0, minor: first });
        let (recent, bodies) = self.recent.oldest(count);
        // One piece for all of them, as the consumer makes one a portion.
        let mut bodies: Bytes = bodies.copied().collect();
        let held = |recent: &Recent| {
            let (id, received_ms) = (recent.id.clone(), recent.received_ms);
            Held { id, received_ms, body: bodies.split_to(recent.length), since: now }
        };
        recent.map(held).collect()
    }

    pub(super) fn recent_count(&self) -> usize {
        self.recent.len()
    }

    /// The run's audit. An account that is known to be incomplete is an error: a wrong one
    /// would read as loss.
    pub(super) fn audit(&self, run: RunId, tenant: Option<&Tenant>) -> Result<Audit, LogError> {
        let backend = |cause| Err(LogError::Backend { cause });
        let is_wanted =
            |known: &&Run| known.id == run && tenant.is_none_or(|tenant| *tenant == known.tenant);
        let wanted: Vec<&Run> = self.runs.iter().filter(is_wanted).collect();
        match wanted.iter().map(|known| known.unaccounted).max() {
            Some(unaccounted) if unaccounted > 0 => backend(format!(
                "the run has more than {} producers; {unaccounted} batches are in no account",
                self.limits.producers_max
            )),
            Some(_) => {
                let accounts = wanted.iter().flat_map(|known| &known.producers);
                let mut producers: Vec<ProducerAudit> = accounts.cloned().collect();
                producers.sort_by(|a, b| a.producer.cmp(&b.producer));
                Ok(Audit { run, producers })
            }
            None if self.runs_forgotten > 0 => backend(format!(
                "the run is unknown; it may be among the {} that were forgotten, because only \
                 the {} heard last are kept",
                self.runs_forgotten, self.limits.runs_max
            )),
            None => Ok(Audit { run, producers: Vec::new() }),
        }
    }
}

impl Names {
    fn of(tenant: Tenant) -> Self {
        Self { tenant, index: Index::default(), aggregates: Vec::new(), overflow: 0 }
    }

    fn aggregate(&mut self, number: usize, name: &str, value: f64) {
        let Some(known) = self.aggregates.get_mut(number) else {
            let (sum, min, max, last) = (value, value, value, value);
            self.aggregates.push(Aggregate { name: name.into(), count: 1, sum, min, max, last });
            return;
        };
        known.count += 1;
        known.sum += value;
        known.min = known.min.min(value);
        known.max = known.max.max(value);
        known.last = value;
    }
}

impl Run {
    fn of(tenant: Tenant, id: RunId) -> Self {
        Self { tenant, id, index: Index::default(), producers: Vec::new(), unaccounted: 0 }
    }

    fn is(&self, tenant: &Tenant, id: RunId) -> bool {
        self.id == id && self.tenant == *tenant
    }
}
