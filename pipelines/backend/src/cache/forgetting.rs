//! From a worker's commits to what a cache forgets: at once when a tag was quiet, at most once a
//! second for each tag after that, and always once after the last commit. A tag is a name of a
//! tenant. Between two times an answer may be a second old; it does not stay so.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tailrace_contract::history::Range;
use tailrace_contract::{AfterCommit, BoxFuture, Cache, SmolStr, Tenant, Touched};
use tokio::time::{Instant, sleep_until, timeout};

/// How often one tag is forgotten at most: at thousands of commits a second a cache would
/// otherwise do nothing else.
const TAG_PAUSE: Duration = Duration::from_secs(1);

/// How long a commit waits for its cache. What the cache did not do by then is done later.
const PATIENCE: Duration = Duration::from_millis(250);

/// Stretches of time that wait for one tag; beyond it the two that are closest become one. Late
/// data beside new data must not make everything in between stale.
const RANGES_MAX: usize = 4;

/// Tags that wait, which are many only while the cache is away. Answers about further ones go
/// stale by their own lifetimes.
const WAITING_MAX: usize = 100_000;

type Tag = (Tenant, SmolStr);
type Tags = HashMap<Tag, Vec<Range>>;

/// Tells a cache what commits touched. Cheap to clone.
#[derive(Clone)]
pub struct Forgetting(Arc<Inner>);

struct Inner {
    cache: Arc<dyn Cache>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When each tag was forgotten last, for as long as that matters.
    told: HashMap<Tag, Instant>,
    waiting: Tags,
    /// A task comes back for what waits.
    comes_back: bool,
}

impl Forgetting {
    /// Stands before a cache.
    pub fn new(cache: Arc<dyn Cache>) -> Self {
        Self(Arc::new(Inner { cache, state: Mutex::default() }))
    }

    /// Tells the cache everything that waits, now: before the process ends.
    pub async fn flush(&self) {
        let waiting = std::mem::take(&mut self.0.state().waiting);
        self.0.tell(waiting).await;
    }
}

impl AfterCommit for Forgetting {
    fn committed(&self, touched: Vec<Touched>) -> BoxFuture<'static, ()> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let at_once = inner.state().sort(&touched, Instant::now());
            if !at_once.is_empty() {
                // Goes on by itself when the cache takes longer than a commit may wait.
                let told = tokio::spawn({
                    let inner = Arc::clone(&inner);
                    async move { inner.tell(at_once).await }
                });
                let _ = timeout(PATIENCE, told).await;
            }
            inner.see_to_return();
        })
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the cache; what it did not take waits for another time.
    async fn tell(self: &Arc<Self>, tags: Tags) {
        for touched in by_range(tags) {
            if let Err(cause) = self.cache.forget(touched.clone()).await {
                tracing::warn!(%cause, "answers stay stale until the cache is back");
                self.state().wait(&touched);
                self.see_to_return();
            }
        }
    }

    fn see_to_return(self: &Arc<Self>) {
        let mut state = self.state();
        if !state.waiting.is_empty() && !state.comes_back {
            state.comes_back = true;
            tokio::spawn(Arc::clone(self).come_back());
        }
    }

    /// Tells what waits, each tag when its pause is over, until nothing waits.
    async fn come_back(self: Arc<Self>) {
        loop {
            let Some(at) = self.state().next_due() else { return };
            sleep_until(at).await;
            let due = self.state().take_due(Instant::now());
            self.tell(due).await;
        }
    }
}

impl State {
    /// What may be told at once; the rest waits.
    fn sort(&mut self, touched: &[Touched], now: Instant) -> Tags {
        let mut at_once = Tags::new();
        for (tag, range) in tags(touched) {
            let rests = self.told.get(&tag).is_some_and(|&at| now < at + TAG_PAUSE);
            if rests || self.waiting.contains_key(&tag) {
                self.add(tag, range);
            } else {
                join(at_once.entry(tag).or_default(), range);
            }
        }
        self.told.extend(at_once.keys().map(|tag| (tag.clone(), now)));
        if self.told.len() > WAITING_MAX {
            self.told.retain(|_, at| now < *at + TAG_PAUSE);
        }
        at_once
    }

    fn wait(&mut self, touched: &Touched) {
        tags(std::slice::from_ref(touched)).for_each(|(tag, range)| self.add(tag, range));
    }

    fn add(&mut self, tag: Tag, range: Range) {
        if self.waiting.len() < WAITING_MAX || self.waiting.contains_key(&tag) {
            join(self.waiting.entry(tag).or_default(), range);
        }
    }

    /// When the next tag may be told. None: nothing waits, and nobody comes back.
    fn next_due(&mut self) -> Option<Instant> {
        let at = |tag: &Tag| self.told.get(tag).map_or_else(Instant::now, |&at| at + TAG_PAUSE);
        let due = self.waiting.keys().map(at).min();
        self.comes_back = due.is_some();
        due
    }

    fn take_due(&mut self, now: Instant) -> Tags {
        self.told.retain(|_, at| now < *at + TAG_PAUSE);
        let (due, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(tag, _)| !self.told.contains_key(tag));
        self.waiting = rest;
        self.told.extend(Tags::keys(&due).map(|tag| (tag.clone(), now)));
        due
    }
}

fn tags(touched: &[Touched]) -> impl Iterator<Item = (Tag, Range)> + '_ {
    touched.iter().flat_map(|touched| {
        let tag = |name: &SmolStr| ((touched.tenant.clone(), name.clone()), touched.range);
        touched.names.iter().map(tag)
    })
}

/// Adds a stretch of time to some that do not overlap.
fn join(ranges: &mut Vec<Range>, mut more: Range) {
    ranges.retain(|range| {
        let joins = range.from_ms <= more.to_ms && more.from_ms <= range.to_ms;
        if joins {
            more = hull(*range, more);
        }
        !joins
    });
    ranges.push(more);
    if ranges.len() > RANGES_MAX {
        ranges.sort_unstable_by_key(|range| range.from_ms);
        let gap = |at: &usize| ranges[at + 1].from_ms - ranges[*at].to_ms;
        let at = (0..ranges.len() - 1).min_by_key(gap).unwrap_or(0);
        let second = ranges.remove(at + 1);
        ranges[at] = hull(ranges[at], second);
    }
}

fn hull(a: Range, b: Range) -> Range {
    Range { from_ms: a.from_ms.min(b.from_ms), to_ms: a.to_ms.max(b.to_ms) }
}

/// Names with the same stretch of time travel together.
fn by_range(tags: Tags) -> Vec<Touched> {
    let mut joined: HashMap<(Tenant, Range), BTreeSet<SmolStr>> = HashMap::new();
    for ((tenant, name), ranges) in tags {
        for range in ranges {
            joined.entry((tenant.clone(), range)).or_default().insert(name.clone());
        }
    }
    let touched = |((tenant, range), names)| Touched { tenant, names, range };
    joined.into_iter().map(touched).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_join_where_they_touch_and_the_closest_when_they_are_many() {
        let range = |from_ms, to_ms| Range { from_ms, to_ms };
        let mut ranges = Vec::new();
        for (from, to) in [(0, 10), (20, 30), (5, 22), (100, 110), (200, 210), (300, 310)] {
            join(&mut ranges, range(from, to));
        }
        assert_eq!(ranges.len(), 4);
        join(&mut ranges, range(318, 320));
        assert_eq!(ranges, [range(0, 30), range(100, 110), range(200, 210), range(300, 320)]);
    }
}
