//! Readers: a few connections that questions take turns on, each question in one transaction, so
//! that it sees one moment of the store. A question whose asker has gone is given up.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction};
use tailrace_contract::StoreError;
use tokio::sync::Semaphore;

use super::connection;
use super::fault::told;

/// Questions that are answered side by side; more wait. Each holds a connection with its memory,
/// and few machines have more cores to spare for history.
const READERS_MAX: usize = 4;

pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

/// Whether the asker is still there.
#[derive(Clone, Default)]
pub(super) struct Asker(Arc<AtomicBool>);

impl Asker {
    /// # Errors
    /// The asker has gone: nobody sees this error.
    pub(super) fn still_there(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(StoreError::Unreachable { cause: "nobody waits for the answer".into() });
        }
        Ok(())
    }
}

/// Tells the reader when the asker's future is dropped.
struct Leaving(Asker);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        let permits = Arc::new(Semaphore::new(READERS_MAX));
        Self { path, idle: Mutex::default(), permits }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Answers a question on a thread that may block.
    pub(super) async fn ask<T: Send + 'static>(
        self: Arc<Self>,
        question: impl FnOnce(&Transaction<'_>, &Asker) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ended = || StoreError::Backend { cause: "the store is being closed".into() };
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| ended())?;
        let leaving = Leaving(Asker::default());
        let asker = leaving.0.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            self.answer(&asker, question)
        });
        let answer = answer.await.map_err(|error| StoreError::Backend {
            cause: format!("a question was broken off: {error}"),
        });
        drop(leaving);
        answer?
    }

    fn answer<T>(
        &self,
        asker: &Asker,
        question: impl FnOnce(&Transaction<'_>, &Asker) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        asker.still_there()?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = idle.map_or_else(|| connection::reading(&self.path), Ok)?;
        let transaction = connection.transaction().map_err(|error| told(&error))?;
        let answer = question(&transaction, asker);
        transaction.finish().map_err(|error| told(&error))?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        answer
    }
}
