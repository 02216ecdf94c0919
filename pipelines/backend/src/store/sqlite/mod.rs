//! A store in one file: SQLite, compiled in, so that one command runs everything. One process
//! writes at a time; others may read, or write when it is their turn. A commit is synced to the
//! disk before it is acknowledged, so it outlives the host.
//!
//! Read `schema-1.sql`, `write.rs` (what a transaction does), `writer.rs` (who does it), then
//! `readers.rs`, `scan.rs` and `questions.rs` (how history is read), `reconcile.rs`.

mod audit;
mod connection;
mod fault;
mod health;
mod ids;
mod letters;
#[cfg(test)]
mod plans;
mod questions;
mod readers;
mod reconcile;
mod scan;
mod schema;
mod write;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tailrace_contract::history::{
    AggregateQuery, Aggregated, MetricsPage, MetricsQuery, NameSummary, Range,
};
use tailrace_contract::{
    Audit, Batch, BoxFuture, Committed, DeadLetter, Reconciled, RunId, Store, StoreError,
    StoreHealth, Survives, Tenant,
};

use super::poison;
use crate::private::{Folder, Kind};
use fault::told;
use readers::{Asker, Readers};
use writer::Writer;

/// A store in a file. Dropping it waits for the commit that is on its way.
pub struct SqliteStore {
    writer: Writer,
    readers: Arc<Readers>,
    thread: Option<JoinHandle<()>>,
    // Behind the thread: the folder goes when nobody writes there any more.
    _folder: Option<Folder>,
}

/// The version of SQLite that this program holds.
pub fn version() -> &'static str {
    rusqlite::version()
}

impl SqliteStore {
    /// Opens a file, makes it if there is none, and brings its tables to this version. Blocks for
    /// as long as that takes.
    ///
    /// # Errors
    /// The file cannot be opened or written, or is not ours: see [`StoreError`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::open_in(path.into(), None)
    }

    /// A store that is removed when it is dropped; that of a process that is killed, when the next
    /// one is made.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn temporary() -> Result<Self, StoreError> {
        let folder = Folder::new(Kind::Store).map_err(|e| StoreError::Unreachable {
            cause: format!("no temporary folder could be made: {e}"),
        })?;
        Self::open_in(folder.path().join("tailrace.db"), Some(folder))
    }

    fn open_in(path: PathBuf, folder: Option<Folder>) -> Result<Self, StoreError> {
        let mut connection = connection::writing(&path)?;
        schema::migrate(&mut connection).map_err(|error| connection::in_file(&path, error))?;
        let (writer, thread) = Writer::start(connection)?;
        let readers = Arc::new(Readers::new(path));
        Ok(Self { writer, readers, thread: Some(thread), _folder: folder })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.readers.path()
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection, &Asker) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let readers = self.readers.clone();
        Box::pin(readers.ask(|transaction, asker| question(transaction, asker)))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.writer.end();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has told so on its way out.
            let _ = thread.join();
        }
    }
}

impl Store for SqliteStore {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn survives(&self) -> Survives {
        Survives::HostDeath
    }

    fn commit(
        &self,
        batches: Arc<Vec<Batch>>,
    ) -> BoxFuture<'static, Result<Committed, StoreError>> {
        let writer = self.writer.clone();
        Box::pin(async move {
            batches.iter().try_for_each(poison::check)?;
            writer.commit(batches).await
        })
    }

    fn bury(&self, letters: Vec<DeadLetter>) -> BoxFuture<'static, Result<(), StoreError>> {
        let writer = self.writer.clone();
        Box::pin(async move {
            let bury = move |connection: &mut _| letters::bury(connection, &letters);
            writer.alone(move |connection| bury(connection).map_err(|error| told(&error))).await
        })
    }

    fn dead(
        &self,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(i64, DeadLetter)>, StoreError>> {
        self.ask(move |connection, _| {
            letters::after(connection, after, limit).map_err(|error| told(&error))
        })
    }

    fn revive(
        &self,
        letter: i64,
        batch: Batch,
    ) -> BoxFuture<'static, Result<Committed, StoreError>> {
        let writer = self.writer.clone();
        Box::pin(async move {
            poison::check(&batch)?;
            writer.alone(move |connection| letters::revive(connection, letter, &batch)).await
        })
    }

    fn audit(
        &self,
        run: RunId,
        tenant: Option<Tenant>,
    ) -> BoxFuture<'static, Result<Audit, StoreError>> {
        self.ask(move |connection, asker| audit::audit(connection, asker, run, tenant.as_ref()))
    }

    fn reconcile(&self) -> BoxFuture<'static, Result<Reconciled, StoreError>> {
        self.ask(reconcile::reconcile)
    }

    fn metrics(
        &self,
        tenant: Tenant,
        query: MetricsQuery,
    ) -> BoxFuture<'static, Result<MetricsPage, StoreError>> {
        self.ask(move |connection, asker| questions::metrics(connection, asker, &tenant, &query))
    }

    fn aggregate(
        &self,
        tenant: Tenant,
        query: AggregateQuery,
    ) -> BoxFuture<'static, Result<Vec<Aggregated>, StoreError>> {
        self.ask(move |connection, asker| questions::aggregate(connection, asker, &tenant, &query))
    }

    fn summary(
        &self,
        tenant: Tenant,
        range: Range,
    ) -> BoxFuture<'static, Result<Vec<NameSummary>, StoreError>> {
        self.ask(move |connection, asker| questions::summary(connection, asker, &tenant, range))
    }

    fn health(&self) -> BoxFuture<'static, Result<StoreHealth, StoreError>> {
        let writer = self.writer.clone();
        let version = self.ask(|connection, _| health::read(connection));
        Box::pin(async move {
            writer.alone(health::write).await?;
            Ok(StoreHealth { description: version.await? })
        })
    }
}
