//! What `tailrace load` can be asked. Read next: `endpoint/` (where it goes and what is sent).

#![allow(clippy::doc_markdown, reason = "they are help texts and no Markdown")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tailrace_loadgen::capacity::Objective;
use tailrace_loadgen::experiment::parse_arrivals;
use tailrace_measure::record::Arrivals;
use tailrace_producers::parse_duration;

use super::objective;
use crate::cli::rate;
use crate::endpoint::RequestArgs;

/// Arguments of `load`.
#[derive(Debug, Args, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct LoadArgs {
    /// Where to: http://host/path, https://, h2c:// (HTTP/2 in clear text), h2:// (over TLS),
    /// ws://, wss://. Path and query may hold {{seq}}, {{random}}, {{uuid}} and {{time_ms}}
    pub url: String,
    /// What is sent, and over which connections
    #[command(flatten)]
    pub request: RequestArgs,
    /// Requests a second, the mean; without it what the arrivals name, or else 1,000
    #[arg(long, value_parser = rate, conflicts_with = "closed")]
    pub rate: Option<f64>,
    /// When requests are due: constant (equal distances), poisson (independent senders), burst:N
    /// (N at one instant), ramp:A-B, steps:A,B,…, on-off:200ms/800ms, or replay:FILE (CSV with a
    /// column due_s or due_ns, from 0 on)
    #[arg(
        long,
        default_value = "poisson",
        value_parser = parse_arrivals,
        conflicts_with = "closed"
    )]
    pub arrivals: Arrivals,
    /// A closed loop, for teaching: a request is sent when an answer has come, as fast as the
    /// server lets it. Its latencies hide every wait
    #[arg(long)]
    pub closed: bool,
    /// Length of the window that is measured
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub duration: Duration,
    /// Load before the window, which is not measured; 0s: none
    #[arg(long, default_value = "1s", value_parser = warm_up)]
    pub warm_up: Duration,
    /// An answer later than this after its due time is no answer
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Requests that may be sent or waiting at once, past which they overflow; without it two
    /// seconds of the schedule
    #[arg(long, conflicts_with = "closed", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub in_flight: Option<u64>,
    /// What must be met, such as 'ack p99 < 10ms' or 'answered >= 99.9%'; if not, the exit code is
    /// 1. May be repeated
    #[arg(long, value_name = "OBJECTIVE", value_parser = objective::parse)]
    pub slo: Vec<Objective>,
    /// The schedule and what is filled in at random come from here
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON object; `tailrace schema` has its schema
    #[arg(long)]
    pub json: bool,
    /// Serve figures for Prometheus here while it runs, at /metrics; port 0: a free one
    #[arg(long, value_name = "ADDRESS")]
    pub prometheus: Option<SocketAddr>,
    /// Write the whole distributions into this folder, as HdrHistogram interval logs
    #[arg(long, value_name = "FOLDER")]
    pub hlog: Option<PathBuf>,
}

/// A duration, or none at all.
fn warm_up(text: &str) -> Result<Duration, String> {
    match text {
        "0" | "0s" | "0ms" => Ok(Duration::ZERO),
        _ => parse_duration(text).map_err(|why| why.to_string()),
    }
}
