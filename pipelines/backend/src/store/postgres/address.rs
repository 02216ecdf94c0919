//! Reading the address of a server. It may hold a password, so no text of it is ever shown but
//! what is known to be none.

use tailrace_contract::StoreError;
use tokio_postgres::Config;

/// What a URL begins with. The client reads lists of words such as `host=a password=b` too; there
/// no telling would be possible what is secret.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The client's settings for a URL.
///
/// # Errors
/// It is none, or asks for what is not there.
pub(super) fn parsed(url: &str) -> Result<Config, StoreError> {
    let example = "postgres://user@127.0.0.1:5432/database";
    if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
        let cause = format!("what was given for PostgreSQL is no URL; try {example}");
        return Err(StoreError::Backend { cause });
    }
    let place = crate::redis::masked(url);
    if let Some(wish) = tls_wish(url) {
        let cause = format!(
            "the URL {place:?} asks for TLS ({wish}), which this program does not speak with \
             PostgreSQL; rather than send everything in clear text it stops here. In a network \
             that you trust say sslmode=disable, else put a tunnel in between"
        );
        return Err(StoreError::Backend { cause });
    }
    url.parse().map_err(|error| StoreError::Backend {
        cause: format!("the URL {place:?} is not usable ({error}); try {example}"),
    })
}

/// What a URL says of TLS, unless that is that there shall be none. Its words are libpq's, most of
/// which the client does not know: "not usable" would be less than what can be said of them.
fn tls_wish(url: &str) -> Option<&str> {
    let (_, query) = url.rsplit_once('?')?;
    let wish = query.split('&').find(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        key.starts_with("ssl") && (key, value) != ("sslmode", "disable")
    })?;
    // Then it may be part of a password that should have been escaped.
    Some(if wish.contains('@') { "ssl…" } else { wish })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        let told = parsed(url).expect_err(url).to_string();
        assert!(!told.contains("secret"), "{told}");
        told
    }

    #[test]
    fn a_wish_for_tls_is_refused_rather_than_ignored() {
        let url = "postgresql://user:secret@host/db?connect_timeout=1";
        let wishes = ["require", "prefer", "verify-full"].map(|mode| format!("sslmode={mode}"));
        for wish in wishes.iter().map(String::as_str).chain(["sslrootcert=a.pem", "ssl=true"]) {
            let told = refused(&format!("{url}&{wish}"));
            assert!(told.contains(wish) && told.contains("TLS"), "{told}");
        }
        for plain in ["", "&sslmode=disable", "&application_name=ssl"] {
            assert!(parsed(&format!("{url}{plain}")).is_ok(), "{plain}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        assert!(refused("host=a password=secret sslmode=require").contains("no URL"));
        assert!(refused("postgres://user:se?ssl=secret@host/db").contains("TLS"));
        assert!(refused("postgres://user:secret@host:port/db").contains("not usable"));
    }
}
