//! What `tailrace load` says of one load on anybody's endpoint: one JSON object with a published
//! schema. It is a trial's record without what only a server of our own can tell: no audit, no
//! cost of the server, no live feed. How the figures come about is said where they are computed:
//! [`crate::recorder`], [`crate::quantile`], [`crate::seals`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Arrivals, Check, Distribution, Measurement, Outcomes, Seals, SlowAnswer};
use crate::seals;

/// Raised when a reader of old reports would misread new ones.
pub const LOAD_SCHEMA_VERSION: u32 = 1;

/// One load on one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadReport {
    /// [`LOAD_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Whom.
    pub endpoint: Endpoint,
    /// With what.
    pub load: LoadAsked,
    /// Start of the window, RFC 3339, UTC.
    pub started_utc: String,
    /// Length of the window.
    pub window_ns: u64,
    /// Requests that were due in the window; in a closed loop, those that were sent.
    pub offered: Flow,
    /// Of those, the ones acknowledged in time.
    pub achieved: Flow,
    /// What became of the requests due in the window; they add up to `offered.count`.
    pub outcomes: LoadOutcomes,
    /// Due to acknowledged. Requests that timed out, overflowed or were censored rank above every
    /// value; refused and broken ones do not rank.
    pub ack_ns: Percentiles,
    /// Sent to acknowledged: diagnostic only, as it hides every wait before the sending.
    pub service_ns: Percentiles,
    /// Due to released: the generator's own fault.
    pub lateness_ns: Percentiles,
    /// Released to sent: waiting for a connection, which may have to be opened first.
    pub queued_ns: Percentiles,
    /// What became of the connections.
    pub connections: Connections,
    /// Payload bytes on the wire, warm-up and drain included; behind TLS, those of its records.
    pub bytes: WireBytes,
    /// What the generator spent.
    pub generator: Generator,
    /// The slowest answers, as single events.
    pub slowest: Vec<SlowAnswer>,
    /// The verdict on the measurement.
    pub seals: LoadSeals,
    /// What was demanded, and whether it was met.
    pub objectives: Vec<Objective>,
    /// Why it ended before its time, if it did.
    pub ended_early: Option<String>,
}

/// Whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// As it was asked for.
    pub url: String,
    /// `http1`, `http2` or `ws`.
    pub protocol: String,
    /// Whether behind TLS.
    pub tls: bool,
    /// The address that the name stood for; looked up once.
    pub address: String,
    /// The request's method; of a WebSocket none.
    pub method: Option<String>,
    /// What the body of an answer must hold to acknowledge, if anything: one without it is refused,
    /// under its status.
    #[serde(default)]
    pub expected_body: Option<String>,
}

/// Whether the schedule or the answers decide when a request is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Loop {
    /// The schedule decides and never waits.
    Open,
    /// The next request is due when an answer has come: latencies say nothing about waiting.
    Closed,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadAsked {
    /// Open or closed.
    pub r#loop: Loop,
    /// When requests are due; none in a closed loop.
    pub arrivals: Option<Arrivals>,
    /// Requests a second; none in a closed loop.
    pub rate_per_s: Option<f64>,
    /// Connections.
    pub connections: u32,
    /// Requests that may be unanswered on one connection.
    pub per_connection: u32,
    /// Requests that may be sent or waiting at once; past it they overflow.
    pub in_flight_max: u64,
    /// Whether a connection carries more than one request.
    pub keep_alive: bool,
    /// Whether the generator polls without sleeping shortly before each due time, instead of
    /// sleeping until then.
    #[serde(default)]
    pub spin: bool,
    /// Before the window.
    pub warm_up_ns: u64,
    /// From due to too late.
    pub timeout_ns: u64,
    /// Of the schedule and of what is filled into the request.
    pub seed: u64,
    /// SHA-256 over the due times; none in a closed loop.
    pub schedule_sha256: Option<String>,
}

/// How many, and how many a second of the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Requests.
    pub count: u64,
    /// Requests a second.
    pub rate_per_s: f64,
}

impl Flow {
    /// So many in a window of that length.
    pub fn new(count: u64, window_ns: u64) -> Self {
        Self { count, rate_per_s: count as f64 * 1e9 / window_ns.max(1) as f64 }
    }
}

/// Every request that was due ended as exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadOutcomes {
    /// Answered in time with a status that was expected.
    pub acked: u64,
    /// Answered with another, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Not answered within the timeout.
    pub timed_out: u64,
    /// Their connection broke after they were sent, or could not be opened.
    pub broken: u64,
    /// Never sent: too many were waiting.
    pub overflowed: u64,
    /// Unanswered when the load had to end.
    pub censored: u64,
}

impl From<&Outcomes> for LoadOutcomes {
    fn from(outcomes: &Outcomes) -> Self {
        let &Outcomes { acked, ref refused, timed_out, broken, overflowed, censored, .. } =
            outcomes;
        Self { acked, refused: refused.clone(), timed_out, broken, overflowed, censored }
    }
}

/// A distribution in figures, nanoseconds. Null: it falls among the unanswered, or nothing was
/// recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Percentiles {
    /// Recorded values.
    pub count: u64,
    /// Requests that rank above all of them.
    pub unanswered: u64,
    /// Smallest.
    pub min: Option<u64>,
    /// Half of the requests took no longer; the others follow the same rule.
    pub p50: Option<u64>,
    /// 90 %.
    pub p90: Option<u64>,
    /// 95 %.
    pub p95: Option<u64>,
    /// 99 %.
    pub p99: Option<u64>,
    /// 99.9 %.
    pub p99_9: Option<u64>,
    /// 99.99 %.
    pub p99_99: Option<u64>,
    /// Largest; null when some were never answered.
    pub max: Option<u64>,
    /// Largest of those that were.
    pub recorded_max: Option<u64>,
    /// How many requests lie above each: with fewer than ten, a percentile says little.
    pub support: Support,
}

/// Requests that lie above each percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is named after its percentile")]
pub struct Support {
    pub p50: u64,
    pub p90: u64,
    pub p95: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub p99_99: u64,
}

impl From<&Distribution> for Percentiles {
    fn from(distribution: &Distribution) -> Self {
        let ns = |q| distribution.ns_at(q);
        let above = |q| distribution.at(q).map_or(0, |entry| entry.support);
        let Distribution { count, unanswered, min_ns, max_ns, .. } = *distribution;
        let recorded = |ns: u64| (count > 0).then_some(ns);
        Self {
            count,
            unanswered,
            min: recorded(min_ns),
            p50: ns(0.5),
            p90: ns(0.9),
            p95: ns(0.95),
            p99: ns(0.99),
            p99_9: ns(0.999),
            p99_99: ns(0.9999),
            max: recorded(max_ns).filter(|_| unanswered == 0),
            recorded_max: recorded(max_ns),
            support: Support {
                p50: above(0.5),
                p90: above(0.9),
                p95: above(0.95),
                p99: above(0.99),
                p99_9: above(0.999),
                p99_99: above(0.9999),
            },
        }
    }
}

/// What became of the connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// That came to stand, those of the beginning included.
    pub opened: u64,
    /// That stood and were lost without a word.
    pub lost: u64,
    /// Why the last of them was lost, or could not be opened again.
    pub last_loss: Option<String>,
    /// From the first packet until it stood.
    pub connect_ns: Percentiles,
    /// From there to the end of the TLS handshake; null in clear text.
    pub tls_ns: Option<Percentiles>,
    /// Their TCP congestion control; null: not readable, or of a time before it was recorded.
    #[serde(default)]
    pub congestion_control: Option<String>,
}

/// Payload bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WireBytes {
    /// To the server.
    pub sent: u64,
    /// From the server.
    pub received: u64,
}

/// What the generator spent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Processor time of its thread without spinning, microseconds for each request that was due,
    /// warm-up included.
    pub cpu_us_per_request: f64,
    /// Share of a core that it used without spinning, 0 to 1; of several threads, the busiest's.
    pub core_share: f64,
    /// What it spun before due times, microseconds for each request; in no other figure. Null: it
    /// slept until they were due.
    #[serde(default)]
    pub spin_us_per_request: Option<f64>,
    /// Share of a core that it spun; of several threads, of the one that spun most. Null: it slept.
    #[serde(default)]
    pub spin_core_share: Option<f64>,
}

/// The verdict on the measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadSeals {
    /// VALID, SUSPECT or INVALID.
    pub measurement: Measurement,
    /// Why it is not VALID, a sentence each.
    pub reasons: Vec<String>,
    /// Every check with its figure. One of a single percentile speaks for that one alone.
    pub checks: Vec<Check>,
}

impl From<&Seals> for LoadSeals {
    fn from(seals: &Seals) -> Self {
        // What a trial sends are batches; an endpoint knows nothing of them.
        let reworded = |check: &Check| Check {
            sentence: check.sentence.replace("batches", "requests"),
            ..check.clone()
        };
        let checks: Vec<Check> = seals.checks.iter().map(reworded).collect();
        let weighs = |check: &&Check| seals::weight(check) != Measurement::Valid;
        let reasons = checks.iter().filter(weighs).map(|check| check.sentence.clone()).collect();
        Self { measurement: seals.measurement, reasons, checks }
    }
}

/// A demand and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// As it was asked for: `ack p99 < 10ms`.
    pub text: String,
    /// Whether it was met.
    pub met: bool,
    /// What was seen, for people.
    pub seen: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantile::distribution;
    use hdrhistogram::Histogram;

    fn of(values: u64, unanswered: u64) -> Percentiles {
        let mut histogram = Histogram::new(3).unwrap();
        (1..=values).for_each(|value| histogram.record(value).unwrap());
        Percentiles::from(&distribution(&histogram, unanswered))
    }

    #[test]
    fn what_falls_among_the_unanswered_is_null() {
        let all = of(100, 0);
        assert_eq!((all.min, all.p50, all.p99, all.max), (Some(1), Some(50), Some(99), Some(100)));
        assert_eq!((all.support.p50, all.support.p99), (50, 1));
        let most = of(98, 2);
        assert_eq!((most.p95, most.p99, most.max), (Some(95), None, None));
        assert_eq!((most.recorded_max, most.unanswered, most.support.p99), (Some(98), 2, 1));
        let none = of(0, 0);
        assert_eq!((none.min, none.p50, none.max), (None, None, None));
    }
}
