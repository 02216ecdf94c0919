//! The first table as data: the terminal, HTML and Markdown print the same cells. Order is
//! declared order, never that of a figure: a table sorted by p99 would rank what noise ranks.
//! Figures come from the summary; how they read is [`crate::format`]'s.

use tailrace_measure::record::{
    Arm, AuditSeal, Flush, Judgment, Load, Manifest, Measurement, Row, Summary,
};

use crate::format;
use crate::run;

/// Headings of the ten columns.
pub const COLUMNS: [&str; 10] = [
    "arm",
    "answered of due",
    "typical (p50)",
    "slow 1 % (p99; lowest–highest)",
    "× baseline (p99)",
    "CPU/metric, server + backend",
    "wire bytes/metric",
    "live p99",
    "audit",
    "measurement",
];

/// Place of the audit seal in a row.
pub const AUDIT_COLUMN: usize = 8;
/// Place of the measurement seal in a row.
pub const MEASUREMENT_COLUMN: usize = 9;

/// Arms that make the same promise, under one load: only these may be compared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    /// The promise.
    pub heading: String,
    /// The load with its rate: `low: 2 000/s`.
    pub load_label: String,
    /// One an arm, in [`COLUMNS`]' order; plain text, not escaped.
    pub rows: Vec<[String; 10]>,
}

/// Every arm under every headline load (those without a live subscriber): loads in the order in
/// which they run, promises in declared order, the baseline first within its promise. An arm
/// without a row in the summary is left out.
pub fn table(manifest: &Manifest, summary: &Summary) -> Vec<Group> {
    let mut table = Vec::new();
    for load in run::headline_loads(manifest) {
        for (promise, arms) in run::groups(manifest) {
            let rows: Vec<_> =
                arms.iter().filter_map(|arm| row(manifest, summary, arm, load)).collect();
            if !rows.is_empty() {
                table.push(Group { heading: promise.to_owned(), load_label: label(load), rows });
            }
        }
    }
    table
}

/// A load as a heading.
pub fn label(load: &Load) -> String {
    format!("{}: {}", load.label, format::rate(load.rate_per_s))
}

fn row(manifest: &Manifest, summary: &Summary, arm: &Arm, load: &Load) -> Option<[String; 10]> {
    let row = find(summary, &arm.slug, &load.slug)?;
    Some([
        row.arm.clone(),
        answered(row),
        format::spread(&row.p50),
        format::spread(&row.p99),
        to_baseline(row, &manifest.experiment.baseline),
        cpu(row),
        wire_bytes(row),
        live(manifest, summary, row, load),
        audit(row.audit).to_owned(),
        measurement(row),
    ])
}

fn find<'a>(summary: &'a Summary, arm: &str, load: &str) -> Option<&'a Row> {
    summary.rows.iter().find(|row| row.arm == arm && row.load == load)
}

fn answered(row: &Row) -> String {
    if row.trials_valid == 0 {
        // No trial counts: "all 0" would read like success.
        format::NOTHING.to_owned()
    } else if row.acked == row.scheduled {
        format!("all {}", format::count(row.scheduled))
    } else {
        let share = format::share(row.acked, row.scheduled);
        format!("{share} of {}", format::count(row.scheduled))
    }
}

fn wire_bytes(row: &Row) -> String {
    if row.trials_valid == 0 || row.acked == 0 {
        return format::NOTHING.to_owned();
    }
    format::bytes(row.wire_bytes_per_metric)
}

fn to_baseline(row: &Row, baseline: &str) -> String {
    if row.arm == baseline {
        "baseline".to_owned()
    } else if row.floor {
        "floor".to_owned()
    } else if row.measurement == Measurement::Invalid && row.trials_valid == 0 {
        "not ranked".to_owned()
    } else if row.machine_not_pipeline {
        "machine, not pipeline".to_owned()
    } else {
        row.p99_to_baseline.as_ref().map_or_else(|| format::NOTHING.to_owned(), format::ratio)
    }
}

fn cpu(row: &Row) -> String {
    let Some(whole) = row.cpu_us_per_metric else { return format::NOTHING.to_owned() };
    match row.backend_cpu_us_per_metric {
        Some(backend) if backend > 0.0 => format!(
            "{} ({} + {})",
            format::micros(whole),
            format::digits((whole - backend).max(0.0), 3),
            format::digits(backend, 3)
        ),
        _ => format::micros(whole),
    }
}

/// A live figure comes from trials with a subscriber: the row's own, else those of a load with
/// the same rate.
fn live(manifest: &Manifest, summary: &Summary, row: &Row, load: &Load) -> String {
    let loads = &manifest.experiment.loads;
    let twin = loads.iter().find(|other| {
        other.feed_one_in.is_some() && (other.rate_per_s - load.rate_per_s).abs() < 1e-6
    });
    let other = twin.and_then(|twin| find(summary, &row.arm, &twin.slug));
    let live = row.live_p99.as_ref().or_else(|| other.and_then(|row| row.live_p99.as_ref()));
    live.map_or_else(|| format::NOTHING.to_owned(), format::spread)
}

/// The audit seal as it is printed.
pub fn audit(seal: AuditSeal) -> &'static str {
    match seal {
        AuditSeal::Kept => "KEPT",
        AuditSeal::Broken => "BROKEN",
        AuditSeal::NotAudited => "not audited",
    }
}

/// The measurement seal as it is printed.
pub fn seal(seal: Measurement) -> &'static str {
    match seal {
        Measurement::Valid => "VALID",
        Measurement::Suspect => "SUSPECT",
        Measurement::Invalid => "INVALID",
    }
}

/// How the batches of an arm travel, apart from connections: codec, and what is not the usual.
pub fn manner(arm: &Arm) -> String {
    let marks =
        [(arm.tls, "TLS"), (arm.keys, "a key"), (arm.flush == Flush::Each, "a flush an answer")];
    let link = arm.link.iter().flat_map(|link| {
        let trip = format!("{} ms round trip", link.round_trip_ms);
        let bandwidth = link.bandwidth_mbit_per_s.map(|mbit| format!("{mbit} Mbit/s"));
        std::iter::once(trip).chain(bandwidth)
    });
    let unusual = marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text.to_owned());
    let parts = std::iter::once(arm.codec.label().to_owned()).chain(unusual).chain(link);
    parts.collect::<Vec<_>>().join(", ")
}

/// The verdict on an expectation as it is printed.
pub fn judgment(verdict: Judgment) -> &'static str {
    match verdict {
        Judgment::Confirmed => "CONFIRMED",
        Judgment::Refuted => "REFUTED",
        Judgment::CannotTell => "CANNOT TELL",
    }
}

/// An arm with one INVALID trial of three keeps its figures, of the two others, and says so.
fn measurement(row: &Row) -> String {
    let name = seal(row.measurement);
    if row.trials_valid == row.trials {
        name.to_owned()
    } else {
        format!("{name} ({} of {} trials count)", row.trials_valid, row.trials)
    }
}
