//! Fleet, pace and senders joined. Each connection has its own part of the fleet and its own
//! pace: one that stalls delays no other. There is no measuring here but for the counts: the
//! load generator does that.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tailrace_contract::codec::Codec;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::fleet::{Fleet, FleetConfig, FleetError, share_of};
use crate::pace::{Burst, Pace, Pacer};
use crate::sender::{Connect, Sender, SenderConfig, SenderError};
use crate::tally::{SharedTally, Tally};

/// What to produce and how.
#[derive(Debug, Clone)]
pub struct ProduceConfig {
    /// Who reports.
    pub fleet: FleetConfig,
    /// Bursts, if any. They hasten the batches; their contents stay the same.
    pub burst: Option<Burst>,
    /// Connections; never more than there are hosts.
    pub connections: usize,
    /// How the batches are written.
    pub codec: Codec,
    /// For each connection.
    pub sender: SenderConfig,
    /// Ends after so many batches of the fleet; without it only `stop` ends.
    pub limit: Option<u64>,
    /// After the end, time for answers and retries; what has none then is given up.
    pub drain: Duration,
    /// Time between two calls of the progress callback.
    pub progress_every: Duration,
}

/// Producing could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// The fleet makes no sense.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// No connection to produce over.
    #[error("0 connections: at least one is needed")]
    Connections,
    /// The first connection failed.
    #[error(transparent)]
    Sender(#[from] SenderError),
}

/// What came of it: `due = acked + refused + gave_up + unsent`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProduceReport {
    /// Batches that were due until the end.
    pub due: u64,
    /// Batches that were due and never handed to a connection: it had no room in time.
    pub unsent: u64,
    /// The outcomes of those that were.
    #[serde(flatten)]
    pub tally: Tally,
    /// From the start until pacing ended, without the time to drain, in seconds.
    pub elapsed_s: f64,
    /// Batches handed over per second of that time.
    pub rate_per_s: f64,
    /// Longest time from a due time until the batch was handed over, in milliseconds.
    pub late_ms_max: f64,
    /// Connections that were lost for good, and why.
    pub faults: Vec<String>,
}

/// One connection's part of the fleet.
struct Part {
    number: usize,
    codec: Codec,
    fleet: Fleet,
    pacer: Pacer,
    sender: Sender,
}

/// How a part ended.
struct PartEnd {
    number: usize,
    /// When pacing ended; nothing when the connection was lost before.
    paced: Option<Duration>,
    late_max: Duration,
    fault: Option<SenderError>,
}

/// Produces until the limit or until `stop`; then what was due is still sent and answers are
/// waited for, at most for [`ProduceConfig::drain`]. `progress` is called on this task and
/// must not block. Dropping the future abandons what is in flight.
///
/// # Errors
/// The configuration makes no sense or the first connections fail. What goes wrong later is
/// counted in the report.
pub async fn produce(
    config: ProduceConfig,
    addr: SocketAddr,
    connect: Connect,
    stop: CancellationToken,
    mut progress: impl FnMut(&Tally),
) -> Result<ProduceReport, ProduceError> {
    let tally = SharedTally::default();
    let parts = config.connections.min(config.fleet.hosts);
    let mut running = JoinSet::new();
    let senders = open(&config, parts, addr, &connect, &tally).await?;
    let start = Instant::now();
    let pace = Pace::new(config.fleet.every, config.fleet.hosts, config.burst);
    for (number, sender) in senders.into_iter().enumerate() {
        let fleet = Fleet::part(config.fleet.clone(), number, parts)?;
        let codec = config.codec;
        let part = Part { number, codec, fleet, pacer: Pacer::new(pace, start), sender };
        running.spawn(part.run(start, config.limit, config.drain, stop.clone()));
    }
    let mut ends = Vec::new();
    loop {
        tokio::select! {
            ended = running.join_next() => match ended {
                Some(Ok(end)) => ends.push(end),
                // A panic is a bug of ours: it must not look like a quiet end.
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                None => break,
            },
            () = sleep(config.progress_every) => progress(&tally.snapshot()),
        }
    }
    Ok(report(&config, pace, start, parts, &ends, tally.snapshot()))
}

async fn open(
    config: &ProduceConfig,
    parts: usize,
    addr: SocketAddr,
    connect: &Connect,
    tally: &SharedTally,
) -> Result<Vec<Sender>, ProduceError> {
    if parts == 0 && config.fleet.hosts > 0 {
        return Err(ProduceError::Connections);
    }
    // A fleet that makes no sense is told before anything is opened.
    Fleet::part(config.fleet.clone(), 0, parts.max(1))?;
    let mut senders = Vec::with_capacity(parts);
    for number in 0..parts {
        let seed = config.fleet.seed ^ number as u64;
        let settings = config.sender.clone();
        senders.push(Sender::connect(addr, connect.clone(), settings, seed, tally.clone()).await?);
    }
    Ok(senders)
}

impl Part {
    async fn run(
        mut self,
        start: Instant,
        limit: Option<u64>,
        drain: Duration,
        stop: CancellationToken,
    ) -> PartEnd {
        let cut = async {
            stop.cancelled().await;
            sleep(drain).await;
        };
        tokio::pin!(cut);
        let paced = tokio::select! {
            paced = self.pace(start, limit, &stop) => paced,
            () = &mut cut => Some(start.elapsed().saturating_sub(drain)),
        };
        let late_max = self.pacer.report().late_max;
        // Back-pressure after the stop has used up part of the time to drain.
        let over = start + paced.unwrap_or_default() + drain;
        let fault = self.sender.finish(over.saturating_duration_since(Instant::now())).await.err();
        PartEnd { number: self.number, paced, late_max, fault }
    }

    /// Sends every batch when it is due. After `stop` only what was due before. When pacing
    /// ended, or nothing when the sender has ended.
    async fn pace(
        &mut self,
        start: Instant,
        limit: Option<u64>,
        stop: &CancellationToken,
    ) -> Option<Duration> {
        let mut stopped = None;
        let mut metrics = Vec::new();
        while let Some(ordinal) = self.fleet.next_ordinal() {
            let over = limit.is_some_and(|limit| ordinal >= limit);
            // A whole number of intervals makes the rate exact: the end is a due time too.
            let moment = if over { limit.unwrap_or(ordinal) } else { ordinal };
            if stopped.is_none() {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => stopped = Some(start.elapsed()),
                    () = self.pacer.wait(moment) => {}
                }
            }
            if over || stopped.is_some_and(|at| !self.pacer.is_due(moment, at)) {
                break;
            }
            let head = self.fleet.next_batch(&mut metrics)?;
            let mut body = Vec::with_capacity(256 * metrics.len());
            self.codec.encode_batch(&head.producer, head.seq, &metrics, &mut body);
            self.sender.send(ordinal, metrics.len(), body).await.ok()?;
            self.pacer.sent(ordinal);
        }
        Some(stopped.unwrap_or_else(|| start.elapsed()))
    }
}

fn report(
    config: &ProduceConfig,
    pace: Pace,
    start: Instant,
    parts: usize,
    ends: &[PartEnd],
    tally: Tally,
) -> ProduceReport {
    let paced = ends.iter().filter_map(|end| end.paced).max();
    // All connections were lost: everything until now was due.
    let paced = paced.unwrap_or_else(|| start.elapsed());
    let due_of = |end: &PartEnd| {
        let due = pace.due_by(end.paced.unwrap_or(paced)).min(config.limit.unwrap_or(u64::MAX));
        share_of(due, config.fleet.hosts, end.number, parts)
    };
    let due = ends.iter().map(due_of).sum::<u64>();
    let late_max = ends.iter().map(|end| end.late_max).max().unwrap_or_default();
    ProduceReport {
        due,
        unsent: due.saturating_sub(tally.sent),
        elapsed_s: paced.as_secs_f64(),
        rate_per_s: tally.sent as f64 / paced.as_secs_f64(),
        late_ms_max: late_max.as_secs_f64() * 1e3,
        faults: ends.iter().filter_map(|end| end.fault.as_ref().map(ToString::to_string)).collect(),
        tally,
    }
}
