//! Who asks. Handlers take a [`Visitor`] as an argument; `entrance.rs` puts it into the request
//! once the route's role was found among the visitor's. Whose data is shown comes from here and
//! from nothing else in a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tailrace_contract::{Pass, Problem, ProblemKind, Tenant};

use super::Role;
use super::ring::Key;
use super::roles::Roles;
use crate::refusal::Refusal;

/// Somebody whose credential was good when the request came.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    tenant: Tenant,
    roles: Roles,
    /// None: the server asks for no keys.
    key: Option<Arc<Key>>,
    /// When the login ends at the latest, in milliseconds since 1970; none without one.
    session_ends_ms: Option<u64>,
}

impl Visitor {
    /// Everybody, where no keys are asked for.
    pub(crate) fn everybody() -> Self {
        Self { tenant: Tenant::open(), roles: Roles::ALL, key: None, session_ends_ms: None }
    }

    /// Whoever showed this key.
    pub(super) fn with(key: Arc<Key>) -> Self {
        let (tenant, roles) = (key.tenant.clone(), key.roles);
        Self { tenant, roles, key: Some(key), session_ends_ms: None }
    }

    /// Whoever logged in with this key.
    pub(super) fn with_session(key: Arc<Key>, ends_ms: u64) -> Self {
        Self { session_ends_ms: Some(ends_ms), ..Self::with(key) }
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
        self.session_ends_ms
    }

    /// For a door behind a transport.
    pub(crate) fn pass(self) -> Pass {
        Pass(Arc::new(self))
    }

    /// Ends when the visit does: the key was revoked or has expired, or the login is over. Never
    /// where no keys are asked for.
    pub(crate) async fn over(&self) {
        match &self.key {
            None => std::future::pending().await,
            Some(key) => key.over(self.session_ends_ms).await,
        }
    }

    /// Whether the visit is over.
    pub(crate) fn is_over(&self) -> bool {
        let key = self.key.as_ref();
        key.is_some_and(|key| !key.is_good())
            || self.session_ends_ms.is_some_and(|ends| ends <= super::wall_ms())
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
