//! Which store: `--store` of every verb that has one, and opening it.
//!
//! Plain `sqlite` is a file in the working directory that stays: what `seed` wrote, `serve` finds,
//! and a server that is started again still has its history. To begin anew, end the servers and
//! workers that use it and delete the file with its neighbours (`rm tailrace.db*`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use tailrace_backend::{Insert, PostgresConfig, SqliteStore};
use tailrace_contract::{Store, StoreError};

use crate::exit::Fault;
use crate::postgres::{self, PostgresArgs};

/// The variable with the store. Servers that are started here get it this way: other users of the
/// machine can read command lines, and a URL may hold a password.
pub const STORE: &str = "TAILRACE_STORE";

/// Where plain `sqlite` is.
const SQLITE_FILE: &str = "tailrace.db";

/// Which store.
#[derive(Debug, Args, Clone, Default)]
pub struct StoreArgs {
    /// Where batches end up and history is read from: sqlite (the file tailrace.db here),
    /// sqlite:FILE, sqlite::temporary: (gone when the program ends), postgres (a private server),
    /// postgres://USER@HOST/DATABASE
    #[allow(rustdoc::bare_urls, clippy::doc_markdown, reason = "shown by --help as it stands")]
    #[arg(long, env = STORE, hide_env_values = true)]
    pub store: Option<StoreChoice>,
    /// Which PostgreSQL
    #[command(flatten)]
    pub postgres: PostgresArgs,
}

impl StoreArgs {
    /// What was chosen, with what is known of a server.
    pub fn chosen(&self) -> Option<StoreChoice> {
        self.store.clone().map(|choice| match choice {
            StoreChoice::Postgres(url) => StoreChoice::Postgres(self.postgres.complete(url)),
            file @ StoreChoice::Sqlite(_) => file,
        })
    }

    /// The same, or the file in the working directory.
    pub fn or_file(&self) -> StoreChoice {
        self.chosen().unwrap_or(StoreChoice::Sqlite(Place::File(SQLITE_FILE.into())))
    }
}

/// A store that was asked for.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// A file.
    Sqlite(Place),
    /// A server: the URL, or none for a private one.
    Postgres(Option<String>),
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// There, and it stays.
    File(PathBuf),
    /// In a folder that goes with the program.
    Temporary,
}

impl FromStr for StoreChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let file = |path: &str| Ok(Self::Sqlite(Place::File(path.into())));
        match text.split_once(':') {
            None if text == "sqlite" => file(SQLITE_FILE),
            None if text == "postgres" => Ok(Self::Postgres(None)),
            Some(("sqlite", ":temporary:")) => Ok(Self::Sqlite(Place::Temporary)),
            Some(("sqlite", path)) if !path.is_empty() => file(path),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(Some(text.into())))
            }
            _ => Err("known are sqlite, sqlite:FILE, sqlite::temporary:, postgres and \
                      postgres://USER@HOST/DATABASE"
                .into()),
        }
    }
}

/// As it is written on a command line, without what may be secret.
impl fmt::Display for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(Place::File(path)) => write!(f, "sqlite:{}", path.display()),
            Self::Sqlite(Place::Temporary) => f.write_str("sqlite::temporary:"),
            Self::Postgres(None) => f.write_str("postgres"),
            Self::Postgres(Some(_)) => f.write_str("postgres://…"),
        }
    }
}

impl fmt::Debug for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreChoice({self})")
    }
}

/// Opens the store, and applies its schema if it is new.
///
/// # Errors
/// It cannot be opened: the service is missing, or the file is not ours.
pub async fn open(choice: &StoreChoice) -> anyhow::Result<Arc<dyn Store>> {
    match choice {
        StoreChoice::Sqlite(place) => {
            let place = place.clone();
            let opened = tokio::task::spawn_blocking(move || sqlite(&place)).await?;
            Ok(Arc::new(opened.map_err(|error| told(choice, error))?))
        }
        StoreChoice::Postgres(url) => {
            let opened = postgres::open(url.as_deref(), PostgresConfig::new).await?;
            Ok(Arc::new(opened.map_err(|error| told(choice, error))?))
        }
    }
}

/// Opens the PostgreSQL that a server commits to before it answers.
///
/// # Errors
/// As [`open`]; another store was asked for.
pub async fn open_direct(choice: &StoreChoice, insert: Insert) -> anyhow::Result<Arc<dyn Store>> {
    let StoreChoice::Postgres(url) = choice else {
        return Err(Fault::Usage(format!(
            "this pipeline commits to PostgreSQL: leave --store {choice} out, or name one with \
             postgres://USER@HOST/DATABASE"
        ))
        .into());
    };
    let shape = |url| PostgresConfig::direct(url, insert);
    let opened = postgres::open(url.as_deref(), shape).await?;
    Ok(Arc::new(opened.map_err(|error| told(choice, error))?))
}

fn sqlite(place: &Place) -> Result<SqliteStore, StoreError> {
    match place {
        Place::File(path) => {
            if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
                let made = std::fs::create_dir_all(folder);
                made.map_err(|error| StoreError::Unreachable {
                    cause: format!("the folder {} cannot be made: {error}", folder.display()),
                })?;
            }
            SqliteStore::open(path)
        }
        Place::Temporary => SqliteStore::temporary(),
    }
}

/// A store that cannot be reached is a service that is missing.
fn told(choice: &StoreChoice, error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Unreachable { .. } => {
            Fault::Missing(format!("{error} (--store {choice})")).into()
        }
        other => anyhow::Error::new(other).context(format!("--store {choice} cannot be used")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "the cases read like a table")]
    fn check(text: &str, expect: Option<StoreChoice>) {
        assert_eq!(text.parse::<StoreChoice>().ok(), expect, "{text}");
    }

    #[test]
    fn stores_are_told_apart() {
        let file = |path: &str| Some(StoreChoice::Sqlite(Place::File(path.into())));
        check("sqlite", file(SQLITE_FILE));
        check("sqlite:/var/lib/t.db", file("/var/lib/t.db"));
        check("sqlite:C:/t.db", file("C:/t.db"));
        check("sqlite::temporary:", Some(StoreChoice::Sqlite(Place::Temporary)));
        check("postgres", Some(StoreChoice::Postgres(None)));
        for url in ["postgres://a@b/c", "postgresql://b"] {
            check(url, Some(StoreChoice::Postgres(Some(url.into()))));
        }
        for wrong in ["", "sqlite:", "mysql", "postgres:", "postgres:/a", "SQLITE", "./t.db"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_url_is_never_shown() {
        let choice: StoreChoice = "postgres://user:secret@host/db".parse().unwrap();
        assert!(!format!("{choice} {choice:?}").contains("secret"));
    }
}
