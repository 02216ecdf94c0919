//! The door of every pipeline: the gate where there is one, validation, then the log. What a
//! transport calls when it has read a body.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tailrace_contract::codec::{Decoded, decode};
use tailrace_contract::ingest::Accepted;
use tailrace_contract::{
    Answer, Batch, BatchId, BoxFuture, Caller, Ingest, Log, LogError, Position, Problem, Producer,
    RunId, Tenant,
};
use tailrace_service::Gate;
use tailrace_service::gate::Admission;

/// Validates and appends.
#[derive(Clone)]
pub struct Door {
    log: Arc<dyn Log>,
    own: Arc<Own>,
    /// None: everybody may send, and everything belongs to the tenant `open`.
    gate: Option<Gate>,
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

/// How far a body came at once.
enum Started {
    Into(Admitted),
    /// The gate must ask somebody first.
    Later(BoxFuture<'static, Result<Admitted, Answer>>),
}

impl Door {
    /// A door in front of a log. `run` names this start of the server.
    pub fn new(log: Arc<dyn Log>, run: RunId, gate: Option<Gate>) -> Self {
        let producer = Producer("server".into());
        let own = Own { tenant: Tenant::open(), run, producer, next: AtomicU64::new(0) };
        Self { log, own: Arc::new(own), gate }
    }

    fn start(&self, caller: &Caller, body: Bytes) -> Result<Started, Answer> {
        let Some(gate) = &self.gate else {
            return self.append(self.own.tenant.clone(), caller.run, body).map(Started::Into);
        };
        let Admission { tenant, wait } = gate.admit(caller).map_err(|why| refusal(&body, why))?;
        let Some(wait) = wait else {
            return self.append(tenant, caller.run, body).map(Started::Into);
        };
        let (door, run) = (self.clone(), caller.run);
        Ok(Started::Later(Box::pin(async move {
            wait.await.map_err(|why| refusal(&body, why))?;
            door.append(tenant, run, body)
        })))
    }

    fn append(&self, tenant: Tenant, run: Option<RunId>, body: Bytes) -> Result<Admitted, Answer> {
        let decoded = decode(&body)
            .map_err(|refused| Answer { seq: refused.seq, outcome: Err(refused.problem) })?;
        let Decoded { producer, seq, metrics } = decoded;
        let count = metrics.len();
        let (id, assigned) = self.own.identify((tenant, run), producer, seq);
        let batch = Batch { id, received_ms: wall_ms(), metrics };
        let append = self.log.append(batch, body);
        Ok(Admitted { seq, accepted: Accepted { metrics: count, assigned }, append })
    }
}

impl Own {
    /// The client's identity when it is complete, otherwise one of the server's own.
    fn identify(
        &self,
        (tenant, run): (Tenant, Option<RunId>),
        producer: Option<Producer>,
        seq: Option<u64>,
    ) -> (BatchId, Option<BatchId>) {
        if let (Some(run), Some(seq)) = (run, seq) {
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
            let admitted = match started {
                Ok(Started::Into(admitted)) => Ok(admitted),
                Ok(Started::Later(later)) => later.await,
                Err(answer) => Err(answer),
            };
            let Admitted { seq, accepted, append } = match admitted {
                Ok(admitted) => admitted,
                Err(answer) => return answer,
            };
            let outcome = append.await.map(|_| accepted).map_err(Into::into);
            Answer { seq, outcome }
        }
    }

    fn asks(&self) -> bool {
        self.gate.is_some()
    }

    fn recognise(&self, caller: &mut Caller) -> Result<(), Problem> {
        self.gate.as_ref().map_or(Ok(()), |gate| gate.recognise(caller))
    }

    fn welcome(
        &self,
        caller: Caller,
    ) -> impl Future<Output = Result<Caller, Problem>> + Send + 'static {
        let gate = self.gate.clone();
        async move {
            match gate {
                Some(gate) => gate.welcome(caller).await,
                None => Ok(caller),
            }
        }
    }
}

/// The gate's refusal. Whoever sends messages must be told which one it was, so the body is read
/// for that alone.
fn refusal(body: &Bytes, problem: Problem) -> Answer {
    let seq = decode(body).map_or_else(|refused| refused.seq, |decoded| decoded.seq);
    Answer { seq, outcome: Err(problem) }
}

/// The wall clock, for metrics that bring no time of their own; never for measuring.
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
