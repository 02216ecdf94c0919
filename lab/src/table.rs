//! The first table, on a terminal: the same cells as in the report.

use comfy_table::{Cell, ContentArrangement, Table, presets};
use tailrace_measure::record::{Manifest, SlowAnswer, Summary};
use tailrace_render::{format, table};

use crate::printing;

/// Prints table, notes, sentences and warnings.
///
/// # Errors
/// Standard output is closed.
pub fn print(manifest: &Manifest, summary: &Summary) -> anyhow::Result<()> {
    for group in table::table(manifest, summary) {
        printing::line(&format!("\n{} · {}", group.heading, group.load_label))?;
        let mut drawn = Table::new();
        drawn.load_preset(presets::UTF8_HORIZONTAL_ONLY);
        drawn.set_content_arrangement(ContentArrangement::Dynamic);
        drawn.set_header(table::COLUMNS);
        for row in &group.rows {
            drawn.add_row(row.iter().map(Cell::new));
        }
        printing::line(&drawn.to_string())?;
    }
    printing::line("")?;
    for arm in &manifest.experiment.arms {
        let (name, connections, depth) = (&arm.slug, arm.connections, arm.in_flight_per_connection);
        let slowest = slowest(summary, name);
        printing::line(&format!(
            "{name}: {connections} connections × {depth} in flight, {} a batch; {slowest}",
            arm.batch_metrics
        ))?;
    }
    for left_out in &manifest.experiment.left_out {
        printing::line(&format!("left out: {left_out}"))?;
    }
    for warning in &summary.warnings {
        printing::line(&format!("! {warning}"))?;
    }
    for sentence in &summary.sentences {
        printing::line(&format!("\n{sentence}"))?;
    }
    Ok(())
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
