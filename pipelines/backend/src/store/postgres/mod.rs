//! The PostgreSQL store: version 15 or later, TimescaleDB where it is there. What it survives, the
//! server's own settings say. Everything stands in one schema; `DROP SCHEMA tailrace CASCADE`
//! takes it all away, and the next start makes it anew.
//!
//! Read `migrations/0001_first.sql` (what is kept), then `commit.rs` (the transaction), `insert.rs`
//! and `sums.rs` (its rows and rollups), `history.rs` and `aggregate.rs` (questions), `pool.rs`
//! (connections).

mod address;
mod aggregate;
mod audit;
mod commit;
mod copy;
mod dictionary;
mod fault;
mod history;
mod insert;
mod letters;
mod partitions;
mod pool;
mod schema;
mod sql;
mod sums;
#[cfg(test)]
mod tests;
mod types;

use std::sync::Arc;
use std::time::Duration;

use dictionary::Dictionary;
use fault::store_error;
use partitions::Partitions;
use pool::{Pool, Purpose, Session};
use tailrace_contract::history::{
    AggregateQuery, Aggregated, MetricsPage, MetricsQuery, NameSummary, Range,
};
use tailrace_contract::{
    Audit, Batch, BoxFuture, Committed, DeadLetter, Reconciled, RunId, Store, StoreError,
    StoreHealth, Survives, Tenant,
};

use crate::private::PrivatePostgres;

pub use insert::Insert;

/// Connections that commit what workers bring: more would only wait for each other's rollups.
const WRITERS_MAX: usize = 4;
/// Connections that commit what no worker gathers: a transaction for each batch mostly waits, for
/// round trips, for the disk and for the others' rollups.
const DIRECT_WRITERS_MAX: usize = 8;
/// Connections that read, beside them.
const READERS_MAX: usize = 4;
/// A statement of a commit. A thousand full batches take a few seconds on a slow disk.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// A question. Whoever asks for more than that should ask for less.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// After the server's own limit for a question, for an answer to come.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
/// A transaction whose program does nothing: it may be frozen, and holds rows that others want.
const IDLE_TRANSACTION_MS: u64 = 10_000;

/// Where the store is.
#[derive(Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database`.
    pub url: String,
    /// Everything stands in this schema, and nothing outside of it is touched.
    pub schema: String,
    /// How a commit writes its rows.
    pub insert: Insert,
    /// Connections that commit, at least 1; commits beyond wait for one.
    pub writers: usize,
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = crate::redis::masked(&self.url);
        let mut shown = f.debug_struct("PostgresConfig");
        shown.field("url", &url).field("schema", &self.schema);
        shown.field("insert", &self.insert).field("writers", &self.writers).finish()
    }
}

impl PostgresConfig {
    /// The usual schema, `tailrace`, written to as a worker's large commits want it.
    pub fn new(url: impl Into<String>) -> Self {
        let (insert, writers) = (Insert::default(), WRITERS_MAX);
        Self { url: url.into(), schema: "tailrace".to_owned(), insert, writers }
    }

    /// The same for a log that commits each batch by itself, before it answers.
    pub fn direct(url: impl Into<String>, insert: Insert) -> Self {
        Self { insert, writers: DIRECT_WRITERS_MAX, ..Self::new(url) }
    }
}

/// A store in PostgreSQL. It connects again by itself; a handle outlives the server's death.
#[derive(Debug)]
pub struct PostgresStore {
    parts: Arc<Parts>,
    schema: String,
    survives: Survives,
    // Behind the connections: a server of one's own goes when nobody uses it any more.
    _server: Option<PrivatePostgres>,
}

/// What commits and questions share.
#[derive(Debug)]
struct Parts {
    writers: Arc<Pool>,
    readers: Arc<Pool>,
    dictionary: Dictionary,
    partitions: Partitions,
    insert: Insert,
}

impl PostgresStore {
    /// Connects, and brings the tables to this version.
    ///
    /// # Errors
    /// The URL is not one, the server cannot be reached or refuses, or the tables are of a later
    /// program: see [`StoreError`].
    pub async fn connect(config: &PostgresConfig) -> Result<Self, StoreError> {
        schema::check_name(&config.schema)?;
        let url = address::parsed(&config.url)?;
        let path = format!("-c search_path={},public", config.schema);
        let writers = Purpose {
            connections: config.writers,
            statement: WRITE_TIMEOUT,
            options: format!("{path} -c idle_in_transaction_session_timeout={IDLE_TRANSACTION_MS}"),
        };
        let readers = Purpose {
            connections: READERS_MAX,
            statement: READ_TIMEOUT,
            // Compiling a question takes longer than most questions.
            options: format!("{path} -c jit=off"),
        };
        let writers = Pool::new(url.clone(), &writers);
        let lease = writers.lease().await?;
        schema::migrate(&lease.session, &config.schema).await?;
        let partitions = Partitions::open(&lease.session).await?;
        let survives = survives(&lease.session).await?;
        lease.give_back();
        let readers = Pool::new(url, &readers);
        let (dictionary, insert) = (Dictionary::default(), config.insert);
        let parts = Parts { writers, readers, dictionary, partitions, insert };
        Ok(Self { parts: Arc::new(parts), schema: config.schema.clone(), survives, _server: None })
    }

    /// A store that is removed when it is dropped, with its server. `config` is of that server.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn private(
        server: PrivatePostgres,
        config: &PostgresConfig,
    ) -> Result<Self, StoreError> {
        let store = Self::connect(config).await?;
        Ok(Self { _server: Some(server), ..store })
    }

    /// Takes the whole schema away, for one that was made for a single run. Nothing of this store
    /// works afterwards.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn remove(&self) -> Result<(), StoreError> {
        let lease = self.parts.writers.lease().await?;
        lease.session.run(&format!("DROP SCHEMA {} CASCADE", self.schema)).await?;
        lease.give_back();
        Ok(())
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl for<'a> Fn(&'a Session) -> BoxFuture<'a, Result<T, StoreError>>
        + Send
        + Sync
        + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        self.ask_within(ANSWER_TIMEOUT, question)
    }

    /// Asks a reader's connection; once more if that had died unnoticed.
    fn ask_within<T: Send + 'static>(
        &self,
        limit: Duration,
        question: impl for<'a> Fn(&'a Session) -> BoxFuture<'a, Result<T, StoreError>>
        + Send
        + Sync
        + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let readers = self.parts.readers.clone();
        Box::pin(async move { readers.ask(limit, question).await })
    }
}

/// What the server does before it answers a commit.
async fn survives(session: &Session) -> Result<Survives, StoreError> {
    let ask = "SELECT current_setting('fsync') = 'on', current_setting('synchronous_commit')";
    let row = session.client.query_one(ask, &[]).await.map_err(|error| store_error(&error))?;
    let synced = row.get(0) && row.get::<_, &str>(1) != "off";
    Ok(if synced { Survives::HostDeath } else { Survives::ServerDeath })
}

impl Store for PostgresStore {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn survives(&self) -> Survives {
        self.survives
    }

    fn commit(
        &self,
        batches: Arc<Vec<Batch>>,
    ) -> BoxFuture<'static, Result<Committed, StoreError>> {
        let parts = self.parts.clone();
        Box::pin(async move { commit::commit(&parts, &batches, None).await })
    }

    fn bury(&self, letters: Vec<DeadLetter>) -> BoxFuture<'static, Result<(), StoreError>> {
        let writers = self.parts.writers.clone();
        let letters = Arc::new(letters);
        Box::pin(async move {
            writers
                .ask(ANSWER_TIMEOUT, move |session| {
                    let letters = letters.clone();
                    Box::pin(async move { letters::bury(session, &letters).await })
                })
                .await
        })
    }

    fn dead(
        &self,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(i64, DeadLetter)>, StoreError>> {
        self.ask(move |session| Box::pin(letters::dead(session, after, limit)))
    }

    fn revive(
        &self,
        letter: i64,
        batch: Batch,
    ) -> BoxFuture<'static, Result<Committed, StoreError>> {
        let parts = self.parts.clone();
        Box::pin(async move { commit::commit(&parts, &[batch], Some(letter)).await })
    }

    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, StoreError>> {
        self.ask_within(audit::WHOLE_TIMEOUT, move |session| {
            Box::pin(audit::audit(session, run, tenant.clone()))
        })
    }

    fn reconcile(&self) -> BoxFuture<'static, Result<Reconciled, StoreError>> {
        self.ask_within(audit::WHOLE_TIMEOUT, |session| Box::pin(audit::reconcile(session)))
    }

    fn metrics(
        &self,
        tenant: Tenant,
        query: MetricsQuery,
    ) -> BoxFuture<'static, Result<MetricsPage, StoreError>> {
        self.ask(move |session| Box::pin(history::page(session, tenant.clone(), query.clone())))
    }

    fn aggregate(
        &self,
        tenant: Tenant,
        query: AggregateQuery,
    ) -> BoxFuture<'static, Result<Vec<Aggregated>, StoreError>> {
        self.ask(move |session| {
            Box::pin(aggregate::aggregate(session, tenant.clone(), query.clone()))
        })
    }

    fn summary(
        &self,
        tenant: Tenant,
        range: Range,
    ) -> BoxFuture<'static, Result<Vec<NameSummary>, StoreError>> {
        self.ask(move |session| Box::pin(aggregate::summary(session, tenant.clone(), range)))
    }

    fn health(&self) -> BoxFuture<'static, Result<StoreHealth, StoreError>> {
        let parts = self.parts.clone();
        Box::pin(async move {
            let (division, insert) = (parts.partitions.describe(), parts.insert.describe());
            let asked = parts.writers.ask(ANSWER_TIMEOUT, move |session| {
                Box::pin(async move { health(session, division, insert).await })
            });
            asked.await
        })
    }
}

/// Writes, and takes it back: a server that only reads is not healthy.
async fn health(
    session: &Session,
    division: &str,
    insert: &str,
) -> Result<StoreHealth, StoreError> {
    session.run("BEGIN; INSERT INTO migrations (version) VALUES (0); ROLLBACK").await?;
    let ask = "SELECT current_setting('server_version'), current_setting('synchronous_commit')";
    let row = session.client.query_typed(ask, &[]).await.map_err(|error| store_error(&error))?;
    let setting = |column| row.first().map_or("unknown", |row| row.get::<_, &str>(column));
    let version = setting(0).split(' ').next().unwrap_or_default();
    let description =
        format!("PostgreSQL {version}, {division}, synchronous_commit {}, {insert}", setting(1));
    Ok(StoreHealth { description })
}
