//! The first table, on a terminal: the same cells as in the report.

use tailrace_measure::record::{Manifest, SlowAnswer, Summary};
use tailrace_render::{format, table};

use crate::columns::{self, Line};
use crate::{printing, verdicts};

/// Prints table, notes, sentences and warnings.
///
/// # Errors
/// Standard output is closed.
pub fn print(manifest: &Manifest, summary: &Summary) -> anyhow::Result<()> {
    printing::line(&columns::align(&lines(manifest, summary)))?;
    printing::line(KEY)?;
    printing::line("")?;
    for arm in &manifest.experiment.arms {
        let (name, connections, depth) = (&arm.slug, arm.connections, arm.in_flight_per_connection);
        let slowest = slowest(summary, name);
        printing::line(&format!(
            "{name}: {connections} connections × {depth} in flight, {} a batch as {}; {slowest}",
            arm.batch_metrics,
            table::manner(arm)
        ))?;
    }
    for warning in &summary.warnings {
        printing::line(&format!("! {warning}"))?;
    }
    for sentence in &summary.sentences {
        printing::line(&format!("\n{sentence}"))?;
    }
    verdicts::print(summary)
}

/// Headings of the columns, short enough for a terminal; [`KEY`] says what they mean.
const HEADINGS: [&str; 10] =
    ["arm", "answered", "p50", "p99", "× baseline", "CPU", "wire", "live p99", "audit", "seal"];
const KEY: &str = "\nanswered: of the batches due · p50, p99: due to acknowledged, median of the \
rounds (lowest–highest) · × baseline: p99, paired by round\nCPU: server + backend a metric · \
wire: payload bytes both ways a metric · seal: of the measurement";

/// One table a load, with a line for each promise.
fn lines(manifest: &Manifest, summary: &Summary) -> Vec<Line> {
    let (mut lines, mut load) = (Vec::new(), String::new());
    for group in table::table(manifest, summary) {
        if group.load_label != load {
            load.clone_from(&group.load_label);
            lines.push(Line::Heading(format!("\n{load}\n")));
            lines.push(Line::Cells(HEADINGS.map(str::to_owned).to_vec()));
        }
        lines.push(Line::Heading(format!("— {}", group.heading)));
        lines.extend(group.rows.into_iter().map(|row| Line::Cells(row.to_vec())));
    }
    lines
}

/// The slowest answers as what they are: single events, not a statistic.
fn slowest(summary: &Summary, arm: &str) -> String {
    let rows = summary.rows.iter().filter(|row| row.arm == arm);
    let mut all: Vec<SlowAnswer> = rows.flat_map(|row| row.slowest.iter().copied()).collect();
    all.sort_by_key(|slow| std::cmp::Reverse(slow.ack_ns));
    let worst: Vec<String> =
        all.iter().take(3).map(|slow| format::latency(Some(slow.ack_ns))).collect();
    if worst.is_empty() { "no answers".into() } else { format!("slowest {}", worst.join(", ")) }
}
