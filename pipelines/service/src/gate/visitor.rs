//! Who asks. Handlers take a [`Visitor`] as an argument; `entrance.rs` puts it into the request
//! once the route's role was found among the visitor's. Whose data is shown comes from here and
//! from nothing else in a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tailrace_contract::{Pass, Problem, ProblemKind, SessionHash, Tenant};

use super::ring::Key;
use super::roles::Roles;
use super::{Gate, Role};
use crate::refusal::Refusal;

/// Somebody whose credential was good when the request came.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    tenant: Tenant,
    roles: Roles,
    /// None: the server asks for no keys.
    key: Option<Arc<Key>>,
    /// The login; none without one.
    login: Option<Arc<Login>>,
}

/// A login, as far as its visitor knows.
#[derive(Debug)]
struct Login {
    session: SessionHash,
    /// When it ends at the latest, in milliseconds since 1970.
    ends_ms: u64,
    /// When it was looked up last, by the same clock.
    seen_ms: AtomicU64,
}

/// Between two looks whether somebody who stays has logged out meanwhile.
const LOOK: Duration = Duration::from_secs(5);

impl Visitor {
    /// Everybody, where no keys are asked for.
    pub(crate) fn everybody() -> Self {
        Self { tenant: Tenant::open(), roles: Roles::ALL, key: None, login: None }
    }

    /// Whoever showed this key.
    pub(super) fn with(key: Arc<Key>) -> Self {
        let (tenant, roles) = (key.tenant.clone(), key.roles);
        Self { tenant, roles, key: Some(key), login: None }
    }

    /// Whoever logged in with this key.
    pub(super) fn with_session(key: Arc<Key>, session: SessionHash, ends_ms: u64) -> Self {
        let login = Login { session, ends_ms, seen_ms: AtomicU64::new(super::wall_ms()) };
        Self { login: Some(Arc::new(login)), ..Self::with(key) }
    }

    /// Whose data it is that may be seen, and that is sent.
    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// What may be done.
    pub(crate) fn roles(&self) -> Roles {
        self.roles
    }

    /// Whether this may be done.
    pub(crate) fn may(&self, role: Role) -> bool {
        self.roles.have(role)
    }

    /// The key that was shown, now or at the login.
    pub(crate) fn key(&self) -> Option<&Arc<Key>> {
        self.key.as_ref()
    }

    /// When the login ends at the latest.
    pub(crate) fn session_ends_ms(&self) -> Option<u64> {
        self.login.as_ref().map(|login| login.ends_ms)
    }

    /// For a door behind a transport.
    pub(crate) fn pass(self) -> Pass {
        Pass(Arc::new(self))
    }

    /// Ends when the visit does: the key was revoked or has expired, or the login is over. Never
    /// where no keys are asked for. A login of whoever waits here is in use meanwhile.
    pub(crate) async fn over(&self, gate: Option<&Gate>) {
        let Some((key, gate)) = self.key.as_ref().zip(gate) else {
            return std::future::pending().await;
        };
        let logged_out = async {
            match &self.login {
                None => std::future::pending().await,
                Some(login) => login.over(gate).await,
            }
        };
        tokio::select! {
            () = key.over() => {}
            () = logged_out => {}
        }
    }

    /// Whether the visit is over, as far as is known here.
    pub(crate) fn is_over(&self) -> bool {
        self.key.as_ref().is_some_and(|key| !key.is_good())
            || self.session_ends_ms().is_some_and(|ends| ends <= super::wall_ms())
    }

    /// The session, if it is time to look whether it is still kept.
    pub(super) fn session_to_look_up(&self) -> Option<SessionHash> {
        let login = self.login.as_ref()?;
        let (now, seen) = (super::wall_ms(), login.seen_ms.load(Ordering::Relaxed));
        let is_due = now.saturating_sub(seen) >= LOOK.as_millis() as u64;
        let is_first =
            || login.seen_ms.compare_exchange(seen, now, Ordering::Relaxed, Ordering::Relaxed);
        (is_due && is_first().is_ok()).then_some(login.session)
    }
}

impl Login {
    /// While sessions cannot be looked up nobody is sent away.
    async fn over(&self, gate: &Gate) {
        loop {
            tokio::time::sleep(LOOK).await;
            let is_late = self.ends_ms <= super::wall_ms();
            if is_late || gate.is_ended(self.session).await == Ok(true) {
                return;
            }
        }
    }
}

/// The visitor of this request.
impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            // A route outside of the entrance: whose data it would show is not known.
            let detail = "nobody asked at the entrance who calls";
            Refusal(Problem::new(ProblemKind::Internal, detail))
        })
    }
}
