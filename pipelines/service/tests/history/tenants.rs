//! Two tenants who ask the same get each their own, also from the cache, from stale answers, from
//! exports and from the stream; and what is the whole server's is the admin's.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tailrace_contract::Tenant;
use tailrace_service::gate::{Entry, KeysFile, LocalSessions, Role, Roles, new_key};
use tailrace_service::{Gate, Limits};

use crate::bench::{Bench, bench_with_gate, metric};

const PATHS: [&str; 6] = [
    "/v1/metrics?from=0&to=9000",
    "/v1/metrics?from=0&to=9000&format=csv",
    "/v1/events?from=0&to=9000",
    "/v1/metrics/aggregate?from=0&to=9000&group_by=owner&values=count,sum",
    "/v1/summary?from=0&to=9000",
    "/v1/summary?from=0&to=9000&format=csv",
];

struct Town {
    bench: Bench,
    /// Header lines.
    acme: String,
    beta: String,
    admin: String,
}

async fn town() -> Town {
    let mut file = KeysFile::default();
    let mut key = |id: &str, tenant: &str, roles: Roles| {
        let (key, sha256) = new_key(id).unwrap();
        let tenant = Tenant(tenant.into());
        file.keys.push(Entry { id: id.into(), tenant, roles, sha256, expires_ms: None });
        format!("authorization: Bearer {key}\r\n")
    };
    let reader: Roles = [Role::Read].into_iter().collect();
    let acme = key("acme-key", "acme", reader);
    let beta = key("beta-key", "beta", reader);
    let admin = key("admin-key", "acme", Roles::ALL);
    let gate = Gate::new(&file, Arc::new(LocalSessions::default()), None);
    let bench = bench_with_gate(Limits::default(), gate).await;
    for (tenant, value) in [("acme", 111.0), ("beta", 777.0)] {
        let mine = metric("event.owned", 1_000, value, &[("owner", tenant)]);
        bench.commit(&Tenant(tenant.into()), vec![mine]).await;
    }
    Town { bench, acme, beta, admin }
}

/// Asks everything as one tenant; nothing may hold a trace of the other.
async fn check(town: &Town, key: &str, source: &str, (own, other): (&str, &str)) {
    for path in PATHS {
        // Headers that name a tenant change nothing.
        let forged = format!("{key}tailrace-tenant: beta\r\nx-tenant-id: beta\r\n");
        let seen = town.bench.ask("GET", path, &forged).await;
        assert_eq!((seen.status, &*seen.headers["tailrace-cache"]), (200, source), "{path}");
        assert!(seen.body.contains(own), "{path}: {}", seen.body);
        assert!(!seen.body.contains(other), "{path}: {}", seen.body);
    }
}

#[tokio::test]
async fn nobody_gets_anothers_answer() {
    let town = town().await;
    let (mine, theirs) = (("111", "777"), ("777", "111"));
    check(&town, &town.acme, "miss", mine).await;
    check(&town, &town.beta, "miss", theirs).await;
    check(&town, &town.acme, "hit", mine).await;
    check(&town, &town.beta, "hit", theirs).await;
    town.bench.now_ms.fetch_add(2 * 3_600_000 - 1, Ordering::SeqCst);
    town.bench.store.broken.store(true, Ordering::SeqCst);
    check(&town, &town.acme, "stale", mine).await;
    check(&town, &town.beta, "stale", theirs).await;
    assert_eq!(town.bench.get(PATHS[0]).await.status, 401);
    // Why, which may name what is behind this server, is told to an admin only.
    for path in [PATHS[0], "/v1/summary?from=1&to=2"] {
        let [reader, admin] = [&town.acme, &town.admin];
        assert!(!town.bench.ask("GET", path, reader).await.body.contains("plug"), "{path}");
        assert!(town.bench.ask("GET", path, admin).await.body.contains("plug"), "{path}");
    }
}

#[tokio::test]
async fn a_cursor_shows_no_row_of_another() {
    let town = town().await;
    let bench = &town.bench;
    let more = (0..3).map(|i| metric("event.owned", 2_000 + i, 111.0, &[])).collect();
    bench.commit(&Tenant("acme".into()), more).await;
    let page = bench.ask("GET", "/v1/metrics?from=0&to=9000&limit=2", &town.acme).await.json();
    let next = page["next"].as_str().unwrap();
    let theirs = bench.ask("GET", next, &town.beta).await;
    assert!(!theirs.body.contains("111"), "{}", theirs.body);
}

#[tokio::test]
async fn only_an_admin_clears_and_only_the_own_tenants() {
    let town = town().await;
    let clear = async |key: &str| town.bench.ask("DELETE", "/v1/cache", key).await;
    check(&town, &town.acme, "miss", ("111", "777")).await;
    check(&town, &town.beta, "miss", ("777", "111")).await;
    assert_eq!(clear(&town.acme).await.status, 403);
    assert_eq!(clear(&town.admin).await.json()["removed"], PATHS.len());
    check(&town, &town.beta, "hit", ("777", "111")).await;
    check(&town, &town.acme, "miss", ("111", "777")).await;
    let kept = town.bench.ask("GET", "/v1/cache", &town.beta).await.json();
    assert_eq!((&kept["hits"], &kept["entries"]), (&PATHS.len().into(), &PATHS.len().into()));
}
