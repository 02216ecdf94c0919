//! What stands before every route: who calls, whether they may, and whether their tenant's limit
//! allows it. What a route needs stands in the table of routes; a route that is not in the table
//! needs the most there is. Nothing but the credential says whose data is meant: no header names a
//! tenant, and none an address.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tailrace_contract::credential::KEY_HEADER;
use tailrace_contract::{Credential, Problem, ProblemKind, origin};

use super::meter::{Class, Standing};
use super::{Gate, Role, Visitor};
use crate::observer::Shared;
use crate::refusal::Refusal;
use crate::routes::access;

/// Limits as headers. Source: draft-ietf-httpapi-ratelimit-headers-07, the form that clients know.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: it tells nothing of any tenant. Whoever shows something good is known to it.
    Public,
    /// A key or session with this role.
    Role(Role),
}

/// Lets a request in, or answers it.
pub(crate) async fn enter(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(gate) = &shared.gate else {
        request.extensions_mut().insert(Visitor::everybody());
        return next.run(request).await;
    };
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let access = access(request.method(), path.unwrap_or_default());
    let visitor = match visitor(gate, request.method(), request.headers()).await {
        Ok(visitor) => visitor,
        Err(problem) if access == Access::Public => {
            tracing::debug!(detail = problem.detail, "observer: a visitor without a name");
            return next.run(request).await;
        }
        Err(problem) => return Refusal(problem).into_response(),
    };
    let class = match judge(&visitor, access).await {
        Ok(class) => class,
        Err((class, problem)) => {
            let mut refused = Refusal(problem).into_response();
            tell(&visitor, class, refused.headers_mut());
            return refused;
        }
    };
    request.extensions_mut().insert(visitor.clone());
    let mut response = next.run(request).await;
    tell(&visitor, class, response.headers_mut());
    response
}

/// The class that the request was counted in, if any.
async fn judge(
    visitor: &Visitor,
    access: Access,
) -> Result<Option<Class>, (Option<Class>, Problem)> {
    let Access::Role(role) = access else { return Ok(None) };
    let Some(key) = visitor.key().filter(|_| visitor.may(role)) else {
        let key = visitor.key().map_or("", |key| key.id().as_str());
        return Err((None, super::denied(key, role)));
    };
    if role == Role::Ingest {
        // The door counts it, as it does for transports.
        return Ok(Some(Class::Ingest));
    }
    match key.meter.take(Class::Read).await {
        Ok(()) => Ok(Some(Class::Read)),
        Err(problem) => Err((Some(Class::Read), problem)),
    }
}

async fn visitor(gate: &Gate, method: &Method, headers: &HeaderMap) -> Result<Visitor, Problem> {
    let value = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let api_key = headers.get(KEY_HEADER).map(HeaderValue::as_bytes);
    let key = Credential::of_headers(value(header::AUTHORIZATION), api_key);
    let Some(shown) = key.or_else(|| session(headers)) else {
        return Err(super::nothing_shown());
    };
    if matches!(shown, Credential::Session(_)) {
        own_page(method, headers)?;
    }
    gate.visitor(Some(&shown)).await
}

/// The session that the request's cookie names.
pub(super) fn session(headers: &HeaderMap) -> Option<Credential> {
    let mut cookies = headers.get_all(header::COOKIE).into_iter();
    cookies.find_map(|cookie| Credential::of_cookie(cookie.as_bytes()))
}

/// Browsers send cookies by themselves, so a cookie counts only where the browser says that a page
/// of this server asks. `SameSite=Strict` says the same to browsers; this does not rely on it.
///
/// # Errors
/// A page of another site asks; or something is to be changed, or a WebSocket opened, and nothing
/// says who asks.
pub(super) fn own_page(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let value = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    origin::same_site(value(header::ORIGIN), value(header::HOST))?;
    let fetched_by = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if fetched_by.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Err(Problem::new(
            ProblemKind::Forbidden,
            "a cookie counts for this server's pages",
        ));
    }
    let is_safe = matches!(*method, Method::GET | Method::HEAD);
    let is_told = headers.contains_key(header::ORIGIN) || fetched_by == Some(b"same-origin");
    if is_told || (is_safe && !headers.contains_key(header::UPGRADE)) {
        return Ok(());
    }
    let detail = "a cookie alone changes nothing and opens no WebSocket: the request must say by \
                  Origin or Sec-Fetch-Site that a page of this server sends it; programs send a key";
    Err(Problem::new(ProblemKind::Forbidden, detail))
}

/// Says what is left.
fn tell(visitor: &Visitor, class: Option<Class>, headers: &mut HeaderMap) {
    let Some((class, key)) = class.zip(visitor.key()) else { return };
    let Standing { limit, remaining, reset_s } = key.meter.standing(class);
    headers.insert(LIMIT, limit.into());
    headers.insert(REMAINING, remaining.into());
    headers.insert(RESET, reset_s.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_count_for_own_pages_only() {
        let check = |method: Method, fields: &[(&'static str, &'static str)], allowed: bool| {
            let pairs = fields.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            let headers: HeaderMap =
                pairs.chain([(header::HOST, "here:1".parse().unwrap())]).collect();
            assert_eq!(own_page(&method, &headers).is_ok(), allowed, "{method} {fields:?}");
        };
        check(Method::GET, &[], true);
        check(Method::GET, &[("sec-fetch-site", "none")], true);
        check(Method::GET, &[("sec-fetch-site", "cross-site")], false);
        check(Method::GET, &[("sec-fetch-site", "same-site")], false);
        check(Method::GET, &[("origin", "http://there:1")], false);
        check(Method::GET, &[("upgrade", "websocket")], false);
        check(Method::GET, &[("upgrade", "websocket"), ("origin", "http://here:1")], true);
        check(Method::GET, &[("upgrade", "websocket"), ("origin", "http://here:2")], false);
        check(Method::POST, &[], false);
        check(Method::POST, &[("sec-fetch-site", "none")], false);
        check(Method::POST, &[("sec-fetch-site", "same-origin")], true);
        check(Method::DELETE, &[("origin", "http://here:1")], true);
        check(Method::DELETE, &[("origin", "null")], false);
    }
}
