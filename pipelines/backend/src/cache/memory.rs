//! Answers in this process, bounded in bytes and entries; at a bound the one that was asked for
//! longest ago goes. A worker in another process cannot make them stale, so it serves pipelines
//! whose worker is embedded.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tailrace_contract::cache::{ANSWER_BYTES_MAX, LEASE_KEPT, STALE_KEPT};
use tailrace_contract::history::NameFilter;
use tailrace_contract::{
    About, BoxFuture, Cache, CacheError, CacheKey, CacheSize, Kept, Lease, Looked, SmolStr, Tenant,
    Touched,
};

/// Milliseconds since 1970.
type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// Bounds of a cache in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryCacheLimits {
    /// Answers and leases.
    pub entries_max: usize,
    /// Bytes of answers and of their questions.
    pub bytes_max: usize,
}

impl Default for MemoryCacheLimits {
    fn default() -> Self {
        // A dashboard asks some dozens of questions; pages of metrics have about 100 kB.
        Self { entries_max: 10_000, bytes_max: 64 << 20 }
    }
}

/// A cache in memory.
pub struct MemoryCache {
    limits: MemoryCacheLimits,
    clock: Clock,
    state: Mutex<State>,
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    slots: HashMap<CacheKey, Slot>,
    /// Which keys are about a name of a tenant; none: about several names or all.
    tags: HashMap<(Tenant, Option<SmolStr>), HashSet<CacheKey>>,
    /// The key that was asked for longest ago comes first.
    order: BTreeMap<u64, CacheKey>,
    bytes: usize,
    /// Counts uses and leases.
    next: u64,
}

struct Slot {
    about: About,
    value: Option<Value>,
    lease: Option<u64>,
    /// Nobody needs it any more.
    ends_ms: u64,
    /// Its key in [`State::order`].
    used: u64,
}

struct Value {
    bytes: Bytes,
    stored_ms: u64,
    fresh_until_ms: u64,
}

impl MemoryCache {
    /// An empty cache.
    pub fn new(limits: MemoryCacheLimits) -> Self {
        Self::with_clock(limits, wall_ms)
    }

    /// An empty cache by another clock, in milliseconds since 1970.
    pub fn with_clock(
        limits: MemoryCacheLimits,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self { limits, clock: Box::new(clock), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looked(&self, key: &CacheKey, about: &About) -> Looked {
        let (now, mut state) = ((self.clock)(), self.state());
        let found = state.kept(key, now);
        if found.as_ref().is_some_and(|kept| kept.fresh) {
            return Looked { found, lease: None };
        }
        let lease = state.lease(key, about, now);
        state.bound(&self.limits);
        Looked { found, lease: Some(lease) }
    }

    fn keep(&self, key: &CacheKey, lease: Lease, bytes: Bytes, fresh_for: Duration) -> bool {
        if bytes.len() > ANSWER_BYTES_MAX {
            return false;
        }
        let (now, mut state) = ((self.clock)(), self.state());
        let fresh = state.keep(key, lease, bytes, (now, fresh_for));
        state.bound(&self.limits);
        fresh
    }
}

impl State {
    /// The answer under a key, which is used now.
    fn kept(&mut self, key: &CacheKey, now: u64) -> Option<Kept> {
        if self.slots.get(key)?.ends_ms <= now {
            self.remove(key);
            return None;
        }
        let used = self.tick();
        let slot = self.slots.get_mut(key)?;
        self.order.remove(&slot.used);
        self.order.insert(used, key.clone());
        slot.used = used;
        let value = slot.value.as_ref()?;
        let age = Duration::from_millis(now.saturating_sub(value.stored_ms));
        Some(Kept { value: value.bytes.clone(), age, fresh: value.fresh_until_ms > now })
    }

    fn lease(&mut self, key: &CacheKey, about: &About, now: u64) -> Lease {
        let lease = self.tick();
        let ends_ms = now + LEASE_KEPT.as_millis() as u64;
        if let Some(slot) = self.slots.get_mut(key) {
            slot.lease = Some(lease);
            slot.ends_ms = slot.ends_ms.max(ends_ms);
        } else {
            self.bytes += key.question.len();
            self.order.insert(lease, key.clone());
            let about = about.clone();
            let slot = Slot { about, value: None, lease: Some(lease), ends_ms, used: lease };
            self.slots.insert(key.clone(), slot);
        }
        self.tags.entry(tag(key, about)).or_default().insert(key.clone());
        Lease(lease)
    }

    fn keep(
        &mut self,
        key: &CacheKey,
        lease: Lease,
        bytes: Bytes,
        (now, fresh_for): (u64, Duration),
    ) -> bool {
        let Some(slot) = self.slots.get_mut(key) else { return false };
        let fresh = slot.lease == Some(lease.0);
        let newer = slot.lease.is_some_and(|other| other != lease.0)
            || slot.value.as_ref().is_some_and(|value| value.fresh_until_ms > now);
        if !fresh && newer {
            return false;
        }
        let fresh_ms = if fresh { fresh_for.as_millis() as u64 } else { 0 };
        let before = slot.value.as_ref().map_or(0, |value| value.bytes.len());
        self.bytes = self.bytes - before + bytes.len();
        slot.lease = None;
        slot.ends_ms = now + fresh_ms + STALE_KEPT.as_millis() as u64;
        slot.value = Some(Value { bytes, stored_ms: now, fresh_until_ms: now + fresh_ms });
        fresh
    }

    /// Makes stale what a commit touched, as far as it is not stale already.
    fn forget(&mut self, touched: &Touched) -> u64 {
        let names = touched.names.iter().cloned().map(Some);
        let mut forgotten = 0;
        for name in names.chain([None]) {
            let Some(keys) = self.tags.get_mut(&(touched.tenant.clone(), name)) else { continue };
            keys.retain(|key| {
                let Some(slot) = self.slots.get_mut(key) else { return false };
                if !slot.about.touched_by(touched) {
                    return true;
                }
                slot.lease = None;
                if let Some(value) = &mut slot.value {
                    value.fresh_until_ms = 0;
                }
                forgotten += 1;
                false
            });
        }
        self.tags.retain(|_, keys| !keys.is_empty());
        forgotten
    }

    fn remove(&mut self, key: &CacheKey) {
        let Some(slot) = self.slots.remove(key) else { return };
        self.order.remove(&slot.used);
        self.bytes -= key.question.len() + slot.value.map_or(0, |value| value.bytes.len());
        let tag = tag(key, &slot.about);
        if let Some(keys) = self.tags.get_mut(&tag) {
            keys.remove(key);
            if keys.is_empty() {
                self.tags.remove(&tag);
            }
        }
    }

    fn bound(&mut self, limits: &MemoryCacheLimits) {
        while self.slots.len() > limits.entries_max || self.bytes > limits.bytes_max {
            let Some(oldest) = self.order.values().next().cloned() else { return };
            self.remove(&oldest);
        }
    }

    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// The wall clock.
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

fn tag(key: &CacheKey, about: &About) -> (Tenant, Option<SmolStr>) {
    let name = match &about.name {
        Some(NameFilter::Exactly(name)) => Some(name.clone()),
        Some(NameFilter::Prefix(_)) | None => None,
    };
    (key.tenant.clone(), name)
}

impl Cache for MemoryCache {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn look(
        &self,
        key: &CacheKey,
        about: &About,
    ) -> BoxFuture<'static, Result<Looked, CacheError>> {
        Box::pin(ready(Ok(self.looked(key, about))))
    }

    fn put(
        &self,
        key: &CacheKey,
        _about: &About,
        lease: Lease,
        value: Bytes,
        fresh_for: Duration,
    ) -> BoxFuture<'static, Result<bool, CacheError>> {
        Box::pin(ready(Ok(self.keep(key, lease, value, fresh_for))))
    }

    fn forget(&self, touched: Touched) -> BoxFuture<'static, Result<u64, CacheError>> {
        Box::pin(ready(Ok(self.state().forget(&touched))))
    }

    fn clear(&self, tenant: &Tenant) -> BoxFuture<'static, Result<u64, CacheError>> {
        let mut state = self.state();
        let keys: Vec<_> = state.slots.keys().filter(|k| k.tenant == *tenant).cloned().collect();
        let answers = keys.iter().filter(|key| state.slots[key].value.is_some()).count();
        for key in &keys {
            state.remove(key);
        }
        Box::pin(ready(Ok(answers as u64)))
    }

    fn size(&self, tenant: &Tenant) -> BoxFuture<'static, Result<CacheSize, CacheError>> {
        let (now, state) = ((self.clock)(), self.state());
        let own = state.slots.iter().filter(|(key, slot)| {
            key.tenant == *tenant && slot.value.is_some() && slot.ends_ms > now
        });
        let size = own.fold(CacheSize::default(), |size, (_, slot)| CacheSize {
            entries: size.entries + 1,
            bytes: size.bytes + slot.value.as_ref().map_or(0, |value| value.bytes.len() as u64),
        });
        Box::pin(ready(Ok(size)))
    }
}
