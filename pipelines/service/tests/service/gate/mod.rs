//! Keys, sessions, limits and tenants over real sockets. `everywhere.rs` tries every route that
//! the server lists with everything that must not help; the others have one matter each.

mod everywhere;
mod limits;
mod sessions;

use std::sync::Arc;

use tailrace_contract::{Quota, Tenant};
use tailrace_service::Gate;
use tailrace_service::gate::{Entry, KeysFile, LocalSessions, Quotas, Role, Roles, new_key};

use crate::support::{Bench, bench_with_gate};

/// A server with two tenants.
struct Town {
    bench: Bench,
    gate: Gate,
    file: KeysFile,
    /// Keys of the tenants `acme` and `beta`, for sending and reading.
    acme: String,
    beta: String,
    /// For everything, of a third tenant.
    admin: String,
}

impl Town {
    async fn new(quotas: Quotas) -> Self {
        let mut file = KeysFile::default();
        let usual = [Role::Ingest, Role::Read].into_iter().collect();
        let acme = add(&mut file, "acme-key", "acme", usual);
        let beta = add(&mut file, "beta-key", "beta", usual);
        let admin = add(&mut file, "admin-key", "owner", Roles::ALL);
        for tenant in ["acme", "beta", "owner"] {
            file.tenants.insert(tenant.into(), quotas);
        }
        let gate = Gate::new(&file, Arc::new(LocalSessions::default()), None);
        let bench = bench_with_gate(gate.clone()).await;
        Self { bench, gate, file, acme, beta, admin }
    }

    /// Enough for every test that is not about limits.
    async fn wide() -> Self {
        let wide = Quota { rate_per_s: 1e5, burst: 100_000 };
        Self::new(Quotas { ingest: wide, read: wide }).await
    }

    /// Revokes a key, as a file without it would.
    fn revoke(&mut self, id: &str) {
        self.file.keys.retain(|key| key.id != *id);
        self.gate.replace(&self.file);
    }

    /// One request; `headers` are whole lines.
    async fn ask(&self, method: &str, target: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let host = if headers.to_ascii_lowercase().contains("host:") { "" } else { "host: x\r\n" };
        self.bench
            .ask(&format!(
                "{method} {target} HTTP/1.1\r\n{host}connection: close\r\n{headers}\
                 content-length: {length}\r\n\r\n{body}"
            ))
            .await
    }

    /// Logs in and answers the cookie's line.
    async fn log_in(&self, key: &str) -> String {
        let body = format!("{{\"key\":\"{key}\"}}");
        let answer = self.ask("POST", "/v1/auth/session", "", &body).await;
        assert_eq!(status(&answer), 201, "{answer}");
        let cookie = field(&answer, "set-cookie").expect("a cookie");
        format!("cookie: {}\r\n", cookie.split(';').next().unwrap())
    }
}

fn add(file: &mut KeysFile, id: &str, tenant: &str, roles: Roles) -> String {
    let (key, sha256) = new_key(id).unwrap();
    let tenant = Tenant(tenant.into());
    file.keys.push(Entry { id: id.into(), tenant, roles, sha256, expires_ms: None });
    key
}

fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

const METRIC: &str = r#"{"name":"acme-secret","value":41.5}"#;
