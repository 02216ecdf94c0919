//! The way of a question: the cache, then one flight for all who ask the same, then the breaker
//! and the store. What fails on the way is made good from the cache where a stale answer is left,
//! and the answer says so. A problem is never kept as an answer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tailrace_contract::history::Range;
use tailrace_contract::{
    Cache, CacheKey, Kept, Lease, Looked, Problem, ProblemKind, Store, StoreError,
};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::{Answer, Degraded, Source, Told};
use super::breaker::Breaker;
use super::counts::Counts;
use super::flight::Flights;
use super::question::{Asked, Question};
use super::time::DAY_MS;
use crate::Limits;

/// How long a question waits for the cache: an answer from there is worth less than that.
const CACHE_PATIENCE: Duration = Duration::from_millis(250);

/// How long an answer is fresh by itself, where the newest time it is about is less than so long
/// ago: new metrics come late by seconds, rarely by hours, and hardly ever by weeks.
const TIERS: [(u64, Duration); 3] = [
    (3_600_000, Duration::from_secs(30)),
    (7 * DAY_MS, Duration::from_secs(5 * 60)),
    (u64::MAX, Duration::from_secs(60 * 60)),
];

/// Answers questions of history. One a listener.
pub(crate) struct History {
    store: Arc<dyn Store>,
    pub(super) cache: Option<Arc<dyn Cache>>,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) counts: Counts,
    seats: Semaphore,
    seats_max: usize,
    patience: Duration,
    flights: Flights<CacheKey, Result<Told, Problem>>,
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

/// How long an answer about a range is fresh when nothing touches it.
fn fresh_for(range: Range, now_ms: u64) -> Duration {
    let age_ms = now_ms.saturating_sub(range.to_ms);
    let tier = TIERS.into_iter().find(|(younger_ms, _)| age_ms < *younger_ms);
    tier.map_or(Duration::ZERO, |(_, fresh)| fresh)
}

impl History {
    /// Asks this store, and this cache where there is one.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        cache: Option<Arc<dyn Cache>>,
        limits: &Limits,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            cache,
            breaker: Breaker::new(limits.breaker_pause),
            counts: Counts::default(),
            seats: Semaphore::new(limits.queries_max),
            seats_max: limits.queries_max,
            patience: limits.query_timeout,
            flights: Flights::default(),
        })
    }

    /// Answers a question; `skip`: not from the cache, nor for it.
    ///
    /// # Errors
    /// The store refuses the question, or nobody can answer it now.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        question: &Question,
        skip: bool,
    ) -> Result<Told, Problem> {
        let told = if skip {
            let answer = self.ask(question).await;
            answer.map_err(Failure::into_problem).map(|answer| Told::of(answer, Source::Skip))
        } else {
            let (history, question) = (Arc::clone(self), question.clone());
            let key = question.key();
            let flight = || async move { history.look_then_ask(&question).await };
            let landed = self.flights.join(key, flight).await;
            landed.unwrap_or_else(|| Err(Problem::new(ProblemKind::Internal, "the answer broke")))
        };
        if let Ok(told) = &told {
            self.counts.add(&question.tenant, told.source, told.degraded.is_some());
        }
        told
    }

    async fn look_then_ask(&self, question: &Question) -> Result<Told, Problem> {
        let looked = self.look(question).await;
        if !is_fresh(&looked)
            && self.is_busy()
            && let Some(coarser) = question.coarser()
        {
            let looked = self.look(&coarser).await;
            let why = "the server is under load: wider buckets, and no percentiles";
            let told = self.told(&coarser, looked).await?;
            let degraded = told.degraded.or_else(|| Some(Degraded::because(why)));
            return Ok(Told { degraded, ..told });
        }
        self.told(question, looked).await
    }

    /// What the cache had, if it is fresh; else what the store has; else what the cache had.
    async fn told(&self, question: &Question, looked: Looked) -> Result<Told, Problem> {
        let Looked { found, lease } = looked;
        let kept = found.and_then(|kept| Some((Answer::from_kept(&kept.value)?, kept)));
        match kept {
            Some((answer, Kept { age, fresh: true, .. })) => {
                Ok(Told { age, ..Told::of(answer, Source::Hit) })
            }
            kept => match self.ask(question).await {
                Ok(answer) => {
                    let source = if self.cache.is_some() { Source::Miss } else { Source::Off };
                    self.keep(question, lease, &answer).await;
                    Ok(Told::of(answer, source))
                }
                Err(Failure::Refused(problem)) => Err(problem),
                Err(Failure::Away(problem)) => {
                    let Some((answer, Kept { age, .. })) = kept else { return Err(problem) };
                    let age_ms = Some(age.as_millis() as u64);
                    let degraded = Some(Degraded { why: problem.detail, age_ms });
                    Ok(Told { age, degraded, ..Told::of(answer, Source::Stale) })
                }
            },
        }
    }

    /// What the cache has. One that fails has nothing.
    async fn look(&self, question: &Question) -> Looked {
        let Some(cache) = &self.cache else { return Looked::default() };
        let looking = timeout(CACHE_PATIENCE, cache.look(&question.key(), &question.about()));
        match looking.await {
            Ok(Ok(looked)) => looked,
            Ok(Err(cause)) => self.cache_failed(&cause.to_string()),
            Err(_) => self.cache_failed("the cache did not answer in time"),
        }
    }

    fn cache_failed<T: Default>(&self, cause: &str) -> T {
        self.counts.cache_failed();
        tracing::debug!(cause, "observer: a question goes on without the cache");
        T::default()
    }

    async fn keep(&self, question: &Question, lease: Option<Lease>, answer: &Answer) {
        let (Some(cache), Some(lease)) = (&self.cache, lease) else { return };
        let about = question.about();
        let fresh_for = fresh_for(about.range, now_ms());
        let put = cache.put(&question.key(), &about, lease, answer.to_kept(), fresh_for);
        match timeout(CACHE_PATIENCE, put).await {
            Ok(Ok(_)) => {}
            Ok(Err(cause)) => self.cache_failed(&cause.to_string()),
            Err(_) => self.cache_failed("the cache did not answer in time"),
        }
    }

    /// Asks the store: not while the breaker is open, nor beside too many others, nor for ever.
    async fn ask(&self, question: &Question) -> Result<Answer, Failure> {
        let leave = self.breaker.ask(Instant::now()).map_err(|refused| {
            let detail = format!("the store failed too often just now ({})", refused.why);
            Failure::Away(Problem::new(ProblemKind::StoreUnreachable, detail))
        })?;
        let _seat = self.seats.try_acquire().map_err(|_| {
            let detail = format!("{} questions are being answered already", self.seats_max);
            Failure::Away(Problem::new(ProblemKind::TooManyClients, detail))
        })?;
        match timeout(self.patience, read(&*self.store, question)).await {
            Ok(Ok(answer)) => {
                leave.answered(Instant::now());
                Ok(answer)
            }
            Ok(Err(refusal @ StoreError::Refused { .. })) => {
                leave.answered(Instant::now());
                Err(Failure::Refused(refusal.into()))
            }
            Ok(Err(error)) => {
                leave.failed(Instant::now(), error.to_string());
                Err(Failure::Away(error.into()))
            }
            Err(_) => {
                let problem = crate::refusal::store_is_silent(self.patience).0;
                leave.failed(Instant::now(), problem.detail.clone());
                Err(Failure::Away(problem))
            }
        }
    }

    /// Half of the seats are taken: from here on, what can be answered cheaply is.
    fn is_busy(&self) -> bool {
        self.seats.available_permits() * 2 <= self.seats_max
    }

    /// Questions that the store is answering now.
    pub(crate) fn running(&self) -> usize {
        self.seats_max - self.seats.available_permits()
    }
}

fn is_fresh(looked: &Looked) -> bool {
    looked.found.as_ref().is_some_and(|kept| kept.fresh)
}

/// Why the store did not answer.
enum Failure {
    /// It never will.
    Refused(Problem),
    /// It may later; meanwhile an old answer is better than none.
    Away(Problem),
}

impl Failure {
    fn into_problem(self) -> Problem {
        match self {
            Self::Refused(problem) | Self::Away(problem) => problem,
        }
    }
}

async fn read(store: &dyn Store, question: &Question) -> Result<Answer, StoreError> {
    let (tenant, format) = (question.tenant.clone(), question.format);
    match &question.asked {
        Asked::Metrics { query, .. } => {
            let page = store.metrics(tenant, query.clone()).await?;
            Ok(Answer::metrics(&question.asked, &page, format))
        }
        Asked::Aggregate(query, figures) => {
            let found = store.aggregate(tenant, query.clone()).await?;
            Ok(Answer::aggregates(query, *figures, &found, format))
        }
        Asked::Summary(range) => {
            let found = store.summary(tenant, *range).await?;
            Ok(Answer::summary(*range, &found, format))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_the_shorter_fresh() {
        let check = |age_ms: u64, seconds: u64| {
            let now = 30 * DAY_MS;
            let range = Range { from_ms: 0, to_ms: now - age_ms };
            assert_eq!(fresh_for(range, now), Duration::from_secs(seconds), "{age_ms}");
        };
        check(0, 30);
        check(3_599_999, 30);
        check(3_600_000, 300);
        check(7 * DAY_MS - 1, 300);
        check(7 * DAY_MS, 3_600);
        check(30 * DAY_MS, 3_600);
        let future = Range { from_ms: 0, to_ms: u64::MAX };
        assert_eq!(fresh_for(future, 5), Duration::from_secs(30));
    }
}
