//! Every route, with everything that must not help. The routes are those that the server itself
//! lists: one that is new and not known here fails.

use super::{METRIC, Town, bearer, field, status};
use crate::support::RUN;

/// What no other tenant may see. The run is not among them: whoever asks for it names it.
const SECRETS: [&str; 4] = ["acme-secret", "41.5", "acme-producer", "acme-key"];

/// A route as the server lists it.
struct Listed {
    method: String,
    path: String,
    needs: Option<String>,
}

/// The list that programs get at `/`.
async fn listed(town: &Town) -> Vec<Listed> {
    let answer = town.ask("GET", "/", "", "").await;
    let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
    let lines = answer.lines().map(words);
    let routes = lines.filter(|words| {
        let first = words.first().map(String::as_str);
        matches!(first, Some("GET" | "POST" | "DELETE" | "PUT" | "PATCH"))
    });
    let roles = ["ingest", "read", "admin"];
    routes
        .map(|words| Listed {
            method: words[0].clone(),
            path: words[1].clone(),
            needs: words.get(2).filter(|word| roles.contains(&word.as_str())).cloned(),
        })
        .collect()
}

/// How a route is asked so that it would tell or change something, if it let anybody.
fn asked(route: &Listed) -> (String, &'static str) {
    let body = match (route.method.as_str(), route.path.as_str()) {
        ("POST", "/v1/ingest") => METRIC,
        ("POST", "/v1/auth/session") => r#"{"key":"tr_acme-key_guessed"}"#,
        _ => "",
    };
    let target = match route.path.as_str() {
        "/v1/audit/{run}" => format!("/v1/audit/{RUN}"),
        "/assets/{name}" => "/assets/main.js".into(),
        "/assets/{folder}/{name}" => "/assets/history/history.js".into(),
        path @ ("/"
        | "/v1/ingest"
        | "/v1/metrics/live"
        | "/v1/metrics/recent"
        | "/v1/aggregates"
        | "/v1/alerts"
        | "/v1/alerts/live"
        | "/health"
        | "/ready"
        | "/metrics"
        | "/assets/chart.js"
        | "/v1/auth/session"
        | "/v1/metrics"
        | "/v1/events"
        | "/v1/metrics/aggregate"
        | "/v1/summary"
        | "/v1/summary/live"
        | "/v1/cache"
        | "/openapi.yaml") => path.into(),
        other => {
            panic!("{other} is new: say here how it is asked, so that the gate is tried there")
        }
    };
    (target, body)
}

/// Headers that must let nobody in, with the statuses that may follow.
fn attacks(town: &Town, revoked: &str, foreign: &str) -> Vec<(String, &'static [u16])> {
    let wrong = format!("{}A", &town.acme[..town.acme.len() - 1]);
    let wrong = if wrong == town.acme { format!("{}B", &wrong[..wrong.len() - 1]) } else { wrong };
    let forged = "x-tenant: acme\r\nx-forwarded-for: 127.0.0.1\r\nx-real-ip: 127.0.0.1\r\n\
                  forwarded: for=127.0.0.1\r\n";
    vec![
        (String::new(), &[401]),
        (bearer(&wrong), &[401]),
        (bearer("tr_acme-key_"), &[401]),
        (bearer("tr_nobody_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), &[401]),
        (bearer(&"k".repeat(4_000)), &[401]),
        (format!("authorization: Basic {}\r\n", town.acme), &[401]),
        (format!("x-api-key: {wrong}\r\n"), &[401]),
        (bearer(revoked), &[401]),
        (forged.into(), &[401]),
        ("host: 127.0.0.1\r\nx-tenant: acme\r\n".into(), &[401]),
        (
            "cookie: tailrace_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n".into(),
            &[401, 403],
        ),
        (format!("{foreign}origin: https://evil.example\r\n"), &[403]),
        (format!("{foreign}sec-fetch-site: cross-site\r\n"), &[403]),
        (format!("{foreign}sec-fetch-site: same-site\r\n"), &[403]),
        (format!("cookie: tailrace_session={}\r\n", town.acme), &[401, 403]),
    ]
}

fn holds_no_secret(answer: &str, what: &str) {
    let body = answer.split_once("\r\n\r\n").map_or(answer, |(_, body)| body);
    for secret in SECRETS {
        assert!(!body.contains(secret), "{what} was told {secret}: {answer}");
    }
}

#[tokio::test]
async fn nothing_but_a_good_key_opens_any_route() {
    let mut town = Town::wide().await;
    let usual = super::Roles::ALL;
    let revoked = super::add(&mut town.file, "revoked", "acme", usual);
    town.gate.replace(&town.file);
    town.revoke("revoked");
    let cookie = town.log_in(&town.acme).await;
    let run = format!("tailrace-run: {RUN}\r\n");
    let batch = format!("{{\"producer\":\"acme-producer\",\"seq\":3,\"metrics\":[{METRIC}]}}");
    let own = format!("{}{run}", bearer(&town.acme));
    assert_eq!(status(&town.ask("POST", "/v1/ingest", &own, &batch).await), 202);
    let routes = listed(&town).await;
    assert!(routes.len() > 10, "the list could not be read");
    for route in &routes {
        let (target, body) = asked(route);
        for (headers, expected) in attacks(&town, &revoked, &cookie) {
            let answer = town.ask(&route.method, &target, &headers, body).await;
            let what = format!("{} {target} with {headers:?}", route.method);
            holds_no_secret(&answer, &what);
            if route.needs.is_some() {
                assert!(expected.contains(&status(&answer)), "{what}: {answer}");
                let challenge = field(&answer, "www-authenticate");
                assert_eq!(challenge.is_some(), status(&answer) == 401, "{what}: {answer}");
            }
        }
    }
    // Nothing of all that was taken in.
    let answer = town.ask("GET", &format!("/v1/audit/{RUN}"), &bearer(&town.acme), "").await;
    assert!(answer.contains(r#""present":[[3,3]]"#), "{answer}");
    assert_eq!(town.bench.log.count(), 1);
}

#[tokio::test]
async fn another_tenant_s_good_key_opens_only_its_own() {
    let town = Town::wide().await;
    let run = format!("tailrace-run: {RUN}\r\n");
    let batch = format!("{{\"producer\":\"acme-producer\",\"seq\":3,\"metrics\":[{METRIC}]}}");
    let own = format!("{}{run}", bearer(&town.acme));
    assert_eq!(status(&town.ask("POST", "/v1/ingest", &own, &batch).await), 202);
    let forged = "x-tenant: acme\r\nx-forwarded-for: 10.0.0.1\r\ntenant: acme\r\n";
    for key in [&town.beta, &town.admin] {
        for route in listed(&town).await.iter().filter(|route| route.method == "GET") {
            if route.path.ends_with("/live") {
                // They do not end; their own tests read them.
                continue;
            }
            let (target, body) = asked(route);
            let headers = format!("{}{forged}", bearer(key));
            let answer = town.ask("GET", &target, &headers, body).await;
            holds_no_secret(&answer, &format!("another tenant at {target}"));
            if route.path == "/v1/audit/{run}" {
                assert!(!answer.contains("[[3,3]]"), "{answer}");
            }
        }
    }
    // And the test would have seen it.
    let recent = town.ask("GET", "/v1/metrics/recent", &bearer(&town.acme), "").await;
    assert!(recent.contains("acme-secret") && recent.contains("acme-producer"), "{recent}");
}

#[tokio::test]
async fn a_feed_shows_its_tenant_s_batches_live_and_replayed() {
    let mut town = Town::wide().await;
    let send = |key: &str, seq: u64| {
        let headers = format!("{}tailrace-run: {RUN}\r\n", bearer(key));
        let body = format!("{{\"producer\":\"p\",\"seq\":{seq},\"metrics\":[{METRIC}]}}");
        (headers, body)
    };
    for (key, seq) in [(&town.acme, 1), (&town.beta, 2), (&town.acme, 3)] {
        let (headers, body) = send(key, seq);
        assert_eq!(status(&town.ask("POST", "/v1/ingest", &headers, &body).await), 202);
    }
    let mut beta = town.bench.subscribe("?after=0-0", &bearer(&town.beta)).await;
    let mut acme =
        town.bench.subscribe("", &format!("{}last-event-id: 0-0\r\n", bearer(&town.acme))).await;
    assert_eq!((beta.seq().await, acme.seq().await, acme.seq().await), (2, 1, 3));
    for (key, seq) in [(&town.acme, 4), (&town.beta, 5), (&town.acme, 6)] {
        let (headers, body) = send(key, seq);
        assert_eq!(status(&town.ask("POST", "/v1/ingest", &headers, &body).await), 202);
    }
    assert_eq!((beta.seq().await, acme.seq().await, acme.seq().await), (5, 4, 6));
    // A revoked key's feed ends, and only that.
    town.revoke("beta-key");
    assert_eq!(beta.event().await, None);
    let (headers, body) = send(&town.acme, 7);
    assert_eq!(status(&town.ask("POST", "/v1/ingest", &headers, &body).await), 202);
    assert_eq!(acme.seq().await, 7);
}

#[tokio::test]
async fn a_role_is_needed_where_the_list_says_so() {
    let mut town = Town::wide().await;
    let only = |role| [role].into_iter().collect();
    let keys: Vec<_> = super::Role::ALL
        .into_iter()
        .map(|role| (role, super::add(&mut town.file, role.name(), "acme", only(role))))
        .collect();
    town.gate.replace(&town.file);
    for route in listed(&town).await {
        let Some(needs) = &route.needs else { continue };
        let (target, body) = asked(&route);
        for (role, key) in &keys {
            if role.name() == needs {
                continue;
            }
            let answer = town.ask(&route.method, &target, &bearer(key), body).await;
            assert_eq!(status(&answer), 403, "{} at {target}: {answer}", role.name());
        }
    }
}

#[tokio::test]
async fn health_says_whether_and_only_to_the_owner_how_much() {
    let town = Town::wide().await;
    for headers in [String::new(), bearer(&town.acme)] {
        let answer = town.ask("GET", "/health", &headers, "").await;
        assert!(answer.contains(r#""status":"ok""#) && !answer.contains("entries"), "{answer}");
    }
    let answer = town.ask("GET", "/health", &bearer(&town.admin), "").await;
    assert!(answer.contains("entries"), "{answer}");
}
