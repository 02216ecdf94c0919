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

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_question_whose_asker_has_gone_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let readers = Arc::new(Readers::new(folder.path().join("store.db")));
        for _ in 0..2 * READERS_MAX {
            let (started, has_started) = oneshot::channel();
            let (given_up, is_given_up) = oneshot::channel();
            let question = move |_: &Transaction<'_>, asker: &Asker| {
                started.send(()).unwrap();
                while asker.still_there().is_ok() {
                    std::thread::yield_now();
                }
                given_up.send(()).unwrap();
                asker.still_there()
            };
            let asking = tokio::spawn(readers.clone().ask(question));
            has_started.await.unwrap();
            asking.abort();
            is_given_up.await.unwrap();
        }
        // Their connections are free again.
        assert_eq!(readers.ask(|_, _| Ok(1)).await.unwrap(), 1);
    }
}
