//! Every route of the whole program, with a store, as the program itself lists them: strangers get
//! nothing, and two tenants never see each other's data.

use super::{Keys, bearer, path};
use crate::stage::{Server, http};

const RUN: &str = "0000000000000000000000000000c0de";
/// What only `acme` may see.
const SECRETS: [&str; 3] = ["acme-secret", "acme-producer", "41.5"];

struct Listed {
    method: String,
    target: String,
    needs: Option<String>,
}

fn listed(server: &Server) -> Vec<Listed> {
    let text = String::from_utf8(http::get(server.observer, "/").body).unwrap();
    let mut routes = Vec::new();
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [method @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE"), route, rest @ ..] = &*words
        else {
            continue;
        };
        let target = route.replace("{folder}/{name}", "history/events.js");
        let target = target.replace("{run}", RUN).replace("{name}", "main.js");
        assert!(!target.contains('{'), "{target}: say here what stands for its part");
        let role = rest.first().filter(|word| ["ingest", "read", "admin"].contains(word));
        let needs = role.map(|role| (*role).to_owned());
        routes.push(Listed { method: (*method).to_owned(), target, needs });
    }
    assert!(routes.len() > 15, "the list could not be read: {text}");
    routes
}

fn holds_no_secret(answer: &http::Answer, what: &str) {
    let body = String::from_utf8_lossy(&answer.body);
    for secret in SECRETS {
        assert!(!body.contains(secret), "{what} was told {secret}: {body}");
    }
}

#[test]
fn strangers_get_nothing_and_tenants_only_their_own() {
    let keys = Keys::new();
    let acme = keys.add("acme-1", "acme", &[]);
    let beta = keys.add("beta-1", "beta", &["--roles", "ingest,read,admin"]);
    let revoked = keys.add("revoked", "acme", &[]);
    keys.revoke("revoked");
    let store = path(&keys).with_file_name("store.db");
    let store = format!("sqlite:{}", store.display());
    let server = Server::with_keys(path(&keys), "http1-memory", &["--store", &store]);
    let body = |seq| {
        format!(
            r#"{{"producer":"acme-producer","seq":{seq},"metrics":[{{"name":"acme-secret","value":41.5}}]}}"#
        )
    };
    let headers = format!("{}tailrace-run: {RUN}\r\n", bearer(&acme));
    for seq in 0..3 {
        let sent = http::ask(server.ingest, ("POST", "/v1/ingest"), &headers, &body(seq));
        assert_eq!(sent.status, 202, "{sent:?}");
    }
    let stored = format!("/v1/audit/{RUN}?of=store");
    let ask =
        |headers: &str, target: &str| http::ask(server.observer, ("GET", target), headers, "");
    super::until("three batches to be stored", || {
        String::from_utf8_lossy(&ask(&bearer(&acme), &stored).body).contains("[[0,2]]")
    });
    let wrong = format!("{}x", &acme[..acme.len() - 1]);
    let cookie = super::log_in(&server, &acme);
    let attacks = [
        (String::new(), 401),
        (bearer(&wrong), 401),
        (bearer(&revoked), 401),
        ("x-tenant: acme\r\nx-forwarded-for: 127.0.0.1\r\n".to_owned(), 401),
        ("host: localhost\r\nforwarded: for=127.0.0.1\r\n".to_owned(), 401),
        (format!("{cookie}origin: https://evil.example\r\n"), 403),
        (format!("{cookie}sec-fetch-site: cross-site\r\n"), 403),
    ];
    let routes = listed(&server);
    for Listed { method, target, needs } in &routes {
        let request = (method.as_str(), target.as_str());
        for (headers, expected) in &attacks {
            let answer = http::ask(server.observer, request, headers, &body(9));
            let what = format!("{method} {target} with {headers:?}");
            holds_no_secret(&answer, &what);
            assert!(needs.is_none() || answer.status == *expected, "{what}: {answer:?}");
        }
        // Feeds do not end; the next test reads them.
        if method == "GET" && !target.ends_with("/live") {
            let forged = format!("{}x-tenant: acme\r\n", bearer(&beta));
            let answer = http::ask(server.observer, request, &forged, "");
            holds_no_secret(&answer, &format!("another tenant at {target}"));
            assert!(!String::from_utf8_lossy(&answer.body).contains("[[0,2]]"), "{answer:?}");
        }
    }
    let of_store = ask(&bearer(&beta), &stored);
    assert_eq!(of_store.status, 200, "{of_store:?}");
    holds_no_secret(&of_store, "the store's audit");
    // Nobody's try was taken in, and whoever may look sees what this test looked for.
    let seen = String::from_utf8(ask(&bearer(&acme), "/v1/metrics").body).unwrap();
    assert!(SECRETS.iter().all(|secret| seen.contains(secret)), "{seen}");
    let audit = String::from_utf8(ask(&bearer(&acme), &stored).body).unwrap();
    assert!(audit.contains("[[0,2]]"), "{audit}");
    assert!(server.end().success());
}

#[test]
fn a_cached_answer_is_of_the_tenant_that_asks() {
    let keys = Keys::new();
    let tenants = ["acme", "beta"].map(|tenant| (tenant, keys.add(tenant, tenant, &[])));
    let store = format!("sqlite:{}", path(&keys).with_file_name("store.db").display());
    let server = Server::with_keys(path(&keys), "http1-memory", &["--store", &store]);
    for (tenant, key) in &tenants {
        let body =
            format!(r#"{{"producer":"p","seq":0,"metrics":[{{"name":"of-{tenant}","value":1}}]}}"#);
        let headers = format!("{}tailrace-run: {RUN}\r\n", bearer(key));
        let sent = http::ask(server.ingest, ("POST", "/v1/ingest"), &headers, &body);
        assert_eq!(sent.status, 202, "{sent:?}");
    }
    let ask = |key: &str, target: &str| {
        let answer = http::ask(server.observer, ("GET", target), &bearer(key), "");
        String::from_utf8(answer.body).unwrap()
    };
    for target in ["/v1/metrics", "/v1/summary", "/v1/metrics/recent"] {
        for (tenant, key) in &tenants {
            let own = format!("of-{tenant}");
            super::until("a batch to be stored", || ask(key, target).contains(&own));
        }
        // Now both are cached, where anything is.
        for ((_, key), (other, _)) in tenants.iter().zip(tenants.iter().rev()) {
            let answer = ask(key, target);
            assert!(!answer.contains(&format!("of-{other}")), "{target}: {answer}");
        }
    }
    assert!(server.end().success());
}
