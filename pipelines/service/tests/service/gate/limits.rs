//! A tenant's limits: told, kept, and no matter of anybody else's.

use tailrace_contract::Quota;
use tailrace_service::gate::Quotas;

use super::{METRIC, Town, bearer, field, status};

#[tokio::test]
async fn reading_and_sending_are_counted_apart_and_by_tenant() {
    let slow = |burst| Quota { rate_per_s: 0.01, burst };
    let town = Town::new(Quotas { ingest: slow(3), read: slow(2) }).await;
    let (acme, beta) = (bearer(&town.acme), bearer(&town.beta));
    let read = |who: String| {
        let town = &town;
        async move { town.ask("GET", "/v1/metrics/recent", &who, "").await }
    };
    let send = |who: String| {
        let town = &town;
        async move { town.ask("POST", "/v1/ingest", &who, METRIC).await }
    };
    for remaining in ["1", "0"] {
        let answer = read(acme.clone()).await;
        assert_eq!(status(&answer), 200, "{answer}");
        assert_eq!(field(&answer, "ratelimit-limit"), Some("2"), "{answer}");
        assert_eq!(field(&answer, "ratelimit-remaining"), Some(remaining), "{answer}");
        assert!(field(&answer, "ratelimit-reset").is_some(), "{answer}");
    }
    let refused = read(format!("{acme}x-forwarded-for: 10.1.2.3\r\n")).await;
    assert_eq!(status(&refused), 429, "{refused}");
    assert!(refused.contains("application/problem+json"), "{refused}");
    let seconds: u64 = field(&refused, "retry-after").unwrap().parse().unwrap();
    assert!((1..=100).contains(&seconds), "{refused}");
    assert_eq!(field(&refused, "ratelimit-remaining"), Some("0"), "{refused}");
    // Reading too much costs sending nothing, and the other tenant neither.
    for _ in 0..3 {
        assert_eq!(status(&send(acme.clone()).await), 202);
    }
    let refused = send(acme.clone()).await;
    assert_eq!(status(&refused), 429, "{refused}");
    assert!(field(&refused, "retry-after").is_some(), "{refused}");
    assert_eq!((status(&read(beta.clone()).await), status(&send(beta).await)), (200, 202));
    // A session is its key's tenant.
    let cookie = town.log_in(&town.acme).await;
    assert_eq!(status(&read(cookie).await), 429);
}
