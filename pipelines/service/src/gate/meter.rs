//! How much a tenant may ask for, counted by class of routes: reading much leaves sending alone,
//! and the other way round. One server counts by itself; several share buckets, and then this one
//! takes requests out in small leases, so that most cost no question.
//!
//! What a lease costs in exactness: a server may use requests that it took up to
//! [`LEASE_LIFE`] ago, so in any stretch of time a tenant is granted at most its burst, its rate
//! times the stretch, and one lease for each server. While the shared buckets do not answer, each
//! server grants the whole quota by itself.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tailrace_contract::{Buckets, Grant, Problem, ProblemKind, Quota, Tenant};

use super::Quotas;

/// What a lease lasts at the tenant's full rate: fifty questions a second, whatever the rate.
const LEASE: Duration = Duration::from_millis(20);
/// What was taken and not used by then is given up.
const LEASE_LIFE: Duration = Duration::from_secs(1);
/// An answer of shared buckets takes less than a millisecond; requests wait for it.
const PATIENCE: Duration = Duration::from_millis(100);
/// After a failure, how long this server counts by itself before it asks again.
const REST: Duration = Duration::from_secs(1);

/// A class of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Sending.
    Ingest,
    /// Everything else that needs a key.
    Read,
}

/// What a tenant has left, for the headers of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests at once after a pause.
    pub(crate) limit: u32,
    /// Requests that may follow at once.
    pub(crate) remaining: u32,
    /// Until all of the limit is there again, in whole seconds, rounded up.
    pub(crate) reset_s: u64,
}

/// The counters of one tenant.
#[derive(Debug)]
pub(crate) struct Meter {
    ingest: Counter,
    read: Counter,
}

/// The counters of all tenants. They outlive the keys: making a key anew gives nothing back.
pub(super) struct Meters {
    shared: Option<Arc<dyn Buckets>>,
    by_tenant: Mutex<HashMap<Tenant, Arc<Meter>>>,
}

struct Counter {
    what: &'static str,
    bucket: String,
    shared: Option<Arc<dyn Buckets>>,
    state: Mutex<State>,
    /// One question at a time.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    quota: Quota,
    /// When the server's own bucket will be full, in microseconds of [`now_us`].
    full_us: f64,
    /// What is left of the lease, and until when it is good.
    leased: u32,
    lease_ends: Instant,
    /// The shared bucket said that there is nothing before this time.
    refused_until: Instant,
    /// The server counts by itself until then.
    alone_until: Instant,
    /// The next lease is being fetched.
    is_fetching: bool,
    /// What the bucket said last.
    last: Grant,
}

/// What can be said at once.
enum Now {
    Taken,
    /// And the lease is half used.
    TakenFetch,
    Refused {
        retry: Duration,
    },
    Unknown,
}

impl Meters {
    pub(super) fn new(shared: Option<Arc<dyn Buckets>>) -> Self {
        Self { shared, by_tenant: Mutex::default() }
    }

    /// The tenant's meter, with these quotas from now on.
    pub(super) fn of(&self, tenant: &Tenant, quotas: &Quotas) -> Arc<Meter> {
        let mut known = lock(&self.by_tenant);
        let meter = known.entry(tenant.clone()).or_insert_with(|| {
            let counter = |what, quota| Counter::new(what, tenant, quota, self.shared.clone());
            Arc::new(Meter {
                ingest: counter("ingest", quotas.ingest),
                read: counter("read", quotas.read),
            })
        });
        lock(&meter.ingest.state).quota = quotas.ingest;
        lock(&meter.read.state).quota = quotas.read;
        Arc::clone(meter)
    }
}

impl Meter {
    fn counter(&self, class: Class) -> &Counter {
        match class {
            Class::Ingest => &self.ingest,
            Class::Read => &self.read,
        }
    }

    /// Takes one request, if that can be decided at once.
    pub(crate) fn take_now(self: &Arc<Self>, class: Class) -> Option<Result<(), Problem>> {
        let counter = self.counter(class);
        match counter.take_now() {
            Now::Taken => Some(Ok(())),
            Now::TakenFetch => {
                let meter = Arc::clone(self);
                tokio::spawn(async move { meter.counter(class).fetch().await });
                Some(Ok(()))
            }
            Now::Refused { retry } => Some(Err(counter.refusal(retry))),
            Now::Unknown => None,
        }
    }

    /// Takes one request; asks others if it must.
    ///
    /// # Errors
    /// The tenant's limit is reached.
    pub(crate) async fn take(self: &Arc<Self>, class: Class) -> Result<(), Problem> {
        if let Some(taken) = self.take_now(class) {
            return taken;
        }
        let counter = self.counter(class);
        let _turn = counter.asking.lock().await;
        // Who was before may have brought enough.
        if let Some(taken) = self.take_now(class) {
            return taken;
        }
        counter.ask().await;
        // The grant may have been used by those who came meanwhile: there was little left.
        self.take_now(class).unwrap_or_else(|| Err(counter.refusal(Duration::ZERO)))
    }

    /// What is left.
    pub(crate) fn standing(&self, class: Class) -> Standing {
        let counter = self.counter(class);
        let state = lock(&counter.state);
        let last = state.last;
        Standing {
            limit: state.quota.burst,
            remaining: (last.remaining + state.leased).min(state.quota.burst),
            reset_s: last.reset_us.div_ceil(1_000_000),
        }
    }
}

impl Counter {
    fn new(
        what: &'static str,
        tenant: &Tenant,
        quota: Quota,
        shared: Option<Arc<dyn Buckets>>,
    ) -> Self {
        let past = Instant::now();
        let last = Grant { granted: 0, remaining: quota.burst, retry_us: 0, reset_us: 0 };
        let state = State {
            quota,
            full_us: 0.0,
            leased: 0,
            lease_ends: past,
            refused_until: past,
            alone_until: past,
            is_fetching: false,
            last,
        };
        let bucket = format!("{what}:{}", tenant.0);
        Self {
            what,
            bucket,
            shared,
            state: Mutex::new(state),
            asking: tokio::sync::Mutex::default(),
        }
    }

    fn take_now(&self) -> Now {
        let mut state = lock(&self.state);
        let now = Instant::now();
        if self.shared.is_none() || now < state.alone_until {
            return state.take_alone();
        }
        if state.leased > 0 && now < state.lease_ends {
            state.leased -= 1;
            let is_half = state.leased == lease(state.quota) / 2 && state.leased > 0;
            let fetch = is_half && !std::mem::replace(&mut state.is_fetching, is_half);
            return if fetch { Now::TakenFetch } else { Now::Taken };
        }
        state.leased = 0;
        match state.refused_until.checked_duration_since(now) {
            Some(retry) if !retry.is_zero() => Now::Refused { retry },
            _ => Now::Unknown,
        }
    }

    /// Fetches the next lease while the last one is being used.
    async fn fetch(&self) {
        let _turn = self.asking.lock().await;
        self.ask().await;
        lock(&self.state).is_fetching = false;
    }

    /// Asks the shared bucket for a lease, and writes down what it said.
    async fn ask(&self) {
        let Some(shared) = &self.shared else { return };
        let quota = lock(&self.state).quota;
        let asked = shared.take(&self.bucket, quota, lease(quota));
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        let cause = match answer {
            Ok(Ok(grant)) => return lock(&self.state).learn(grant),
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => format!("no answer within {} ms", PATIENCE.as_millis()),
        };
        tracing::warn!(bucket = self.bucket, cause, "gate: this server counts by itself for now");
        let mut state = lock(&self.state);
        state.alone_until = Instant::now() + REST;
    }

    fn refusal(&self, retry: Duration) -> Problem {
        let quota = lock(&self.state).quota;
        let retry_after_s = (retry.as_secs_f64().ceil() as u32).max(1);
        let detail = format!(
            "the limit of this key's tenant for {} is {} a second with bursts of {}; try again in \
             {retry_after_s} s",
            self.what, quota.rate_per_s, quota.burst
        );
        Problem::new(ProblemKind::TooMany { retry_after_s }, detail)
    }
}

impl State {
    fn take_alone(&mut self) -> Now {
        let (full, grant) = self.quota.take(self.full_us, now_us(), 1);
        (self.full_us, self.last) = (full, grant);
        if grant.granted > 0 {
            return Now::Taken;
        }
        Now::Refused { retry: Duration::from_micros(grant.retry_us) }
    }

    fn learn(&mut self, grant: Grant) {
        let now = Instant::now();
        self.last = grant;
        self.leased += grant.granted;
        self.lease_ends = now + LEASE_LIFE;
        if grant.granted == 0 {
            self.refused_until = now + Duration::from_micros(grant.retry_us);
        }
    }
}

/// Requests of one lease.
fn lease(quota: Quota) -> u32 {
    ((quota.rate_per_s * LEASE.as_secs_f64()) as u32).clamp(1, quota.burst.max(1))
}

/// Microseconds of a clock that only goes forward.
fn now_us() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    // A bucket that is full at 0 is full before the first question.
    START.elapsed().as_secs_f64() * 1e6
}

/// A panic while holding one of these locks leaves plain numbers: still usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counter").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use tailrace_contract::BoxFuture;
    use tailrace_contract::quota::BucketsError;

    use super::*;

    /// Buckets that grant this share of what is wanted, or do not answer.
    struct Others {
        grants: Option<bool>,
        questions: AtomicU32,
    }

    impl Others {
        fn new(grants: Option<bool>) -> Arc<Self> {
            Arc::new(Self { grants, questions: AtomicU32::new(0) })
        }
    }

    impl Buckets for Others {
        fn take(
            &self,
            _: &str,
            _: Quota,
            wanted: u32,
        ) -> BoxFuture<'static, Result<Grant, BucketsError>> {
            self.questions.fetch_add(1, Relaxed);
            let answer = self.grants.map(|all| {
                let granted = if all { wanted } else { 0 };
                Grant { granted, remaining: 0, retry_us: 30_000_000, reset_us: 60_000_000 }
            });
            let away = || BucketsError { cause: "away".into() };
            Box::pin(std::future::ready(answer.ok_or_else(away)))
        }
    }

    fn meter(others: Arc<Others>, rate_per_s: f64, burst: u32) -> Arc<Meter> {
        let quota = Quota { rate_per_s, burst };
        let quotas = Quotas { ingest: quota, read: quota };
        Meters::new(Some(others)).of(&Tenant("acme".into()), &quotas)
    }

    /// How many of so many requests are let in.
    async fn let_in(meter: &Arc<Meter>, requests: u32) -> u32 {
        let mut taken = 0;
        for _ in 0..requests {
            taken += u32::from(meter.take(Class::Ingest).await.is_ok());
            // Whoever fetches the next lease gets a turn.
            tokio::task::yield_now().await;
        }
        taken
    }

    #[tokio::test]
    async fn most_requests_cost_no_question() {
        let others = Others::new(Some(true));
        let meter = meter(Arc::clone(&others), 10_000.0, 10_000);
        assert_eq!(let_in(&meter, 2_000).await, 2_000);
        // Leases of 200.
        let questions = others.questions.load(Relaxed);
        assert!((10..=25).contains(&questions), "{questions}");
    }

    #[tokio::test]
    async fn a_refusal_is_remembered_as_long_as_it_holds() {
        let others = Others::new(Some(false));
        let meter = meter(Arc::clone(&others), 10.0, 10);
        assert_eq!(let_in(&meter, 100).await, 0);
        assert_eq!(others.questions.load(Relaxed), 1);
        let refused = meter.take(Class::Ingest).await.unwrap_err();
        assert!((29..=30).contains(&refused.retry_after_s().unwrap()), "{refused:?}");
    }

    #[tokio::test]
    async fn while_nobody_answers_the_server_counts_by_itself() {
        let others = Others::new(None);
        let meter = meter(Arc::clone(&others), 0.001, 3);
        assert_eq!(let_in(&meter, 50).await, 3);
        // It asks again only after a rest.
        assert_eq!(others.questions.load(Relaxed), 1);
        // Reading has a bucket of its own.
        assert!(meter.take(Class::Read).await.is_ok());
    }
}
