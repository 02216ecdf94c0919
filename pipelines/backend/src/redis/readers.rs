//! Connections that wait. XREADGROUP BLOCK keeps a connection for itself until it is answered, so
//! that each read that is under way has one of its own. They have no time limit of the client's:
//! the limit is what the question itself waits, and a margin.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, RedisResult, Value};
use tokio::time::timeout;

use super::link::{ANSWER_TIMEOUT, Link};

/// Connections kept between reads: as many as a process has workers, and a few more.
const KEPT_MAX: usize = 16;

/// The connections of one group's handle that nobody uses at the moment.
#[derive(Default)]
pub(super) struct Readers {
    unused: Mutex<Vec<MultiplexedConnection>>,
}

impl Readers {
    fn unused(&self) -> MutexGuard<'_, Vec<MultiplexedConnection>> {
        // A panic while holding it leaves a plain list: still usable.
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a question that Redis answers after at most `wait`. One that broke on a kept
    /// connection is asked once more on a new one: what the lost answer gave stays pending with
    /// the member and is claimed later.
    pub(super) async fn ask(
        &self,
        link: &Link,
        question: &Cmd,
        wait: Duration,
    ) -> RedisResult<Value> {
        let kept = self.unused().pop();
        if let Some(connection) = kept {
            match self.ask_over(connection, question, wait).await {
                // The others were opened to the same server and are as dead.
                Err(error) if error.is_connection_dropped() => self.unused().clear(),
                answer => return answer,
            }
        }
        let connection = link.open_unhurried().await?;
        self.ask_over(connection, question, wait).await
    }

    async fn ask_over(
        &self,
        mut connection: MultiplexedConnection,
        question: &Cmd,
        wait: Duration,
    ) -> RedisResult<Value> {
        let limit = wait + ANSWER_TIMEOUT;
        let answer = timeout(limit, question.query_async(&mut connection)).await;
        let answer = answer.unwrap_or_else(|_| Err(silent(limit)));
        let usable = match &answer {
            Ok(_) => true,
            Err(error) => !error.is_unrecoverable_error() && !error.is_timeout(),
        };
        let mut unused = self.unused();
        if usable && unused.len() < KEPT_MAX {
            unused.push(connection);
        }
        drop(unused);
        answer
    }
}

fn silent(limit: Duration) -> RedisError {
    let text = format!("no answer within {limit:?}; is it paused?");
    std::io::Error::new(std::io::ErrorKind::TimedOut, text).into()
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").field("unused", &self.unused().len()).finish()
    }
}
