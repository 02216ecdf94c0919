//! The door of every pipeline: validation, then the log. What a transport calls when it has
//! read a body.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tailrace_contract::codec::{Decoded, decode};
use tailrace_contract::ingest::Accepted;
use tailrace_contract::{
    Answer, Batch, BatchId, BoxFuture, Caller, Ingest, Log, LogError, Position, Producer, RunId,
    Tenant,
};

/// Validates and appends.
#[derive(Clone)]
pub struct Door {
    log: Arc<dyn Log>,
    own: Arc<Own>,
}

/// What the server puts in where a client left something out.
struct Own {
    tenant: Tenant,
    run: RunId,
    producer: Producer,
    next: AtomicU64,
}

/// A batch on its way into the log.
struct Admitted {
    seq: Option<u64>,
    accepted: Accepted,
    append: BoxFuture<'static, Result<Position, LogError>>,
}

impl Door {
    /// A door in front of a log. `run` names this start of the server.
    pub fn new(log: Arc<dyn Log>, run: RunId) -> Self {
        let producer = Producer("server".into());
        let own = Own { tenant: Tenant::open(), run, producer, next: AtomicU64::new(0) };
        Self { log, own: Arc::new(own) }
    }

    fn start(&self, caller: &Caller, body: Bytes) -> Result<Admitted, Answer> {
        let decoded = decode(&body)
            .map_err(|refused| Answer { seq: refused.seq, outcome: Err(refused.problem) })?;
        let Decoded { producer, seq, metrics } = decoded;
        let count = metrics.len();
        let (id, assigned) = self.own.identify(caller, producer, seq);
        let batch = Batch { id, received_ms: wall_ms(), metrics };
        let append = self.log.append(batch, body);
        Ok(Admitted { seq, accepted: Accepted { metrics: count, assigned }, append })
    }
}

impl Own {
    /// The client's identity when it is complete, otherwise one of the server's own.
    fn identify(
        &self,
        caller: &Caller,
        producer: Option<Producer>,
        seq: Option<u64>,
    ) -> (BatchId, Option<BatchId>) {
        let tenant = self.tenant.clone();
        if let (Some(run), Some(seq)) = (caller.run, seq) {
            let producer = producer.unwrap_or_else(|| self.producer.clone());
            return (BatchId { tenant, run, producer, seq }, None);
        }
        let producer = self.producer.clone();
        let seq = self.next.fetch_add(1, Relaxed);
        let id = BatchId { tenant, run: self.run, producer, seq };
        (id.clone(), Some(id))
    }
}

impl Ingest for Door {
    fn admit(&self, caller: &Caller, body: Bytes) -> impl Future<Output = Answer> + Send + 'static {
        let started = self.start(caller, body);
        async move {
            let Admitted { seq, accepted, append } = match started {
                Ok(admitted) => admitted,
                Err(answer) => return answer,
            };
            let outcome = append.await.map(|_| accepted).map_err(Into::into);
            Answer { seq, outcome }
        }
    }
}

/// The wall clock, for metrics that bring no time of their own; never for measuring.
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
