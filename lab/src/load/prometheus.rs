//! Figures for Prometheus while a load runs. They come from the gauge, which is rough; results
//! come from the recorder.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tailrace_loadgen::gauge::{Gauge, Reading};

use crate::exporter::Exporter;

/// Tells what the gauge reads until it is dropped.
///
/// # Errors
/// The address is taken, or not this machine's.
pub(super) fn start(address: SocketAddr, gauge: &Arc<Gauge>) -> io::Result<Exporter> {
    let gauge = Arc::clone(gauge);
    Exporter::start(address, move || text(&gauge.read()))
}

fn text(reading: &Reading) -> String {
    let Reading { scheduled, acked, failed, .. } = *reading;
    let unresolved = scheduled.saturating_sub(acked + failed);
    let seconds =
        |ns: Option<u64>| ns.map_or_else(|| "NaN".into(), |ns| format!("{}", ns as f64 / 1e9));
    format!(
        "# HELP tailrace_load_requests_total Requests, warm-up included.\n\
         # TYPE tailrace_load_requests_total counter\n\
         tailrace_load_requests_total{{state=\"due\"}} {scheduled}\n\
         tailrace_load_requests_total{{state=\"acked\"}} {acked}\n\
         tailrace_load_requests_total{{state=\"refused_or_broken\"}} {failed}\n\
         # HELP tailrace_load_unresolved Requests that are due and neither answered nor broken.\n\
         # TYPE tailrace_load_unresolved gauge\n\
         tailrace_load_unresolved {unresolved}\n\
         # HELP tailrace_load_ack_seconds Due to acknowledged since the start, within 10 %.\n\
         # TYPE tailrace_load_ack_seconds gauge\n\
         tailrace_load_ack_seconds{{quantile=\"0.5\"}} {}\n\
         tailrace_load_ack_seconds{{quantile=\"0.99\"}} {}\n",
        seconds(reading.p50_ns),
        seconds(reading.p99_ns),
    )
}
