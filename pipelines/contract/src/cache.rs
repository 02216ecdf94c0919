//! Where answers about history are kept until a commit makes them stale. A cache knows what an
//! answer is about (names and a stretch of time), so that a commit forgets only those that it
//! changed. What is forgotten or too old is kept a while longer as stale: better than nothing
//! while the store is away. It lacks knowledge of questions and stores.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::history::{NameFilter, Range};
use crate::{BoxFuture, Tenant, Touched};

/// How long an answer is kept once it is stale, for the time when the store cannot be asked. An
/// outage that lasts longer is noticed by people.
pub const STALE_KEPT: Duration = Duration::from_secs(3_600);

/// How long somebody who found nothing may take to compute the answer; later it is not kept.
pub const LEASE_KEPT: Duration = Duration::from_secs(60);

/// Bytes of one answer at most; a larger one is computed every time.
pub const ANSWER_BYTES_MAX: usize = 512 << 10;

/// Whose answer, and to what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// Whose history was asked.
    pub tenant: Tenant,
    /// The whole question, written so that equal questions are equal texts.
    pub question: Arc<str>,
}

/// What an answer is about: a commit that touches it makes the answer stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Which names; none: all.
    pub name: Option<NameFilter>,
    /// Which times.
    pub range: Range,
}

/// What a cache has for a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// The answer, fresh or stale.
    pub found: Option<Kept>,
    /// The right to keep a new answer, where there is no fresh one and there is room.
    pub lease: Option<Lease>,
}

/// An answer that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// As it was given to [`Cache::put`].
    pub value: Bytes,
    /// How long it has been kept.
    pub age: Duration,
    /// Nothing has made it stale yet.
    pub fresh: bool,
}

/// The right to keep an answer that is being computed. A commit that touches what it is about
/// takes the right away: the answer may have been read before the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(pub u64);

/// What a cache holds of a tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CacheSize {
    /// Answers, stale ones included.
    pub entries: u64,
    /// Bytes of those answers.
    pub bytes: u64,
}

/// Keeps answers, bounded. A failure costs time, never truth: whoever asks goes on without it.
pub trait Cache: Send + Sync {
    /// `memory` or `redis`, for people.
    fn name(&self) -> &'static str;

    /// What is kept under a key; if that is not fresh, a lease as well.
    fn look(&self, key: &CacheKey, about: &About)
    -> BoxFuture<'static, Result<Looked, CacheError>>;

    /// Keeps an answer, fresh for `fresh_for` and stale for [`STALE_KEPT`] after that. Answers
    /// whether it is fresh: without its lease it is kept as a stale one at best.
    fn put(
        &self,
        key: &CacheKey,
        about: &About,
        lease: Lease,
        value: Bytes,
        fresh_for: Duration,
    ) -> BoxFuture<'static, Result<bool, CacheError>>;

    /// Makes stale what is about the same tenant, one of the names, and overlapping times; takes
    /// away leases likewise. Answers how many entries it was.
    fn forget(&self, touched: Touched) -> BoxFuture<'static, Result<u64, CacheError>>;

    /// Removes everything of a tenant. Answers how many entries it was.
    fn clear(&self, tenant: &Tenant) -> BoxFuture<'static, Result<u64, CacheError>>;

    /// What is kept of a tenant; fails when the cache's parts do not work.
    fn size(&self, tenant: &Tenant) -> BoxFuture<'static, Result<CacheSize, CacheError>>;
}

/// The cache did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cache cannot be used: {cause}")]
pub struct CacheError {
    /// What was seen.
    pub cause: String,
}

impl About {
    /// Whether a commit of this tenant changes the answer.
    pub fn touched_by(&self, touched: &Touched) -> bool {
        self.range.overlaps(touched.range)
            && match &self.name {
                None => true,
                Some(NameFilter::Exactly(name)) => touched.names.contains(name),
                Some(NameFilter::Prefix(prefix)) => {
                    touched.names.iter().any(|name| name.starts_with(prefix.as_str()))
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: Option<NameFilter>, times: (u64, u64), expected: bool) {
        let about = About { name, range: Range { from_ms: times.0, to_ms: times.1 } };
        let names = ["cpu.user", "event.click"].map(Into::into).into();
        let range = Range { from_ms: 100, to_ms: 201 };
        let touched = Touched { tenant: Tenant::open(), names, range };
        assert_eq!(about.touched_by(&touched), expected, "{about:?}");
    }

    #[test]
    fn an_answer_is_touched_by_its_names_and_times_only() {
        let exactly = |name: &str| Some(NameFilter::Exactly(name.into()));
        let prefix = |name: &str| Some(NameFilter::Prefix(name.into()));
        check(None, (0, 101), true);
        check(None, (0, 100), false);
        check(None, (201, 300), false);
        check(exactly("cpu.user"), (200, 300), true);
        check(exactly("cpu"), (0, 300), false);
        check(prefix("cpu"), (0, 300), true);
        check(prefix("event."), (0, 300), true);
        check(prefix("event.click."), (0, 300), false);
    }
}
