//! What lies behind the acknowledgement: how long batches were acknowledged and not yet in the
//! store, what the store held in the end, and how long it took to get there. How exposure is
//! computed is said in [`crate::exposure`]. Read next: `seals.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Spread;

/// How an arm's batches get into a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSetup {
    /// Which store.
    pub kind: StoreKind,
    /// Worker processes beside the server; 0: one worker inside it.
    pub workers: u32,
    /// How the server itself writes there, before it answers: then no worker is in between, and
    /// durable is ack. None: workers do.
    #[serde(default)]
    pub insert: Option<Insert>,
}

/// How a server that commits before it answers writes the rows of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Insert {
    /// A statement for each row, one after the other.
    Row,
    /// One statement for all rows.
    Rows,
    /// COPY.
    Copy,
}

impl Insert {
    /// All of them, the dearest first.
    pub const ALL: [Self; 3] = [Self::Row, Self::Rows, Self::Copy];

    /// Its name, as experiments and command lines write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Rows => "rows",
            Self::Copy => "copy",
        }
    }
}

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// SQLite, a file of the server's.
    Sqlite,
    /// A PostgreSQL of the run's own.
    Postgres,
}

impl StoreKind {
    /// Its name, as experiments and command lines write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// What a subscriber's sample says about the way into the store. In `trial.json` of trials with a
/// store and a subscriber, and of arms that commit before they answer, where nobody has to look:
/// what they acknowledged is committed, and nothing is exposed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Durability {
    /// Sampled batches that were acknowledged, warm-up included.
    pub due: u64,
    /// Of those, the ones that the subscriber was told to be committed.
    pub seen: u64,
    /// The others: nothing was heard of them before the drain's own time-out.
    pub censored: u64,
    /// Acknowledged and not yet known as committed, over the window.
    pub exposure: Exposure,
    /// What the worker says itself, where it runs in the server; none: nobody could be asked.
    pub batch_age: Option<BatchAge>,
    /// The last fault until no more was exposed than before the first; none: no fault in the
    /// window, or it did not get there before the window's end.
    pub recovered_after_fault_ms: Option<f64>,
}

/// Metrics that were acknowledged and not yet durable.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exposure {
    /// Integral over the window: metrics × milliseconds.
    pub metric_ms: f64,
    /// Half of a 95 % interval around it, for what the sample leaves open; 0: every batch was in
    /// the sample.
    pub metric_ms_error: f64,
    /// The integral divided by the window: how many metrics were exposed on average.
    pub metrics_mean: f64,
    /// The most at one moment, scaled from the sample: a peak of noise is in it.
    pub metrics_max: f64,
}

/// Time of arrival to commit, by the worker's and the server's wall clocks: without the way to
/// the server, and without the notification.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchAge {
    /// Batches committed while the trial ran.
    pub batches: u64,
    /// Mean.
    pub mean_ms: f64,
    /// Upper bound of the bucket in which the 99th percentile lies; none: above all bounds.
    pub p99_at_most_ms: Option<f64>,
}

/// What the store held when it had caught up. In `ledger.json` of trials with a store.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreLedger {
    /// Batches that it holds; none when it could not be asked.
    pub present: Option<u64>,
    /// Rows that it holds of the run.
    pub metrics: u64,
    /// Rows that the batches it holds should have.
    pub metrics_expected: u64,
    /// Acknowledged, but not in the store: first and last of each range of sequences.
    pub missing: Vec<(u64, u64)>,
    /// In the store more than once.
    pub twice: Vec<(u64, u64)>,
    /// In the store, though never acknowledged: not a fault.
    pub indeterminate: u64,
    /// End of the window until everything that was acknowledged was in the store, to within the
    /// pause between two questions; none: it never was, or could not be asked.
    pub drained_ms: Option<f64>,
    /// Why there was no audit of it.
    pub not_audited: Option<String>,
}

impl StoreLedger {
    /// What is wrong with it, as a clause; none: nothing.
    pub fn fault(&self) -> Option<String> {
        let size = |ranges: &[(u64, u64)]| -> u64 {
            ranges.iter().map(|(first, last)| last - first + 1).sum()
        };
        let (missing, twice) = (size(&self.missing), size(&self.twice));
        let rows = (self.present.is_some() && self.metrics != self.metrics_expected)
            .then(|| format!("{} rows where {} belong", self.metrics, self.metrics_expected));
        let parts = [
            (missing > 0).then(|| format!("{missing} acknowledged missing")),
            (twice > 0).then(|| format!("{twice} acknowledged stored twice")),
            rows,
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// What the trials with a subscriber say behind the acknowledgement, over all rounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DurableRow {
    /// p50 of durable.
    pub p50: Spread,
    /// p99 of durable.
    pub p99: Spread,
    /// Sampled and acknowledged.
    pub due: u64,
    /// Of those, known as committed.
    pub seen: u64,
    /// Metrics exposed on average over a window: median of the trials.
    pub exposed_metrics_mean: Option<f64>,
    /// The most exposed at one moment: largest of the trials.
    pub exposed_metrics_max: Option<f64>,
    /// The worker's own mean age of a batch: median of the trials.
    pub batch_age_ms_mean: Option<f64>,
    /// End of the window until the store had everything: largest of the trials.
    pub drained_ms: Option<f64>,
    /// The arm commits before it answers: durable is ack, of every batch, and no subscriber's word.
    #[serde(default)]
    pub is_ack: bool,
}
