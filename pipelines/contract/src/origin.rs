//! Keeps pages of other sites away: a browser lets any page post to a loopback address and open
//! a WebSocket to it, and only tells the page's origin. Programs send no `Origin`. The rule does
//! not stop a page whose own name was made to point here: its origin is its host then. Every
//! door that speaks HTTP asks it; read on in their routing.

use crate::{Problem, ProblemKind};

/// Whether a request may come in, by the values of its `Origin` and `Host` headers. Costs
/// nothing without an `Origin`.
///
/// # Errors
/// The origin is not the host that the request was sent to: a [`ProblemKind::Forbidden`].
pub fn same_site(origin: Option<&[u8]>, host: Option<&[u8]>) -> Result<(), Problem> {
    origin.map_or(Ok(()), |origin| judge(origin, host))
}

#[cold]
fn judge(origin: &[u8], host: Option<&[u8]>) -> Result<(), Problem> {
    let shown = String::from_utf8_lossy(origin);
    let authority = shown.split_once("://").map(|(_, authority)| authority.as_bytes());
    if authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    let detail = format!(
        "the request comes from a page of {shown:.100}, not from this server; open the page \
         from here or send the request without a browser"
    );
    Err(Problem::new(ProblemKind::Forbidden, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: Option<&str>, host: Option<&str>, allowed: bool) {
        let judged = same_site(origin.map(str::as_bytes), host.map(str::as_bytes));
        assert_eq!(judged.is_ok(), allowed, "{origin:?} {host:?}");
    }

    #[test]
    fn only_this_host_and_programs_pass() {
        check(None, Some("127.0.0.1:80"), true);
        check(None, None, true);
        check(Some("http://LocalHost:8080"), Some("localhost:8080"), true);
        check(Some("http://localhost:8081"), Some("localhost:8080"), false);
        check(Some("https://evil.example"), Some("localhost:8080"), false);
        check(Some("null"), Some("localhost:8080"), false);
        check(Some("http://localhost:8080"), None, false);
        check(Some("://"), None, false);
    }
}
