//! Keeps pages of other sites away: a browser lets any page post to a loopback address and
//! open a WebSocket to it, and only tells us the page's origin. Programs send no `Origin`.

use axum::http::{HeaderMap, header};
use tailrace_contract::{Problem, ProblemKind};

use crate::refusal::Refusal;

/// Refuses a request whose `Origin` is not the host that it was sent to.
pub(crate) fn same_site(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.to_str().ok().and_then(|text| text.split_once("://")).map(|(_, a)| a);
    match (authority, host) {
        (Some(a), Some(h)) if a.eq_ignore_ascii_case(h) => Ok(()),
        _ => {
            let shown = String::from_utf8_lossy(origin.as_bytes());
            let detail = format!(
                "the request comes from a page of {shown:.100}, not from this server; \
                 open the page from here or send the request without a browser"
            );
            Err(Refusal(Problem::new(ProblemKind::Forbidden, detail)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: Option<&str>, host: &str, allowed: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(same_site(&headers).is_ok(), allowed, "{origin:?} {host}");
    }

    #[test]
    fn only_this_host_and_programs_pass() {
        check(None, "127.0.0.1:80", true);
        check(Some("http://LocalHost:8080"), "localhost:8080", true);
        check(Some("http://localhost:8081"), "localhost:8080", false);
        check(Some("https://evil.example"), "localhost:8080", false);
        check(Some("null"), "localhost:8080", false);
    }
}
