//! Finding a Redis: one that was given, else a private one, else a line that says how to get it.

use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, RandomState};

use tailrace_backend::{Found, Persistence, PrivateRedis, RedisConfig};
use tailrace_contract::{LogError, RunId};

use crate::cli::{FsyncArg, RedisArgs};
use crate::exit::Fault;

/// The Redis of a served pipeline, and its process when it was started here.
///
/// # Errors
/// None was given and none is installed.
pub fn for_server(
    arguments: &RedisArgs,
    prefix: &str,
) -> Result<(RedisConfig, Option<PrivateRedis>), Fault> {
    let (url, private) = match find(arguments) {
        Found::Given(url) => (url, None),
        Found::Private => {
            let redis = PrivateRedis::start(persistence(arguments.fsync), None)
                .map_err(|error| Fault::Missing(error.to_string()))?;
            (redis.url(), Some(redis))
        }
        Found::Missing(how) => return Err(Fault::Missing(how)),
    };
    // What a served pipeline was given stays until somebody removes it.
    let config = RedisConfig { expiry: None, ..RedisConfig::new(url, prefix) };
    Ok((config, private))
}

/// A Redis that does not answer is a service that is missing.
pub fn missing_if_unreachable(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(LogError::Unreachable { .. }) => Fault::Missing(format!(
            "{error}; does the Redis that was given run, and is this its address? Without \
             --redis (TAILRACE_REDIS_URL) a private one is started"
        ))
        .into(),
        _ => error,
    }
}

/// The URL that was given, with the password of the file.
pub fn given(arguments: &RedisArgs) -> Option<String> {
    let (url, password) = (arguments.url.as_deref()?, arguments.password.as_ref());
    Some(password.map_or_else(|| url.to_owned(), |known| known.put_into(url)))
}

/// Where Redis comes from.
pub fn find(arguments: &RedisArgs) -> Found {
    Found::redis(given(arguments).as_deref())
}

/// A password that came from a file. It is never shown.
#[derive(Clone)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Password {
    /// The first line of a file.
    ///
    /// # Errors
    /// The file cannot be read, or its first line is empty.
    pub fn read(path: &str) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|fault| fault.to_string())?;
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            return Err("its first line is empty; the password belongs there".into());
        }
        Ok(Self(line.to_owned()))
    }

    /// The URL with this password; a user name in it stays, a password does not.
    pub(crate) fn put_into(&self, url: &str) -> String {
        let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
        let (user, place) = rest.rsplit_once('@').unwrap_or(("", rest));
        let user = user.split(':').next().unwrap_or_default();
        format!("{scheme}://{user}:{}@{place}", escaped(&self.0))
    }
}

/// Percent-encoded but for what needs it nowhere in a URL. Source: RFC 3986, section 2.3.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |mut url, byte| {
        if plain(byte) {
            url.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}

/// As the private Redis knows it.
pub fn persistence(fsync: FsyncArg) -> Persistence {
    match fsync {
        FsyncArg::No => Persistence::None,
        FsyncArg::Everysec => Persistence::EverySec,
        FsyncArg::Always => Persistence::Always,
    }
}

/// 128 bits that nobody else has. The standard library's hasher is seeded by the system.
pub fn fresh_run() -> RunId {
    let half = |n: u64| u128::from(RandomState::new().hash_one((n, std::process::id())));
    RunId(half(0) << 64 | half(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stands_before_the_host() {
        let check = |url: &str, expect: &str| {
            assert_eq!(Password("p@s:s/1".into()).put_into(url), expect);
        };
        check("redis://redis:6379/", "redis://:p%40s%3As%2F1@redis:6379/");
        check("redis://redis/2", "redis://:p%40s%3As%2F1@redis/2");
        check("redis://user@redis:6379", "redis://user:p%40s%3As%2F1@redis:6379");
        check("redis://user:old@redis:6379", "redis://user:p%40s%3As%2F1@redis:6379");
    }

    #[test]
    fn the_first_line_of_a_file_is_the_password() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        assert!(Password::read(path).unwrap_err().contains("empty"));
        std::fs::write(path, "secret\nsecond\n").unwrap();
        let password = Password::read(path).unwrap();
        assert_eq!((password.0.as_str(), format!("{password:?}").as_str()), ("secret", "***"));
        assert!(Password::read("/nowhere/password").is_err());
    }
}
