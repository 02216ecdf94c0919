//! Real pipelines for the suite: HTTP/1.1 or WebSocket, and the memory log, and a door that can be told to
//! break one rule. The program has its own; this one is the shortest that works.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use tailrace_backend::{LocalBus, MemoryLimits, MemoryLog};
use tailrace_conformance::{GatedLog, NOTICES, Subject};
use tailrace_contract::ingest::Accepted;
use tailrace_contract::{
    Answer, Batch, BatchId, BoxFuture, Caller, Drained, Ingest, Log, Options, Problem, Producer,
    RunId, Server, Tenant, Wire,
    codec::{self, Decoded},
};
use tailrace_http1::Http1Wire;
use tailrace_service::{Counted, Observer};
use tailrace_ws::WsWire;

/// A transport, with how many requests wait on one connection at most.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Transport {
    Http1(usize),
    Ws(usize),
}

/// A rule that a door can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Answers before the log has promised.
    AcksEarly,
    /// Acknowledges every tenth batch without keeping it.
    Loses,
    /// Appends every tenth batch twice.
    Doubles,
    /// Lets one batch at a time to the log, of all connections.
    OneAtATime,
    /// Takes what is no batch, and keeps nothing.
    TakesAnything,
    /// Names every batch that has no name the same.
    OneName,
    /// Answers 202 when the log failed.
    HidesFailure,
}

/// The shortest door: decode, name, append.
#[derive(Clone)]
struct Door {
    log: GatedLog,
    next: Arc<AtomicU64>,
    fault: Fault,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Door {
    fn spare_seq(&self) -> u64 {
        if self.fault == Fault::OneName { 0 } else { self.next.fetch_add(1, Ordering::Relaxed) }
    }

    fn name(&self, run: Option<RunId>, producer: Option<Producer>, seq: Option<u64>) -> BatchId {
        BatchId {
            tenant: Tenant::open(),
            run: run.unwrap_or(RunId(1)),
            producer: producer.unwrap_or(Producer("anonymous".into())),
            seq: seq.unwrap_or_else(|| self.spare_seq()),
        }
    }
}

impl Ingest for Door {
    fn admit(&self, caller: &Caller, body: Bytes) -> impl Future<Output = Answer> + Send + 'static {
        let (door, caller) = (self.clone(), caller.clone());
        async move {
            match codec::decode(&body) {
                Ok(decoded) => door.take(&caller, decoded, body).await,
                Err(_) if door.fault == Fault::TakesAnything => accepted(None, 1),
                Err(refused) => Answer { seq: refused.seq, outcome: Err(refused.problem) },
            }
        }
    }
}

fn accepted(seq: Option<u64>, metrics: usize) -> Answer {
    Answer { seq, outcome: Ok(Accepted { metrics, assigned: None }) }
}

impl Door {
    async fn take(&self, caller: &Caller, decoded: Decoded, body: Bytes) -> Answer {
        let Decoded { producer, seq, metrics } = decoded;
        let id = self.name(caller.run, producer, seq);
        let (tenth, count) = (id.seq % 10 == 9, metrics.len());
        let batch = Batch { id, received_ms: 0, metrics };
        if self.fault == Fault::Loses && tenth {
            return accepted(seq, count);
        }
        let append = self.log.append(batch.clone(), body.clone());
        let outcome = match self.fault {
            Fault::AcksEarly => {
                tokio::spawn(append);
                return accepted(seq, count);
            }
            Fault::Doubles if tenth => append.await.and(self.log.append(batch, body).await),
            Fault::OneAtATime => {
                let _turn = self.turn.lock().await;
                append.await
            }
            _ => append.await,
        };
        match outcome {
            Err(fault) if self.fault != Fault::HidesFailure => {
                Answer { seq, outcome: Err(Problem::from(fault)) }
            }
            _ => accepted(seq, count),
        }
    }
}

pub(crate) struct Served {
    gate: GatedLog,
    ingest: SocketAddr,
    observer: SocketAddr,
    transport: Mutex<Option<Box<dyn Server>>>,
    /// Serves until it is dropped. In a mutex only because servers cannot be shared.
    _serving: Mutex<Box<dyn Server>>,
    kind: Transport,
}

/// Serves a fresh pipeline.
pub(crate) async fn serve(kind: Transport, fault: Fault) -> Result<Served> {
    let bus = Arc::new(LocalBus::with_capacity(NOTICES));
    let log = MemoryLog::start(Arc::clone(&bus) as _, MemoryLimits::default());
    let gate = GatedLog::new(log);
    let door =
        Counted::new(Door { log: gate.clone(), next: Arc::default(), turn: Arc::default(), fault });
    let mut parts = Observer::new("suite", door.clone(), Arc::new(gate.clone()), bus);
    parts.counts = Some(door.counts());
    let loopback = || TcpListener::bind("127.0.0.1:0");
    let observer =
        tailrace_service::serve(loopback()?, parts, tailrace_service::Limits::default(), None)
            .await?;
    let options = Options::default();
    let transport = match kind {
        Transport::Http1(_) => {
            tailrace_http1::serve(loopback()?, door, tailrace_http1::Limits::default(), &options)?
        }
        Transport::Ws(_) => {
            tailrace_ws::serve(loopback()?, door, tailrace_ws::Limits::default(), &options)?
        }
    };
    Ok(Served {
        gate,
        ingest: transport.addresses()[0],
        observer: observer.addresses()[0],
        transport: Mutex::new(Some(transport)),
        _serving: Mutex::new(observer),
        kind,
    })
}

impl Subject for Served {
    fn name(&self) -> &'static str {
        match self.kind {
            Transport::Http1(_) => "http1-memory",
            Transport::Ws(_) => "ws-memory",
        }
    }

    fn ingest(&self) -> SocketAddr {
        self.ingest
    }

    fn observer(&self) -> SocketAddr {
        self.observer
    }

    fn wire(&self, run: Option<RunId>) -> Box<dyn Wire> {
        let authority = self.ingest.to_string();
        match self.kind {
            Transport::Http1(depth) => Box::new(Http1Wire::new(&authority, depth)),
            Transport::Ws(in_flight) => {
                Box::new(WsWire::new(&authority, "/v1/ingest", run, in_flight))
            }
        }
    }

    fn gate(&self) -> &GatedLog {
        &self.gate
    }

    fn drain(&self, deadline: Duration) -> BoxFuture<'_, Drained> {
        let transport = self.transport.lock().unwrap().take();
        transport.expect("drained once").drain(deadline)
    }
}
