//! What every cache must do.

use std::time::Duration;

use tailrace_contract::cache::ANSWER_BYTES_MAX;
use tailrace_contract::{CacheSize, Tenant};

use super::*;

/// The same rule for both.
macro_rules! rules {
    ($($rule:ident),* $(,)?) => {
        mod in_memory { $(
            #[tokio::test]
            async fn $rule() { super::$rule(super::memory()).await; }
        )* }
        mod in_redis { $(
            #[tokio::test]
            async fn $rule() { super::$rule(super::redis()).await; }
        )* }
    };
}

rules!(
    what_was_kept_is_found_by_its_tenant_only,
    a_commit_makes_stale_what_it_touches_and_nothing_else,
    a_commit_takes_leases_away,
    only_the_last_lease_counts,
    clearing_removes_one_tenants_answers,
    what_is_too_large_is_not_kept,
    what_is_not_fresh_any_more_is_stale,
);

async fn what_was_kept_is_found_by_its_tenant_only(bench: Bench) {
    let (cache, about) = (&*bench.cache, about(None, 0, 9));
    keep(cache, &key("a", "q"), &about, "one").await;
    assert_eq!(kept(cache, &key("a", "q"), &about).await, fresh("one"));
    assert_eq!(kept(cache, &key("b", "q"), &about).await, None);
    assert_eq!(kept(cache, &key("a", "q2"), &about).await, None);
    let found = cache.look(&key("a", "q"), &about).await.unwrap();
    assert!(found.lease.is_none() && found.found.unwrap().age < Duration::from_secs(60));
}

async fn a_commit_makes_stale_what_it_touches_and_nothing_else(bench: Bench) {
    let cache = &*bench.cache;
    let questions = [
        ("a", "cpu now", about(exactly("cpu"), 100, 200), false),
        ("a", "cpu before", about(exactly("cpu"), 0, 100), true),
        ("a", "cpu later", about(exactly("cpu"), 151, 300), true),
        ("a", "mem now", about(exactly("mem"), 100, 200), true),
        ("a", "c* now", about(prefix("c"), 100, 200), false),
        ("a", "c* before", about(prefix("c"), 0, 100), true),
        ("a", "m* now", about(prefix("m"), 100, 200), true),
        ("a", "all now", about(None, 0, 1_000), false),
        ("a", "all before", about(None, 0, 100), true),
        ("b", "cpu now", about(exactly("cpu"), 100, 200), true),
        ("b", "all now", about(None, 0, 1_000), true),
    ];
    for (tenant, question, about, _) in &questions {
        keep(cache, &key(tenant, question), about, "x").await;
    }
    assert_eq!(cache.forget(touched("a", "cpu", 100, 151)).await.unwrap(), 3);
    for (tenant, question, about, stays) in &questions {
        let expected = if *stays { fresh("x") } else { stale("x") };
        assert_eq!(kept(cache, &key(tenant, question), about).await, expected, "{question}");
    }
}

async fn a_commit_takes_leases_away(bench: Bench) {
    let (cache, key, about) = (&*bench.cache, key("a", "q"), about(exactly("cpu"), 0, 9));
    let lease = cache.look(&key, &about).await.unwrap().lease.unwrap();
    cache.forget(touched("a", "cpu", 5, 6)).await.unwrap();
    assert!(!cache.put(&key, &about, lease, "old".into(), HOUR).await.unwrap());
    // Not as if nothing had happened: it is what there is while the store is away.
    assert_eq!(kept(cache, &key, &about).await, stale("old"));
    keep(cache, &key, &about, "new").await;
    assert_eq!(kept(cache, &key, &about).await, fresh("new"));
}

async fn only_the_last_lease_counts(bench: Bench) {
    let (cache, key, about) = (&*bench.cache, key("a", "q"), about(exactly("cpu"), 0, 9));
    let first = cache.look(&key, &about).await.unwrap().lease.unwrap();
    let second = cache.look(&key, &about).await.unwrap().lease.unwrap();
    assert!(!cache.put(&key, &about, first, "first".into(), HOUR).await.unwrap());
    assert!(cache.put(&key, &about, second, "second".into(), HOUR).await.unwrap());
    assert!(!cache.put(&key, &about, first, "first".into(), HOUR).await.unwrap());
    assert_eq!(kept(cache, &key, &about).await, fresh("second"));
}

async fn clearing_removes_one_tenants_answers(bench: Bench) {
    let (cache, about) = (&*bench.cache, about(None, 0, 9));
    for tenant in ["a", "b"] {
        keep(cache, &key(tenant, "q"), &about, "12345").await;
        keep(cache, &key(tenant, "r"), &about, "123").await;
    }
    let size = async |tenant: &str| cache.size(&Tenant(tenant.into())).await.unwrap();
    assert_eq!(size("a").await, CacheSize { entries: 2, bytes: 8 });
    assert_eq!(cache.clear(&Tenant("a".into())).await.unwrap(), 2);
    assert_eq!(size("a").await, CacheSize::default());
    assert_eq!(size("b").await, CacheSize { entries: 2, bytes: 8 });
    assert_eq!(kept(cache, &key("a", "q"), &about).await, None);
    assert_eq!(kept(cache, &key("b", "q"), &about).await, fresh("12345"));
}

async fn what_is_too_large_is_not_kept(bench: Bench) {
    let (cache, key, about) = (&*bench.cache, key("a", "q"), about(None, 0, 9));
    for (bytes, fits) in [(ANSWER_BYTES_MAX, true), (ANSWER_BYTES_MAX + 1, false)] {
        cache.clear(&key.tenant).await.unwrap();
        let lease = cache.look(&key, &about).await.unwrap().lease.unwrap();
        let body = vec![b'x'; bytes].into();
        assert_eq!(cache.put(&key, &about, lease, body, HOUR).await.unwrap(), fits);
    }
}

async fn what_is_not_fresh_any_more_is_stale(bench: Bench) {
    let (cache, key, about) = (&*bench.cache, key("a", "q"), about(None, 0, 9));
    let lease = cache.look(&key, &about).await.unwrap().lease.unwrap();
    cache.put(&key, &about, lease, "x".into(), Duration::from_millis(1)).await.unwrap();
    let gone_stale = async {
        while kept(cache, &key, &about).await != stale("x") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone_stale).await.expect("a millisecond ends");
}

#[tokio::test]
async fn memory_is_bounded_and_the_longest_unused_goes_first() {
    let limits = MemoryCacheLimits { entries_max: 3, bytes_max: 100 };
    let (cache, _) = timed(limits);
    let about = about(None, 0, 9);
    for question in ["1", "2", "3"] {
        keep(&cache, &key("a", question), &about, "x").await;
    }
    kept(&cache, &key("a", "1"), &about).await;
    keep(&cache, &key("a", "4"), &about, "x").await;
    let size = cache.size(&Tenant("a".into())).await.unwrap();
    assert_eq!(size.entries, 3);
    assert_eq!(kept(&cache, &key("a", "1"), &about).await, fresh("x"));
    assert_eq!(kept(&cache, &key("a", "2"), &about).await, None);
    let lease = cache.look(&key("a", "5"), &about).await.unwrap().lease.unwrap();
    cache.put(&key("a", "5"), &about, lease, vec![b'x'; 99].into(), HOUR).await.unwrap();
    assert_eq!(cache.size(&Tenant("a".into())).await.unwrap(), CacheSize { entries: 1, bytes: 99 });
}

#[tokio::test]
async fn memory_forgets_what_is_too_old_even_to_be_stale() {
    use tailrace_contract::cache::STALE_KEPT;
    let (cache, now_ms) = timed(MemoryCacheLimits::default());
    let (key, about) = (key("a", "q"), about(None, 0, 9));
    keep(&cache, &key, &about, "x").await;
    now_ms.fetch_add((HOUR + STALE_KEPT).as_millis() as u64 - 1, Ordering::Relaxed);
    assert_eq!(kept(&cache, &key, &about).await, stale("x"));
    now_ms.fetch_add(120_000, Ordering::Relaxed);
    assert_eq!(kept(&cache, &key, &about).await, None);
}
