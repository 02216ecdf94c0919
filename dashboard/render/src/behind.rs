//! The second table: what lies behind the acknowledgement of arms with a store, ack, live and
//! durable side by side. Figures come from the summary, of the loads with a subscriber; the first
//! table is [`crate::table`]'s.

use tailrace_measure::record::{DurableRow, Row, Spread, Summary};

use crate::format;

/// Headings of the columns.
pub const COLUMNS: [&str; 9] = [
    "arm, load",
    "ack p50",
    "ack p99",
    "live p50",
    "live p99",
    "durable p50",
    "durable p99",
    "exposed: mean (most)",
    "store drained",
];

/// What the columns mean, in a line or two.
pub const KEY: &str = "durable: due until a subscriber was told of the commit, its notification \
    included (an upper bound) · exposed: metrics acknowledged and not yet known as committed, on \
    average over a window and at most at one moment · drained: end of the window until the store \
    held everything, largest of the rounds · = ack: the arm commits before it answers, so durable is \
    ack, of every batch and without a notification, and nothing is exposed";

/// One line an arm and load that has a store and a subscriber; plain text, not escaped.
pub fn behind(summary: &Summary) -> Vec<[String; 9]> {
    summary.rows.iter().filter_map(|row| Some(line(row, row.durable.as_ref()?))).collect()
}

fn line(row: &Row, durable: &DurableRow) -> [String; 9] {
    let told =
        |spread: Option<&Spread>| spread.map_or_else(|| format::NOTHING.to_owned(), format::spread);
    let metrics = |value: Option<f64>| {
        value.map_or_else(|| format::NOTHING.to_owned(), |value| format::digits(value, 3))
    };
    let known = |spread: &Spread| {
        let mark = if durable.is_ack { " = ack" } else { "" };
        format!("{}{mark}", format::spread(spread))
    };
    let drained = durable.drained_ms.map(|ms| format::latency(Some((ms * 1e6) as u64)));
    [
        format!("{}, {}", row.arm, row.load),
        told(Some(&row.p50)),
        told(Some(&row.p99)),
        told(row.live_p50.as_ref()),
        told(row.live_p99.as_ref()),
        known(&durable.p50),
        known(&durable.p99),
        format!(
            "{} ({})",
            metrics(durable.exposed_metrics_mean),
            metrics(durable.exposed_metrics_max)
        ),
        drained.unwrap_or_else(|| format::NOTHING.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arms_with_a_store_have_a_line() {
        let spread = |ns| Spread { median_ns: Some(ns), ..Spread::default() };
        let row: Row = serde_json::from_value(serde_json::json!({
            "arm": "a", "load": "low", "promise": "p", "floor": false, "trials_valid": 1,
            "trials": 1, "scheduled": 1, "acked": 1, "offered_per_s": 1.0, "achieved_per_s": 1.0,
            "p50": Spread::default(), "p99": Spread::default(), "p99_to_baseline": null,
            "cpu_to_baseline": null, "p50_to_floor": null, "p99_to_floor": null,
            "cpu_us_per_metric": null, "backend_cpu_us_per_metric": null,
            "wire_bytes_per_metric": 0.0, "live_p99": null, "audit": "KEPT",
            "measurement": "VALID", "reasons": [], "machine_not_pipeline": false, "slowest": []
        }))
        .unwrap();
        let with_store = Row {
            durable: Some(DurableRow {
                p99: spread(42_000_000),
                exposed_metrics_mean: Some(12.0),
                exposed_metrics_max: Some(80.0),
                drained_ms: Some(130.0),
                ..DurableRow::default()
            }),
            ..row.clone()
        };
        let first = Row {
            durable: Some(DurableRow { is_ack: true, ..with_store.durable.clone().unwrap() }),
            ..row.clone()
        };
        let summary = Summary {
            schema_version: 3,
            run: String::new(),
            answer: None,
            verdicts: vec![],
            rows: vec![row, with_store, first],
            sentences: vec![],
            warnings: vec![],
        };
        let lines = behind(&summary);
        assert_eq!(lines.len(), 2);
        assert!(lines[1][6].ends_with("= ack"), "{lines:?}");
        let [arm, .., p99, exposed, drained] = &lines[0];
        assert!(!p99.contains("= ack"), "{p99}");
        assert!(arm == "a, low" && p99.contains("42") && drained.contains("130"), "{lines:?}");
        assert_eq!(exposed, "12.0 (80.0)");
    }
}
