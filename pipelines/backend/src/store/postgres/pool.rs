//! Connections: made when needed, at most so many, thrown away when anything went wrong on them.
//! A transaction ends with its connection, so what was given up is taken back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tailrace_contract::{BoxFuture, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::fault::{silent, store_error};

/// Opening a connection, greetings included. A paused server accepts but does not greet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For a connection that others use. Longer than a statement may take.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long sent bytes may stay without the other host's confirmation.
const SILENT_HOST_TIMEOUT: Duration = Duration::from_secs(10);

/// What all connections of a pool are for.
#[derive(Debug, Clone)]
pub(super) struct Purpose {
    /// Connections at most.
    pub(super) connections: usize,
    /// For each statement.
    pub(super) statement: Duration,
    /// Settings of the server, as `-c name=value`.
    pub(super) options: String,
}

/// A bounded set of connections.
#[derive(Debug)]
pub(super) struct Pool {
    config: Config,
    idle: Mutex<Vec<Session>>,
    turns: Arc<Semaphore>,
}

/// A connection with the statements that it knows.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
}

/// A connection that nobody else uses. Dropped, it is closed; see [`Lease::give_back`].
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) session: Session,
    /// Whether it was opened for this lease.
    is_fresh: bool,
    pool: Arc<Pool>,
    _turn: OwnedSemaphorePermit,
}

impl Pool {
    /// Connects to nothing yet.
    pub(super) fn new(mut config: Config, purpose: &Purpose) -> Arc<Self> {
        let given = config.get_options().unwrap_or_default();
        let statement = purpose.statement.as_millis();
        let options = format!("{given} -c statement_timeout={statement} {}", purpose.options);
        config.options(options).application_name("tailrace");
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(SILENT_HOST_TIMEOUT);
        let turns = Arc::new(Semaphore::new(purpose.connections));
        Arc::new(Self { config, idle: Mutex::default(), turns })
    }

    /// A connection, when one is free.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, StoreError> {
        let turn = timeout(TURN_TIMEOUT, self.turns.clone().acquire_owned()).await;
        let all_busy = |_| silent("the others' work on all connections", TURN_TIMEOUT);
        let turn = turn
            .map_err(all_busy)?
            .map_err(|closed| StoreError::Backend { cause: closed.to_string() })?;
        let kept = self.kept();
        let is_fresh = kept.is_none();
        let session = match kept {
            Some(session) => session,
            None => self.connect().await?,
        };
        Ok(Lease { session, is_fresh, pool: self.clone(), _turn: turn })
    }

    /// Asks something that may be asked twice: a connection that died since its last use is
    /// found out only by using it.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        limit: Duration,
        question: impl for<'a> Fn(&'a Session) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        loop {
            let lease = self.lease().await?;
            let answer = timeout(limit, question(&lease.session)).await;
            let answer = answer.unwrap_or_else(|_| Err(silent("a question", limit)));
            let was_stale = !lease.is_fresh && lease.session.client.is_closed();
            match answer {
                Err(StoreError::Unreachable { .. }) if was_stale => {}
                Err(error) => return Err(error),
                Ok(answer) => {
                    lease.give_back();
                    return Ok(answer);
                }
            }
        }
    }

    fn kept(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|session| !session.client.is_closed());
        idle.pop()
    }

    async fn connect(&self) -> Result<Session, StoreError> {
        let connecting = timeout(CONNECT_TIMEOUT, self.config.connect(NoTls)).await;
        let connecting = connecting.map_err(|_| silent("the greeting", CONNECT_TIMEOUT))?;
        let (client, connection) = connecting.map_err(|error| store_error(&error))?;
        // Ends with the client, or with the server; then the client says so.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok(Session { client, statements: Mutex::default() })
    }
}

impl Lease {
    /// Keeps the connection for others: nothing is open on it.
    pub(super) fn give_back(self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
    }
}

impl Session {
    /// A statement, prepared once a connection.
    pub(super) async fn statement(&self, sql: &'static str) -> Result<Statement, StoreError> {
        let known =
            self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await.map_err(|error| store_error(&error))?;
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(statements.entry(sql).or_insert(statement).clone())
    }

    /// Runs statements that have no parameters and no answer.
    pub(super) async fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.client.batch_execute(sql).await.map_err(|error| store_error(&error))
    }
}
