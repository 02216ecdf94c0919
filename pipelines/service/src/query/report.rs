//! History in `/health` and `/metrics`: the breaker, what is being answered, and the cache.

use std::time::Instant;

use serde::Serialize;
use tailrace_contract::{CacheError, Tenant};
use tokio::time::timeout;

use super::breaker::State;
use crate::observer::Shared;
use crate::prometheus::Page;

/// History as `/health` tells it.
#[derive(Debug, Serialize)]
pub(crate) struct HistoryState {
    /// What lets questions pass to the store.
    pub(crate) breaker: State,
    /// Questions that the store is answering.
    running: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache: Option<CacheState>,
}

impl HistoryState {
    /// What is wrong, in a word each.
    pub(crate) fn trouble(&self) -> Vec<&'static str> {
        let cache = self.cache.as_ref().is_some_and(|cache| !cache.up);
        let breaker = self.breaker != State::Closed;
        [("cache", cache), ("breaker", breaker)]
            .into_iter()
            .filter_map(|(part, is_bad)| is_bad.then_some(part))
            .collect()
    }
}

/// The cache, asked just now.
#[derive(Debug, Serialize)]
pub(crate) struct CacheState {
    name: &'static str,
    pub(crate) up: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// Asks the cache; none without a store.
pub(crate) async fn state(shared: &Shared) -> Option<HistoryState> {
    let history = shared.history.as_ref()?;
    let cache = match &history.cache {
        None => None,
        Some(cache) => {
            // Any question shows whether it works; this one reads a single key.
            let patience = shared.limits.health_timeout;
            let asked = timeout(patience, cache.size(&Tenant("".into()))).await;
            let fault = match asked {
                Ok(Ok(_)) => None,
                Ok(Err(CacheError { cause })) => Some(cause),
                Err(_) => Some(format!("no answer within {} ms", patience.as_millis())),
            };
            Some(CacheState { name: cache.name(), up: fault.is_none(), fault })
        }
    };
    let (breaker, running) = (history.breaker.state(Instant::now()), history.running());
    Some(HistoryState { breaker, running, cache })
}

/// Adds history to a page for Prometheus.
pub(crate) fn prometheus(shared: &Shared, page: &mut Page<'_>) {
    let Some(history) = &shared.history else { return };
    let answers = history.counts.all();
    page.head("history_answers_total", "Answers of history, by where they came from.", "counter");
    let sources = [
        ("hit", answers.hits),
        ("miss", answers.misses),
        ("skip", answers.skips),
        ("stale", answers.stale),
    ];
    for (source, count) in sources {
        page.sample("history_answers_total", &[("source", source)], count);
    }
    let degraded = answers.degraded;
    page.counter("history_degraded_total", "Answers that were stale or coarser.", degraded);
    page.gauge("history_running", "Questions that the store answers.", history.running() as u64);
    let failures = history.counts.cache_failures();
    page.counter("history_cache_failures_total", "Times the cache was of no use.", failures);
    let opened = history.breaker.opened();
    page.counter("history_breaker_opened_total", "Times the breaker opened.", opened);
    let state = match history.breaker.state(Instant::now()) {
        State::Closed => 0,
        State::HalfOpen => 1,
        State::Open => 2,
    };
    page.gauge("history_breaker_state", "0 closed, 1 half open, 2 open.", state);
}
