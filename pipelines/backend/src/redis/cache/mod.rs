//! Answers about history in Redis, for all servers and workers of a prefix. Every call is one
//! script, so that nothing happens between its steps. Whatever a call touches it finds through
//! a tag or the tenant's index: no KEYS, no SCAN, and no key of anybody else.
//!
//! Keys of a tenant, all under `PREFIX:cache:{TENANT}:` —
//! `a:QUESTION` a hash: body, when it was stored, until when it is fresh, the lease;
//! `n:NAME` and `all` tags, sorted sets: which questions are about a name (or about several), by
//! when their answer goes; a member holds the stretch of time as well, so that a commit elsewhere
//! in time passes it by; `index` all questions that have an answer. A sorted set loses members
//! whose answer is gone at every use, and never expires before the last of its answers.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, FromRedisValue, cmd};
use tailrace_contract::cache::{ANSWER_BYTES_MAX, LEASE_KEPT, STALE_KEPT};
use tailrace_contract::history::NameFilter;
use tailrace_contract::{
    About, BoxFuture, Cache, CacheError, CacheKey, CacheSize, Kept, Lease, LogError, Looked,
    Tenant, Touched,
};

use super::RedisConfig;
use super::link::Link;

const LOOK: &str = include_str!("look.lua");
const PUT: &str = include_str!("put.lua");
const FORGET: &str = include_str!("forget.lua");
const CLEAR: &str = include_str!("clear.lua");
const SIZE: &str = include_str!("size.lua");

/// Answers kept for one tenant; beyond it the one that would expire first goes. With the limit of
/// one answer that is half a gigabyte at the very worst, and some megabytes of usual pages.
const ANSWERS_MAX: usize = 1_000;

/// Questions under one tag, those without an answer yet included. A script reads them all.
const MEMBERS_MAX: usize = 4_096;

/// Names of one call: a script must not keep others waiting for long.
const NAMES_AT_ONCE: usize = 500;

/// A cache in Redis. It connects when it is first asked.
#[derive(Debug)]
pub struct RedisCache {
    link: Arc<Link>,
    prefix: String,
    leases: AtomicU64,
}

impl RedisCache {
    /// Under the prefix of a log; connects to nothing yet.
    ///
    /// # Errors
    /// The URL is not usable.
    pub fn new(config: &RedisConfig) -> Result<Self, LogError> {
        let link = Arc::new(Link::new(&config.url)?);
        // Leases of all processes must differ: they are counted on from a random place.
        let leases = AtomicU64::new(RandomState::new().hash_one(&config.prefix) >> 1);
        Ok(Self { link, prefix: format!("{}:cache", config.prefix), leases })
    }

    /// The key of a tenant. The braces keep a tenant's keys on one node of a cluster.
    fn key(&self, tenant: &Tenant, rest: &str) -> String {
        format!("{}:{{{}}}:{rest}", self.prefix, tenant.0)
    }

    fn answers(&self, tenant: &Tenant) -> String {
        self.key(tenant, "a:")
    }

    fn tag(&self, key: &CacheKey, about: &About) -> String {
        match &about.name {
            Some(NameFilter::Exactly(name)) => self.key(&key.tenant, &format!("n:{name}")),
            Some(NameFilter::Prefix(_)) | None => self.key(&key.tenant, "all"),
        }
    }

    fn ask<T: FromRedisValue + Send + 'static>(
        &self,
        script: Cmd,
    ) -> BoxFuture<'static, Result<T, CacheError>> {
        let link = Arc::clone(&self.link);
        Box::pin(async move { link.ask(&script).await.map_err(cache_error) })
    }
}

/// A question as it stands in its tag: stretch of time, prefix of names, text.
fn member(key: &CacheKey, about: &About) -> String {
    let prefix = match &about.name {
        Some(NameFilter::Prefix(prefix)) => prefix.as_str(),
        Some(NameFilter::Exactly(_)) | None => "",
    };
    let (from, to) = (about.range.from_ms, about.range.to_ms);
    format!("{from} {to} {} {prefix}{}", prefix.len(), key.question)
}

fn script(text: &str, keys: &[String]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(text).arg(keys.len()).arg(keys);
    command
}

fn cache_error(error: LogError) -> CacheError {
    let cause = match error {
        LogError::Full { what } => what,
        LogError::Unreachable { cause }
        | LogError::Refused { cause }
        | LogError::Backend { cause } => cause,
        none @ LogError::NoGroups => none.to_string(),
    };
    CacheError { cause }
}

impl Cache for RedisCache {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn look(
        &self,
        key: &CacheKey,
        about: &About,
    ) -> BoxFuture<'static, Result<Looked, CacheError>> {
        let lease = Lease(self.leases.fetch_add(1, Ordering::Relaxed));
        let answers = self.answers(&key.tenant);
        let keys = [format!("{answers}{}", key.question), self.tag(key, about)];
        let mut look = script(LOOK, &keys);
        look.arg(lease.0).arg(LEASE_KEPT.as_millis() as u64).arg(member(key, about));
        look.arg(MEMBERS_MAX).arg(answers);
        let looked = self.ask::<(bool, u64, Option<Vec<u8>>)>(look);
        Box::pin(async move {
            let (fresh, age_ms, body) = looked.await?;
            let age = Duration::from_millis(age_ms);
            let found = body.map(|body| Kept { value: body.into(), age, fresh });
            Ok(Looked { found, lease: (!fresh).then_some(lease) })
        })
    }

    fn put(
        &self,
        key: &CacheKey,
        about: &About,
        lease: Lease,
        value: Bytes,
        fresh_for: Duration,
    ) -> BoxFuture<'static, Result<bool, CacheError>> {
        if value.len() > ANSWER_BYTES_MAX {
            return Box::pin(std::future::ready(Ok(false)));
        }
        let answers = self.answers(&key.tenant);
        let answer = format!("{answers}{}", key.question);
        let keys = [answer, self.tag(key, about), self.key(&key.tenant, "index")];
        let mut put = script(PUT, &keys);
        put.arg(lease.0).arg(&value[..]).arg(fresh_for.as_millis() as u64);
        put.arg(STALE_KEPT.as_millis() as u64).arg(member(key, about)).arg(&*key.question);
        put.arg(ANSWERS_MAX).arg(answers);
        self.ask(put)
    }

    fn forget(&self, touched: Touched) -> BoxFuture<'static, Result<u64, CacheError>> {
        let Touched { tenant, names, range } = touched;
        let names: Vec<_> = names.into_iter().collect();
        let asked: Vec<_> = names
            .chunks(NAMES_AT_ONCE)
            .map(|names| {
                let tags = names.iter().map(|name| self.key(&tenant, &format!("n:{name}")));
                let keys: Vec<_> = tags.chain([self.key(&tenant, "all")]).collect();
                let mut forget = script(FORGET, &keys);
                forget.arg(range.from_ms).arg(range.to_ms).arg(self.answers(&tenant));
                for name in names {
                    forget.arg(name.as_str());
                }
                self.ask::<u64>(forget)
            })
            .collect();
        Box::pin(async move {
            let mut forgotten = 0;
            for asked in asked {
                forgotten += asked.await?;
            }
            Ok(forgotten)
        })
    }

    fn clear(&self, tenant: &Tenant) -> BoxFuture<'static, Result<u64, CacheError>> {
        let mut clear = script(CLEAR, &[self.key(tenant, "index")]);
        clear.arg(self.answers(tenant));
        self.ask(clear)
    }

    fn size(&self, tenant: &Tenant) -> BoxFuture<'static, Result<CacheSize, CacheError>> {
        let mut size = script(SIZE, &[self.key(tenant, "index")]);
        size.arg(self.answers(tenant));
        let asked = self.ask::<(u64, u64)>(size);
        Box::pin(async move {
            let (entries, bytes) = asked.await?;
            Ok(CacheSize { entries, bytes })
        })
    }
}
