//! Services of one's own: started from an installed binary on a free port, in a temporary
//! directory, dying with this program. Faults may be made on these, never on a given one.

mod cluster;
mod folder;
mod postgres;
mod process;
mod redis;

pub use cluster::{find_postgres, installed_postgres};
pub use folder::{Folder, Kind};
pub use postgres::{Commits, PostgresStartError, PrivatePostgres, SETTINGS as POSTGRES_SETTINGS};
pub use redis::{Persistence, PrivateRedis, StartError, find_binary, installed_version};

/// Where a service comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Somebody named it; it is not ours to stop, to pause or to configure.
    Given(String),
    /// A binary is installed: a private one starts.
    Private,
    /// There is none; the line says how to get one.
    Missing(String),
}

impl Found {
    /// Looks in the order of the design: a given URL, an installed binary, nothing.
    pub fn postgres(given: Option<&str>) -> Self {
        match given {
            Some(url) => Self::Given(url.to_owned()),
            None if find_postgres().is_some() => Self::Private,
            None => Self::Missing(
                "no PostgreSQL: install its server (Debian: apt-get install postgresql) or give \
                 the URL of one"
                    .to_owned(),
            ),
        }
    }

    /// The same for Redis.
    pub fn redis(given: Option<&str>) -> Self {
        match given {
            Some(url) => Self::Given(url.to_owned()),
            None if find_binary().is_some() => Self::Private,
            None => Self::Missing(
                "no Redis: install redis-server (Debian: apt-get install redis-server) or give \
                 the URL of one"
                    .to_owned(),
            ),
        }
    }
}
