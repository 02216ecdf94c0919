//! `calibration.json`: the instrument against servers of known behaviour, and other tools on
//! the same servers. How the figures are judged is said in [`crate::calibration`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arrivals, Build, Machine, Measurement, Placement};

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// Version of the program.
    pub tailrace_version: String,
    /// Start, RFC 3339, UTC.
    pub started_utc: String,
    /// The command line.
    pub command: Vec<String>,
    /// Where it ran.
    pub machine: Machine,
    /// What ran.
    pub build: Build,
    /// Who had which core.
    pub placement: Placement,
    /// Everything random comes from here.
    pub seed: u64,
    /// Whether the generator polled without sleeping shortly before each due time, in floors and
    /// cells alike.
    #[serde(default)]
    pub spin: bool,
    /// The bare echo on the same schedules: what the machine does to any figure.
    pub floors: Vec<Floor>,
    /// One trial of this generator each.
    pub cells: Vec<Cell>,
    /// The open loop beside a closed ping-pong, where that was asked.
    #[serde(default)]
    pub ping_pongs: Vec<PingPong>,
    /// The same servers seen by other tools.
    pub peers: Vec<Peer>,
    /// Tools that were asked for and are not here, with how to get them.
    pub absent: Vec<Absent>,
    /// What is to be known of the surroundings.
    pub warnings: Vec<String>,
    /// How many percentiles and counts of the cells got which verdict.
    pub tally: Tally,
}

/// The floor under one schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Batches a second.
    pub rate_per_s: f64,
    /// When they were due.
    pub arrivals: Arrivals,
    /// Of ack, at the percentiles that are judged.
    pub points: Vec<FloorPoint>,
    /// Largest ack.
    pub max_ns: u64,
    /// Median lateness of the generator.
    pub lateness_p50_ns: Option<u64>,
    /// 99th percentile of it.
    pub lateness_p99_ns: Option<u64>,
    /// Of this trial.
    pub seal: Measurement,
    /// Why, if it is not VALID.
    pub reasons: Vec<String>,
}

impl Floor {
    /// What it needed at a percentile that is judged.
    #[must_use]
    pub fn ns_at(&self, q: f64) -> Option<u64> {
        self.points.iter().find(|point| (point.q - q).abs() < 1e-9)?.ns
    }
}

/// One percentile of the floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FloorPoint {
    /// Between 0 and 1.
    pub q: f64,
    /// None: among the unanswered.
    pub ns: Option<u64>,
}

/// One server under one schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// `http1`, `http2` or `ws`.
    pub protocol: String,
    /// `constant`, `freeze` and so on.
    pub server: String,
    /// Batches a second.
    pub rate_per_s: f64,
    /// When they were due.
    pub arrivals: Arrivals,
    /// Connections.
    pub connections: u32,
    /// Requests in flight on each at most.
    pub in_flight_per_connection: u32,
    /// Length of the window.
    pub window_ns: u64,
    /// Of the batches due in the window, those that were released.
    pub released: u64,
    /// How many should have been.
    pub released_theory: u64,
    /// Of those due, acknowledged in time.
    pub acked: u64,
    /// Verdict on the count.
    pub released_verdict: Verdict,
    /// The percentiles.
    pub points: Vec<Point>,
    /// Largest ack; below ten milliseconds it is the machine's.
    pub max_ns: u64,
    /// Largest ack in theory.
    pub max_theory_ns: Option<u64>,
    /// Median lateness of the generator.
    pub lateness_p50_ns: Option<u64>,
    /// 99th percentile of it.
    pub lateness_p99_ns: Option<u64>,
    /// Processor time of the generator for each batch without spinning, microseconds.
    pub generator_cpu_us_per_batch: f64,
    /// What it spun before due times, for each batch; none: it slept.
    #[serde(default)]
    pub generator_spin_us_per_batch: Option<f64>,
    /// Of the batches due in the window, those for whose release or answer the generator was woken more
    /// than 50 µs late; none: it is not known.
    #[serde(default)]
    pub woken_late_share: Option<f64>,
    /// Of this trial.
    pub seal: Measurement,
    /// Why, if it is not VALID.
    pub reasons: Vec<String>,
}

impl Cell {
    /// What a late server and late wake-ups cost at a percentile that is judged.
    #[must_use]
    pub fn woken_late_ns_at(&self, q: f64) -> Option<u64> {
        let point = self.points.iter().find(|point| (point.q - q).abs() < 1e-9)?;
        Some(point.woken_ns?.saturating_sub(point.theory_ns?))
    }
}

/// One percentile beside its theory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Between 0 and 1.
    pub q: f64,
    /// What it should be; none: among the unanswered.
    pub theory_ns: Option<u64>,
    /// What was measured; none: among the unanswered, or the tool does not say.
    pub measured_ns: Option<u64>,
    /// Measured less theory.
    pub error_ns: Option<i64>,
    /// What theory says with each answer as late as the server's own clock recorded it, and with the
    /// floor's typical round trip between an answer and a request that waited for its connection;
    /// none: the server did not write down all of it.
    #[serde(default)]
    pub served_ns: Option<u64>,
    /// What theory says with that, and with the generator acting only when it was woken, where that was
    /// late; what had piled up leaves at once. None: that is not known.
    #[serde(default)]
    pub woken_ns: Option<u64>,
    /// The same with what had piled up leaving one after the other, each taking the processor time that
    /// a batch cost the generator in this trial: the truth is in between.
    #[serde(default)]
    pub worked_off_ns: Option<u64>,
    /// What is left to the generator when the server's clock is believed: from its answer to ours,
    /// and the generator's own lateness and queueing at this percentile.
    #[serde(default)]
    pub left_ns: Option<i64>,
    /// The verdict.
    pub verdict: Verdict,
}

/// The open loop and a closed ping-pong in turn, on a server that answers at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PingPong {
    /// `http1`, `http2` or `ws`.
    pub protocol: String,
    /// Of the open loop: batches a second at equal distances.
    pub rate_per_s: f64,
    /// Length of each window.
    pub window_ns: u64,
    /// Each pair.
    pub rounds: Vec<PingPongRound>,
    /// Median over the rounds of: p50 of the open loop less p50 of the ping-pong.
    pub difference_ns: Option<i64>,
    /// The most that passes.
    pub difference_ns_max: u64,
    /// Median over the rounds of the generator's lateness at p99 in the open loop.
    pub lateness_p99_ns: Option<u64>,
    /// The most that passes.
    pub lateness_p99_ns_max: u64,
    /// Whether both pass.
    pub verdict: Verdict,
}

/// One pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PingPongRound {
    /// One connection, one batch at a time, closed loop: p50.
    pub closed_p50_ns: Option<u64>,
    /// The open loop: p50 from due to acknowledged.
    pub open_p50_ns: Option<u64>,
    /// The generator's lateness in the open loop.
    pub lateness_p99_ns: Option<u64>,
    /// Of the open loop's trial.
    pub seal: Measurement,
    /// Why, if it is not VALID.
    pub reasons: Vec<String>,
}

/// What an error is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within what is allowed.
    Pass,
    /// Beyond it.
    Fail,
    /// Theory jumps beside this rank, so a single batch more or less decides: not judged.
    Knee,
    /// Too few batches lie above it: not judged.
    TooFew,
    /// Beyond what is allowed of theory, but not of what the server's own clock says that it did in
    /// this trial: not judged.
    Server,
    /// Beyond what is allowed, but not beyond what the machine did to the floor or by taking the
    /// cores away, or the seal strikes this percentile: not judged.
    Machine,
    /// Nothing to compare.
    Absent,
}

/// Another tool on one of the servers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name, with what sets this way of using it apart.
    pub tool: String,
    /// What it says of its version.
    pub version: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Whether it keeps to a rate or sends whenever it has an answer.
    pub closed_loop: bool,
    /// What it spoke.
    pub protocol: String,
    /// The server.
    pub server: String,
    /// The rate that it was asked for, or that theory is made with.
    pub rate_per_s: f64,
    /// Length of its run.
    pub window_ns: u64,
    /// Requests that it sent, as it says.
    pub sent: Option<u64>,
    /// How many should have been.
    pub sent_theory: u64,
    /// The percentiles.
    pub points: Vec<Point>,
    /// Why there are none.
    pub failed: Option<String>,
}

/// A tool that is not installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// Its name.
    pub tool: String,
    /// How to get it.
    pub how: String,
}

/// How many of each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Within what is allowed.
    pub passed: u64,
    /// Beyond it.
    pub failed: u64,
    /// On a knee.
    pub knees: u64,
    /// With too few batches above.
    pub too_few: u64,
    /// The server's of known behaviour, by its own clock.
    #[serde(default)]
    pub server: u64,
    /// The machine's.
    pub machine: u64,
    /// Trials whose measurement is INVALID.
    pub invalid_trials: u64,
}
