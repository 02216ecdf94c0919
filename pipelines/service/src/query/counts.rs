//! Where answers came from, in all and by tenant. Tenants come from keys, so they are few.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tailrace_contract::Tenant;

use super::answer::Source;

/// Answers by source since the start of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answers {
    /// From the cache, fresh.
    pub(crate) hits: u64,
    /// From the store; the cache had none.
    pub(crate) misses: u64,
    /// From the store, as it was asked for or because there is no cache.
    pub(crate) skips: u64,
    /// From the cache, stale.
    pub(crate) stale: u64,
    /// Worse than they should be: stale ones, and coarser ones.
    pub(crate) degraded: u64,
}

/// Counts of one listener.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    tenants: Mutex<HashMap<Tenant, Answers>>,
    cache_failures: AtomicU64,
}

impl Counts {
    pub(super) fn add(&self, tenant: &Tenant, source: Source, degraded: bool) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = tenants.entry(tenant.clone()).or_default();
        match source {
            Source::Hit => answers.hits += 1,
            Source::Miss => answers.misses += 1,
            Source::Skip | Source::Off => answers.skips += 1,
            Source::Stale => answers.stale += 1,
        }
        answers.degraded += u64::from(degraded);
    }

    pub(super) fn cache_failed(&self) {
        self.cache_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the cache did not do what it was asked.
    pub(crate) fn cache_failures(&self) -> u64 {
        self.cache_failures.load(Ordering::Relaxed)
    }

    /// One tenant's.
    pub(crate) fn of(&self, tenant: &Tenant) -> Answers {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.get(tenant).copied().unwrap_or_default()
    }

    /// Those of all tenants.
    pub(crate) fn all(&self) -> Answers {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.values().fold(Answers::default(), |all, one| Answers {
            hits: all.hits + one.hits,
            misses: all.misses + one.misses,
            skips: all.skips + one.skips,
            stale: all.stale + one.stale,
            degraded: all.degraded + one.degraded,
        })
    }
}
