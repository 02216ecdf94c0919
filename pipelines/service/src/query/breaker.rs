//! A circuit breaker around the store: when too many of the last questions failed or took too
//! long, it is not asked for a while. Then one question tries; if that goes well everybody may
//! ask again. Arithmetic and time only; what is answered meanwhile stands in `history.rs`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How far back outcomes count.
const WINDOW: Duration = Duration::from_secs(10);
/// Outcomes below which nothing is concluded: one slow question is no outage.
const OUTCOMES_MIN: usize = 5;
/// Outcomes remembered at most, the newest ones.
const OUTCOMES_MAX: usize = 1_000;
/// Opens when so many percent of the window failed.
const FAILED_PERCENT: usize = 50;

/// What the breaker lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Every question.
    Closed,
    /// None, for a while.
    Open,
    /// One, to try.
    HalfOpen,
}

/// Shared by all questions to one store.
pub(crate) struct Breaker {
    pause: Duration,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    outcomes: VecDeque<(Instant, bool)>,
    /// Since when it has been open, and what failed last.
    open: Option<(Instant, String)>,
    /// One question is trying.
    trying: bool,
    opened: u64,
}

/// Leave to ask once. Dropping it without an outcome counts as neither.
pub(crate) struct Leave {
    breaker: Arc<Breaker>,
    /// It is the one that tries while the breaker is half open.
    trial: bool,
}

/// The store is not asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// What failed last.
    pub(crate) why: String,
}

impl Breaker {
    /// Closed; when it opens it stays so for `pause`.
    pub(crate) fn new(pause: Duration) -> Arc<Self> {
        Arc::new(Self { pause, inner: Mutex::default() })
    }

    /// Leave to ask, or why there is none.
    pub(crate) fn ask(self: &Arc<Self>, now: Instant) -> Result<Leave, Refused> {
        let mut inner = self.inner();
        let trial = inner.open.is_some();
        if let Some((since, why)) = &inner.open {
            if inner.trying || now < *since + self.pause {
                return Err(Refused { why: why.clone() });
            }
            inner.trying = true;
        }
        Ok(Leave { breaker: Arc::clone(self), trial })
    }

    /// What it lets pass now.
    pub(crate) fn state(&self, now: Instant) -> State {
        match &self.inner().open {
            None => State::Closed,
            Some((since, _)) if now < *since + self.pause => State::Open,
            Some(_) => State::HalfOpen,
        }
    }

    /// How often it opened.
    pub(crate) fn opened(&self) -> u64 {
        self.inner().opened
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave {
    /// The store answered; a refusal of the question is an answer too.
    pub(crate) fn answered(self, now: Instant) {
        let mut inner = self.breaker.inner();
        if self.trial {
            *inner = Inner { opened: inner.opened, ..Inner::default() };
        }
        inner.add(now, true);
    }

    /// The store failed or was silent.
    pub(crate) fn failed(self, now: Instant, why: String) {
        let mut inner = self.breaker.inner();
        inner.add(now, false);
        if self.trial {
            inner.open = Some((now, why));
        } else if inner.open.is_none() && inner.is_too_much() {
            inner.open = Some((now, why));
            inner.opened += 1;
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if self.trial {
            // Also when whoever asked went away: another question may try.
            self.breaker.inner().trying = false;
        }
    }
}

impl Inner {
    fn add(&mut self, now: Instant, fine: bool) {
        self.outcomes.push_back((now, fine));
        while self.outcomes.len() > OUTCOMES_MAX
            || self.outcomes.front().is_some_and(|(at, _)| now - *at > WINDOW)
        {
            self.outcomes.pop_front();
        }
    }

    fn is_too_much(&self) -> bool {
        let failed = self.outcomes.iter().filter(|(_, fine)| !fine).count();
        let all = self.outcomes.len();
        all >= OUTCOMES_MIN && failed * 100 >= all * FAILED_PERCENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(5);

    fn fail(breaker: &Arc<Breaker>, now: Instant, times: usize) {
        for _ in 0..times {
            breaker.ask(now).ok().unwrap().failed(now, "the plug".into());
        }
    }

    #[test]
    fn it_opens_after_half_failed_and_closes_after_one_went_well() {
        let (breaker, mut now) = (Breaker::new(PAUSE), Instant::now());
        for _ in 0..5 {
            breaker.ask(now).ok().unwrap().answered(now);
        }
        fail(&breaker, now, 4);
        assert_eq!(breaker.state(now), State::Closed);
        fail(&breaker, now, 1);
        assert_eq!((breaker.state(now), breaker.opened()), (State::Open, 1));
        assert_eq!(breaker.ask(now).err().unwrap().why, "the plug");
        now += PAUSE;
        assert_eq!(breaker.state(now), State::HalfOpen);
        let one = breaker.ask(now).ok().unwrap();
        assert!(breaker.ask(now).is_err(), "one tries, not two");
        one.failed(now, "again".into());
        assert_eq!((breaker.state(now), breaker.opened()), (State::Open, 1));
        now += PAUSE;
        drop(breaker.ask(now).ok().unwrap());
        breaker.ask(now).ok().unwrap().answered(now);
        assert_eq!(breaker.state(now), State::Closed);
        fail(&breaker, now, 3);
        assert_eq!(breaker.state(now), State::Closed, "what was before the outage is forgotten");
    }

    #[test]
    fn few_or_old_failures_open_nothing() {
        let (breaker, now) = (Breaker::new(PAUSE), Instant::now());
        fail(&breaker, now, OUTCOMES_MIN - 1);
        fail(&breaker, now + WINDOW + Duration::from_secs(1), OUTCOMES_MIN - 1);
        assert_eq!(breaker.state(now), State::Closed);
    }
}
