//! Two servers over one Redis are one gate: sessions and limits are shared.

use super::{Keys, bearer, log_in, path, who};
use crate::stage::{Server, http, redis};

#[test]
fn two_servers_share_sessions_and_limits() {
    let keys = Keys::new();
    let key = keys.add("a", "acme", &["--ingest-rate", "1", "--ingest-burst", "6"]);
    let reader = keys.add("b", "beta", &[]);
    let redis = redis();
    let url = redis.url();
    let start = || Server::with_keys(path(&keys), "http1-redis", &["--redis", &url]);
    let servers = [start(), start()];
    let cookie = log_in(&servers[0], &reader);
    assert_eq!((who(&servers[0], &cookie), who(&servers[1], &cookie)), (200, 200));
    let own = format!("{cookie}sec-fetch-site: same-origin\r\n");
    let out = http::ask(servers[1].observer, ("DELETE", "/v1/auth/session"), &own, "");
    assert_eq!((out.status, who(&servers[0], &cookie)), (204, 401));
    let begun = std::time::Instant::now();
    let metric = r#"{"name":"m","value":1}"#;
    let sent = (0..30).map(|n| {
        http::ask(servers[n % 2].ingest, ("POST", "/v1/ingest"), &bearer(&key), metric).status
    });
    let statuses: Vec<u16> = sent.collect();
    let accepted = statuses.iter().filter(|status| **status == 202).count() as u64;
    // A lease at this rate is one request.
    let allowed = 6 + begun.elapsed().as_secs() + 1;
    assert!((6..=allowed).contains(&accepted), "{accepted} of {allowed}: {statuses:?}");
    assert!(statuses.iter().all(|status| [202, 429].contains(status)), "{statuses:?}");
    for server in servers {
        assert!(server.end().success());
    }
}
