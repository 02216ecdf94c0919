//! Finding a PostgreSQL: one that was given, else a private one, else a line that says how to get
//! it.

use clap::{Args, ValueEnum};
use tailrace_backend::private::{Commits, PrivatePostgres};
use tailrace_backend::{Found, PostgresConfig, PostgresStore};
use tailrace_contract::StoreError;
use tailrace_measure::record;

use crate::exit::Fault;
use crate::redis::Password;

/// The variable with the URL of a PostgreSQL. Servers that are started here get it this way: other
/// users of the machine can read command lines, and a URL may hold a password.
pub const POSTGRES_URL: &str = "TAILRACE_POSTGRES_URL";

/// Which PostgreSQL.
#[derive(Debug, Args, Clone, Default)]
pub struct PostgresArgs {
    /// A running PostgreSQL, which `--store postgres` then means; without it a private one is
    /// started from an installed server
    #[arg(id = "postgres_url", long = "postgres", env = POSTGRES_URL, hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,
    /// A file with the password of that PostgreSQL, such as a container's secret; instead of one
    /// in the URL
    #[arg(
        id = "postgres_password",
        long = "postgres-password-file",
        env = "TAILRACE_POSTGRES_PASSWORD_FILE",
        value_name = "FILE",
        value_parser = Password::read
    )]
    pub password: Option<Password>,
}

impl PostgresArgs {
    /// A URL as it is used: the one given here if none stands there, with the password of the file.
    pub fn complete(&self, url: Option<String>) -> Option<String> {
        let url = url.or_else(|| self.url.clone())?;
        let password = self.password.as_ref();
        Some(password.map_or_else(|| url.clone(), |password| password.put_into(&url)))
    }

    /// Where PostgreSQL comes from.
    pub fn find(&self) -> Found {
        Found::postgres(self.complete(None).as_deref())
    }
}

/// How a server that commits before it answers writes the rows of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InsertArg {
    /// A statement for each row, one after the other.
    Row,
    /// One statement for all rows.
    Rows,
    /// COPY.
    Copy,
}

impl From<InsertArg> for record::Insert {
    fn from(insert: InsertArg) -> Self {
        match insert {
            InsertArg::Row => Self::Row,
            InsertArg::Rows => Self::Rows,
            InsertArg::Copy => Self::Copy,
        }
    }
}

impl From<InsertArg> for tailrace_backend::Insert {
    fn from(insert: InsertArg) -> Self {
        match insert {
            InsertArg::Row => Self::Row,
            InsertArg::Rows => Self::Rows,
            InsertArg::Copy => Self::Copy,
        }
    }
}

/// Opens the store on a server, or on a private one that ends with it. `shape`: how it is used.
///
/// # Errors
/// There is no server and none can be started, or it cannot be used.
pub async fn open(
    url: Option<&str>,
    shape: impl FnOnce(String) -> PostgresConfig,
) -> anyhow::Result<Result<PostgresStore, StoreError>> {
    match Found::postgres(url) {
        Found::Given(url) => Ok(PostgresStore::connect(&shape(url)).await),
        Found::Private => {
            let start = || PrivatePostgres::start(Commits::Synced, None);
            let server = tokio::task::spawn_blocking(start).await?;
            let server = server.map_err(|error| Fault::Missing(error.to_string()))?;
            let config = shape(server.url());
            Ok(PostgresStore::private(server, &config).await)
        }
        Found::Missing(how) => Err(Fault::Missing(how).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_beside_the_store_comes_first_and_the_password_goes_into_either() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "p@ss\n").unwrap();
        let password = Password::read(file.path().to_str().unwrap()).unwrap();
        let given = PostgresArgs {
            url: Some("postgres://a@given/x".into()),
            password: Some(password.clone()),
        };
        let check = |arguments: &PostgresArgs, url: Option<&str>, expect: Option<&str>| {
            assert_eq!(arguments.complete(url.map(Into::into)).as_deref(), expect);
        };
        check(&given, None, Some("postgres://a:p%40ss@given/x"));
        check(&given, Some("postgres://b@beside/y"), Some("postgres://b:p%40ss@beside/y"));
        check(&PostgresArgs { url: None, password: Some(password) }, None, None);
        let open = PostgresArgs { url: Some("postgres://a@given/x".into()), password: None };
        check(&open, None, Some("postgres://a@given/x"));
    }
}
