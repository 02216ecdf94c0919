//! `trial.json` and `timeline.csv`: what one arm did under one load in one round. The verdicts
//! on it are in `seals.rs`. Read next: `durable.rs`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Durability, Seals, StoreLedger};

/// `trial.json`: one arm under one load in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// Slug of the arm.
    pub arm: String,
    /// Slug of the load.
    pub load: String,
    /// From 1.
    pub round: u32,
    /// Place of the arm within its round, from 1.
    pub order: u32,
    /// Start of the window, RFC 3339, UTC.
    pub started_utc: String,
    /// SHA-256 over the due times of the window and warm-up.
    pub schedule_sha256: String,
    /// Length of the window.
    pub window_ns: u64,
    /// Batches due in the window, a second.
    pub offered_per_s: f64,
    /// Batches due in the window and acknowledged in time, a second.
    pub achieved_per_s: f64,
    /// The accounts of the batches due in the window.
    pub outcomes: Outcomes,
    /// Latencies and their parts.
    pub latencies: Latencies,
    /// The slowest answers, as single events.
    pub slowest: Vec<SlowAnswer>,
    /// What the system and the generator spent.
    pub cost: Cost,
    /// What was kept of what was acknowledged; covers warm-up and window.
    pub ledger: Ledger,
    /// The verdicts.
    pub seals: Seals,
    /// Faults that were made on purpose during the trial.
    pub faults: Vec<FaultEvent>,
    /// Why the trial ended before its time, if it did.
    pub ended_early: Option<String>,
    /// What a subscriber saw of the way into the store; none: no store, or no subscriber.
    #[serde(default)]
    pub durability: Option<Durability>,
}

/// scheduled = acked + refused + `timed_out` + broken + overflowed + censored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    /// Due.
    pub scheduled: u64,
    /// Acknowledged within the timeout.
    pub acked: u64,
    /// Answered with a refusal, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Not answered within the timeout.
    pub timed_out: u64,
    /// Their connection broke after they were sent.
    pub broken: u64,
    /// Never sent: too many were waiting.
    pub overflowed: u64,
    /// Unanswered when the trial had to end.
    pub censored: u64,
    /// Flag, not an outcome: released within 10 ms of their due time.
    pub released_on_time: u64,
}

impl Outcomes {
    /// Batches whose latency ranks as infinite: timed out, overflowed, censored.
    pub fn unanswered(&self) -> u64 {
        self.timed_out + self.overflowed + self.censored
    }

    /// Batches that failed at once, shown as a rate beside the percentiles.
    pub fn failed(&self) -> u64 {
        self.broken + self.refused.values().sum::<u64>()
    }

    /// Whether every scheduled batch is accounted for.
    pub fn balances(&self) -> bool {
        self.scheduled == self.acked + self.unanswered() + self.failed()
    }
}

/// Everything is counted from when the batch was due, but for `service` and `queued`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// Due to acknowledged; unanswered batches rank as infinite.
    pub ack: Distribution,
    /// Sent to acknowledged: diagnostic only.
    pub service: Distribution,
    /// Due to released: the generator's own fault.
    pub lateness: Distribution,
    /// Released to sent: waiting for a connection.
    pub queued: Distribution,
    /// Due to seen by a live subscriber, of the sampled batches that were acknowledged; those
    /// never seen rank as infinite.
    pub live: Option<Distribution>,
    /// Due to known as committed, of the same batches; those never heard of rank as infinite.
    pub durable: Option<Distribution>,
}

/// The percentiles that records carry.
pub const QUANTILES: [f64; 6] = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];

/// A latency distribution in figures; the whole of it is in the `.hlog` file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Recorded values.
    pub count: u64,
    /// Batches that rank as infinite above all recorded values.
    pub unanswered: u64,
    /// Smallest recorded value.
    pub min_ns: u64,
    /// Largest recorded value.
    pub max_ns: u64,
    /// One entry for each of [`QUANTILES`].
    pub quantiles: Vec<Quantile>,
}

impl Distribution {
    /// The entry of a quantile that records carry.
    pub fn at(&self, q: f64) -> Option<&Quantile> {
        self.quantiles.iter().find(|entry| (entry.q - q).abs() < 1e-9)
    }

    /// The value at a quantile, unless it falls among the unanswered.
    pub fn ns_at(&self, q: f64) -> Option<u64> {
        self.at(q).and_then(|entry| entry.ns)
    }
}

/// One percentile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantile {
    /// Between 0 and 1.
    pub q: f64,
    /// None: it falls among the unanswered ("> timeout"), or nothing was recorded.
    pub ns: Option<u64>,
    /// Batches that lie above it; printed from [`SUPPORT_MIN`] on.
    pub support: u64,
    /// About how many independent episodes made the batches above it: slow answers come in
    /// groups. From [`EPISODES_MIN`] on over the trials of a row, arms are ranked by it. None:
    /// not known, as of parts of latencies and when all values are alike.
    #[serde(default)]
    pub episodes: Option<f64>,
    /// Between which values it would lie in 95 % of such trials: lowest and highest. No highest:
    /// "at least the lowest". None where `episodes` is.
    #[serde(default)]
    pub interval_ns: Option<(Option<u64>, Option<u64>)>,
}

/// A percentile is printed when so many batches lie above it.
pub const SUPPORT_MIN: u64 = 10;

/// Arms are ranked by a percentile when so many episodes lie above it, over all their trials.
pub const EPISODES_MIN: f64 = 10.0;

/// One slow answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowAnswer {
    /// Due, from the start of the window.
    pub due_ns: u64,
    /// Due to acknowledged.
    pub ack_ns: u64,
    /// Due to released.
    pub lateness_ns: u64,
}

/// What it cost. "None" means that it was not ours to measure.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Processor time of the server, microseconds for each acknowledged metric.
    pub server_cpu_us_per_metric: Option<f64>,
    /// The same of its backend: Redis, and the store's server.
    pub backend_cpu_us_per_metric: Option<f64>,
    /// The same of workers in processes of their own; one inside the server is the server's.
    #[serde(default)]
    pub worker_cpu_us_per_metric: Option<f64>,
    /// Processor time of the generator's thread without spinning, microseconds for each batch due.
    pub generator_cpu_us_per_batch: f64,
    /// What it spun before due times, microseconds for each batch due; in no other figure. None: it
    /// slept until they were due.
    #[serde(default)]
    pub generator_spin_us_per_batch: Option<f64>,
    /// Processor time of the link between both, microseconds for each batch due; in no other
    /// figure.
    pub link_cpu_us_per_batch: Option<f64>,
    /// Share of its core that the generator used without spinning, 0 to 1.
    pub generator_core_share: f64,
    /// Share of its core that it spun, 0 to 1; none: it slept.
    #[serde(default)]
    pub generator_spin_core_share: Option<f64>,
    /// Largest resident memory of the server, bytes.
    pub server_peak_rss_bytes: Option<u64>,
    /// Largest resident memory of its backend, bytes.
    pub backend_peak_rss_bytes: Option<u64>,
    /// Context switches of the server, for each batch due.
    pub server_switches_per_batch: Option<f64>,
    /// Payload bytes on the wire from the client, for each metric; without TCP/IP headers.
    pub sent_bytes_per_metric: f64,
    /// Payload bytes on the wire to the client, for each metric.
    pub received_bytes_per_metric: f64,
}

impl Cost {
    /// Server, backend and workers together.
    pub fn cpu_us_per_metric(&self) -> Option<f64> {
        let server = self.server_cpu_us_per_metric?;
        let others = [self.backend_cpu_us_per_metric, self.worker_cpu_us_per_metric];
        Some(server + others.into_iter().flatten().sum::<f64>())
    }
}

/// What is kept of what was acknowledged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Every batch that was due, warm-up included, by outcome.
    pub outcomes: Outcomes,
    /// Batches that the log holds; none when it could not be asked.
    pub present: Option<u64>,
    /// Acknowledged, but not in the log: first and last of each range of sequences.
    pub missing: Vec<(u64, u64)>,
    /// In the log more than once.
    pub twice: Vec<(u64, u64)>,
    /// In the log, though never acknowledged: not a fault.
    pub indeterminate: u64,
    /// Stored after a batch with a larger sequence.
    pub out_of_order: u64,
    /// Sampled batches that a live subscriber should have seen, and those that it saw.
    pub live_due: u64,
    /// See `live_due`.
    pub live_seen: u64,
    /// Why there was no audit.
    pub not_audited: Option<String>,
    /// What the store held in the end; none: there is no store.
    #[serde(default)]
    pub store: Option<StoreLedger>,
}

/// A fault made on purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultEvent {
    /// From the start of the window; negative during warm-up.
    pub at_ns: i64,
    /// For people: "redis stopped", "redis continued", "server killed".
    pub what: String,
}

/// One line of `timeline.csv`: the batches due in one slice of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Slice {
    /// Start of the slice, from the start of the window.
    pub due_ms: i64,
    /// Due in it.
    pub scheduled: u64,
    /// Of those, acknowledged in time.
    pub acked: u64,
    /// Of those, refused or broken.
    pub failed: u64,
    /// Of those, unanswered.
    pub unanswered: u64,
    /// Median ack, if any.
    pub ack_p50_ns: Option<u64>,
    /// 99th percentile of ack, if any.
    pub ack_p99_ns: Option<u64>,
    /// Largest ack, if any.
    pub ack_max_ns: Option<u64>,
    /// Largest lateness, if any.
    pub lateness_max_ns: Option<u64>,
    /// Sent or waiting and unanswered at the end of the slice.
    pub backlog: u64,
}
