//! Who may use the console. Whoever opens it starts programs on this machine, so it takes three
//! things: the secret in the path, an address that names the loopback interface (a name of another
//! site that resolves to this machine is refused), and no page of another site behind the request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What the console's own pages may do: load and ask here, run nothing inline.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What requests are held against.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) token: String,
    pub(crate) address: SocketAddr,
}

/// Lets a request through, or says why not.
pub(crate) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(why) = guard.admits(request.uri().path(), request.headers()) {
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    secured(next.run(request).await)
}

impl Guard {
    fn admits(&self, path: &str, headers: &HeaderMap) -> Result<(), &'static str> {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        if !same(first.as_bytes(), self.token.as_bytes()) {
            return Err(
                "open the console by the whole address that it printed: it holds a secret\n",
            );
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| self.is_here(host)) {
            return Err("open the console by its number, 127.0.0.1, not by a name\n");
        }
        let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("?"));
        if origin.is_some_and(|origin| {
            origin.strip_prefix("http://").is_none_or(|host| !self.is_here(host))
        }) {
            return Err("refused for a page of another site\n");
        }
        Ok(())
    }

    /// Whether a host and port name this listener.
    fn is_here(&self, host: &str) -> bool {
        let Some((name, port)) = host.rsplit_once(':') else { return false };
        let number: Result<IpAddr, _> = name.trim_matches(['[', ']']).parse();
        let loopback = name == "localhost" || number.is_ok_and(|number| number.is_loopback());
        loopback && port.parse() == Ok(self.address.port())
    }
}

/// Compares without telling by its time where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

/// A page of the results brings its own, tighter policy with it; both hold.
fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_the_number_and_the_own_page_come_in() {
        let guard = Guard { token: "abc".into(), address: ([127, 0, 0, 1], 7).into() };
        let check = |path: &str, host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            guard.admits(path, &headers).is_ok()
        };
        assert!(check("/abc/", "127.0.0.1:7", None));
        assert!(check("/abc/api", "[::1]:7", Some("http://localhost:7")));
        for (path, host, origin) in [
            ("/", "127.0.0.1:7", None),
            ("/abd/", "127.0.0.1:7", None),
            ("/abc/", "evil.example:7", None),
            ("/abc/", "127.0.0.1:8", None),
            ("/abc/", "127.0.0.1:7", Some("http://evil.example")),
            ("/abc/", "127.0.0.1:7", Some("null")),
        ] {
            assert!(!check(path, host, origin), "{path} {host} {origin:?}");
        }
    }
}
