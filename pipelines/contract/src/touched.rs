//! What a commit changed, for whoever keeps answers about the past: a cache forgets those that a
//! commit made stale. It carries names and a stretch of time, never the metrics themselves.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use crate::history::Range;
use crate::{Batch, BoxFuture, Tenant};

/// Part of one tenant's history that a commit added to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Whose history.
    pub tenant: Tenant,
    /// Names of the metrics that came.
    pub names: BTreeSet<SmolStr>,
    /// From the oldest of their times to the newest.
    pub range: Range,
}

/// Wants to know what was committed. It is told after the commit and before anything is
/// acknowledged, so whatever it does delays both: it must be quick, and how often it acts on the
/// same thing is its own matter. It cannot fail; what it could not do, its own lifetimes repair.
pub trait AfterCommit: Send + Sync {
    /// Everything one commit touched, once a tenant.
    fn committed(&self, touched: Vec<Touched>) -> BoxFuture<'static, ()>;
}

impl Touched {
    /// What these batches touch, one entry a tenant, in the order of their first batch.
    pub fn by<'a>(batches: impl IntoIterator<Item = &'a Batch>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for batch in batches {
            let at = all.iter().position(|touched| touched.tenant == batch.id.tenant);
            let at = at.unwrap_or_else(|| {
                let tenant = batch.id.tenant.clone();
                let range = Range { from_ms: u64::MAX, to_ms: 0 };
                all.push(Self { tenant, names: BTreeSet::new(), range });
                all.len() - 1
            });
            all[at].add(batch);
        }
        all
    }

    fn add(&mut self, batch: &Batch) {
        for metric in &batch.metrics {
            let time = metric.time_ms.unwrap_or(batch.received_ms);
            self.range.from_ms = self.range.from_ms.min(time);
            self.range.to_ms = self.range.to_ms.max(time.saturating_add(1));
            if !self.names.contains(&metric.name) {
                self.names.insert(metric.name.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchId, Metric, Producer, RunId};

    fn batch(tenant: &str, received_ms: u64, metrics: &[(&str, Option<u64>)]) -> Batch {
        let (tenant, producer) = (Tenant(tenant.into()), Producer("p".into()));
        let metric = |&(name, time_ms): &(&str, Option<u64>)| Metric {
            name: name.into(),
            value: 1.0,
            time_ms,
            attributes: Vec::new(),
        };
        let id = BatchId { tenant, run: RunId(1), producer, seq: 0 };
        Batch { id, received_ms, metrics: metrics.iter().map(metric).collect() }
    }

    #[test]
    fn a_tenant_is_told_once_with_its_names_and_times() {
        let batches = [
            batch("a", 50, &[("cpu", Some(10)), ("mem", None)]),
            batch("b", 60, &[("cpu", None)]),
            batch("a", 70, &[("cpu", None)]),
        ];
        let touched = Touched::by(&batches);
        let names = |list: &[&str]| list.iter().map(|&name| name.into()).collect();
        let range = |from_ms, to_ms| Range { from_ms, to_ms };
        assert_eq!(
            touched,
            [
                Touched {
                    tenant: Tenant("a".into()),
                    names: names(&["cpu", "mem"]),
                    range: range(10, 71),
                },
                Touched {
                    tenant: Tenant("b".into()),
                    names: names(&["cpu"]),
                    range: range(60, 61)
                },
            ]
        );
    }
}
