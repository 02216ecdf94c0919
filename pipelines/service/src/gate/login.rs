//! `/v1/auth/session`: a browser shows a key once and gets a cookie for it. The key is not kept,
//! and no script can read the cookie. It lacks names and passwords: who has a key may log in.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, Serialize};
use tailrace_contract::credential::SESSION_COOKIE;
use tailrace_contract::{Credential, Problem, ProblemKind, Quota, Tenant};

use super::entrance::{own_page, session};
use super::file::timestamp;
use super::{Gate, SESSION_LIFE, Visitor, wall_ms};
use crate::observer::Shared;
use crate::refusal::Refusal;

/// Bytes of a login: a key and a few quotes.
const LOGIN_BYTES_MAX: usize = 1 << 10;
/// Logins that may fail, on the whole server: nobody guesses a key, but many who try would fill
/// logs. Good keys are not counted, so failing on purpose locks nobody out.
const FAILURES: Quota = Quota { rate_per_s: 1.0, burst: 20 };

/// Failed logins.
#[derive(Default)]
pub(super) struct Failures(Mutex<(Option<Instant>, f64)>);

impl Failures {
    /// The answer to one more.
    fn one_more(&self) -> Problem {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = *state.0.get_or_insert_with(Instant::now);
        let (full, grant) = FAILURES.take(state.1, start.elapsed().as_secs_f64() * 1e6, 1);
        state.1 = full;
        if grant.granted > 0 {
            return super::no_good();
        }
        let retry_after_s = (grant.retry_us.div_ceil(1_000_000) as u32).max(1);
        let detail = "too many logins failed; a good key is let in all the same";
        Problem::new(ProblemKind::TooMany { retry_after_s }, detail)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    key: Box<str>,
}

/// Who somebody is.
#[derive(Serialize)]
pub(crate) struct Identity {
    /// Whether this server asks for keys at all.
    keys: bool,
    tenant: Tenant,
    roles: Vec<&'static str>,
    /// Id of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// When the key or the session ends, whichever comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

impl Identity {
    fn of(visitor: &Visitor, session_ends_ms: Option<u64>) -> Self {
        let key = visitor.key();
        let ends = key.and_then(|key| key.expires_ms()).into_iter().chain(session_ends_ms);
        Self {
            keys: key.is_some(),
            tenant: visitor.tenant().clone(),
            roles: visitor.roles().iter().map(super::Role::name).collect(),
            key: key.map(|key| key.id().to_string()),
            expires: ends.min().and_then(timestamp).map(|time| time.to_string()),
        }
    }
}

/// `POST`: begins a session.
pub(crate) async fn log_in(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Refusal> {
    let gate = gate(&shared)?;
    // A page of another site must not log somebody in as somebody else.
    crate::origin::same_site(request.headers())?;
    let Login { key } = read(&shared, request).await.map_err(Refusal)?;
    let found = gate.ring().find(&key).cloned();
    let key = found.ok_or_else(|| Refusal(gate.0.failures.one_more()))?;
    let ends_ms = wall_ms() + SESSION_LIFE.as_millis() as u64;
    let id = gate.begin_session(&key, ends_ms).await.map_err(Refusal)?;
    let identity = Identity::of(&Visitor::with(key), Some(ends_ms));
    let cookie = cookie(&shared, &id, SESSION_LIFE.as_secs());
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(identity)).into_response())
}

/// `GET`: who am I.
pub(crate) async fn who_am_i(
    visitor: Option<axum::Extension<Visitor>>,
) -> Result<Json<Identity>, Refusal> {
    let visitor = visitor.ok_or_else(|| Refusal(super::nothing_shown()))?;
    Ok(Json(Identity::of(&visitor, visitor.session_ends_ms())))
}

/// `DELETE`: ends the session of this cookie, however often it is asked.
pub(crate) async fn log_out(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Refusal> {
    let gate = gate(&shared)?;
    if let Some(Credential::Session(id)) = session(request.headers()) {
        own_page(request.method(), request.headers()).map_err(Refusal)?;
        gate.end_session(&id).await.map_err(Refusal)?;
    }
    let cookie = cookie(&shared, "", 0);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

fn gate(shared: &Shared) -> Result<&Gate, Refusal> {
    shared.gate.as_ref().ok_or_else(|| {
        let detail = "this server asks for no keys; there is nothing to log in to";
        Refusal(Problem::new(ProblemKind::NotFound, detail))
    })
}

async fn read(shared: &Shared, request: Request) -> Result<Login, Problem> {
    let body = Limited::new(request.into_body(), LOGIN_BYTES_MAX).collect();
    let body = tokio::time::timeout(shared.limits.body_timeout, body)
        .await
        .map_err(|_| Problem::new(ProblemKind::Timeout, "the login did not arrive in time"))?;
    // What was sent is not repeated: it may hold a key.
    let fault = || Problem::new(ProblemKind::Malformed, "expected {\"key\":\"tr_…\"}");
    let body = body.map_err(|_| fault())?.to_bytes();
    serde_json::from_slice(&body).map_err(|_| fault())
}

/// The cookie: for this server only, not for scripts, not for requests from other sites.
fn cookie(shared: &Shared, id: &str, seconds: u64) -> HeaderValue {
    let secure = if shared.scheme == "https" { "; Secure" } else { "" };
    let text = format!(
        "{SESSION_COOKIE}={id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    // Letters, digits and signs that every header may hold.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}
