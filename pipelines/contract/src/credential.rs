//! What a client shows to say who it is. A transport hands it over and looks at nothing; the gate
//! behind the door judges it. It is never logged, and nothing prints it. Read next:
//! [`crate::ingest`], where it travels.

use std::fmt;

/// Header of a key, beside `Authorization: Bearer KEY`, which wins.
pub const KEY_HEADER: &str = "x-api-key";

/// The cookie of a browser's session.
pub const SESSION_COOKIE: &str = "tailrace_session";

/// Bytes of a credential. A key has at most 80, a session's id 43; whatever is longer is neither
/// and is not copied.
pub const CREDENTIAL_BYTES_MAX: usize = 128;

/// What was shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A key: by a program that sends it on purpose.
    Key(Box<str>),
    /// The id of a session, in a cookie: browsers send it by themselves, also when a page of
    /// another site made them.
    Session(Box<str>),
}

/// Never shows the secret: callers are logged.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key(…)",
            Self::Session(_) => "Session(…)",
        })
    }
}

impl Credential {
    /// The key of a request, by the values of its `Authorization` and [`KEY_HEADER`] headers.
    /// Another scheme than `Bearer`, and what cannot be a key, is as good as none.
    pub fn of_headers(authorization: Option<&[u8]>, api_key: Option<&[u8]>) -> Option<Self> {
        text(authorization.and_then(bearer).or(api_key)?).map(Self::Key)
    }

    /// The session of a request, by the value of a `Cookie` header.
    pub fn of_cookie(cookie: &[u8]) -> Option<Self> {
        let mut pairs = cookie.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let name = SESSION_COOKIE.as_bytes();
        let id = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))?;
        text(id).map(Self::Session)
    }
}

/// The token behind `Bearer`, whose case does not matter (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

fn text(bytes: &[u8]) -> Option<Box<str>> {
    let bytes = bytes.trim_ascii();
    let fits = (1..=CREDENTIAL_BYTES_MAX).contains(&bytes.len());
    std::str::from_utf8(bytes).ok().filter(|_| fits).map(Box::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Credential {
        Credential::Key(text.into())
    }

    #[test]
    fn keys_come_in_either_header_and_no_other_form() {
        let check = |authorization: Option<&str>, api_key: Option<&str>, expected| {
            let seen = Credential::of_headers(
                authorization.map(str::as_bytes),
                api_key.map(str::as_bytes),
            );
            assert_eq!(seen, expected, "{authorization:?} {api_key:?}");
        };
        check(None, None, None);
        check(Some("Bearer k"), None, Some(key("k")));
        check(Some("bEARER   k "), Some("other"), Some(key("k")));
        check(None, Some("k"), Some(key("k")));
        check(Some("Basic abc"), Some("k"), Some(key("k")));
        check(Some("Basic abc"), None, None);
        check(Some("Bearer "), None, None);
        check(Some("Bearer"), None, None);
        check(Some(&format!("Bearer {}", "k".repeat(CREDENTIAL_BYTES_MAX + 1))), None, None);
    }

    #[test]
    fn sessions_come_in_their_cookie_only() {
        let session = |text: &str| Some(Credential::Session(text.into()));
        let check = |cookie: &str, expected| {
            assert_eq!(Credential::of_cookie(cookie.as_bytes()), expected, "{cookie}");
        };
        check("tailrace_session=abc", session("abc"));
        check("theme=dark; tailrace_session=abc; a=b", session("abc"));
        check("other_tailrace_session=abc", None);
        check("tailrace_sessions=abc", None);
        check("tailrace_session=", None);
    }

    #[test]
    fn nothing_prints_a_secret() {
        let secrets = [Credential::Key("secret".into()), Credential::Session("secret".into())];
        assert!(!format!("{secrets:?}").contains("secret"));
    }
}
