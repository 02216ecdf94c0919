//! The comma-separated files of a run (RFC 4180): `summary.csv` for spreadsheets and
//! `timeline.csv`, which is read again to draw it. An empty field is "no value".

use std::fmt::Display;

use crate::record::{AuditSeal, Measurement, Ratio, Row, Slice, Spread, Summary};

const SUMMARY: [&str; 36] = [
    "arm",
    "load",
    "promise",
    "floor",
    "trials_valid",
    "trials",
    "scheduled",
    "acked",
    "offered_per_s",
    "achieved_per_s",
    "p50_median_ns",
    "p50_lowest_ns",
    "p50_highest_ns",
    "p99_median_ns",
    "p99_lowest_ns",
    "p99_highest_ns",
    "p99_beyond_timeout",
    "p99_unsupported",
    "p99_to_baseline",
    "cpu_to_baseline",
    "p50_to_floor",
    "p99_to_floor",
    "cpu_us_per_metric",
    "backend_cpu_us_per_metric",
    "wire_bytes_per_metric",
    "live_p50_median_ns",
    "live_p99_median_ns",
    "durable_p50_median_ns",
    "durable_p99_median_ns",
    "exposed_metrics_mean",
    "drained_ms",
    "machine_not_pipeline",
    "audit",
    "measurement",
    "slowest_ns",
    "reasons",
];

const TIMELINE: [&str; 10] = [
    "due_ms",
    "scheduled",
    "acked",
    "failed",
    "unanswered",
    "ack_p50_ns",
    "ack_p99_ns",
    "ack_max_ns",
    "lateness_max_ns",
    "backlog",
];

/// `summary.csv`: a line with names, then one a row.
pub fn csv(summary: &Summary) -> String {
    lines(&SUMMARY, summary.rows.iter().map(summary_fields))
}

/// `timeline.csv`: a line with names, then one a slice.
pub fn timeline_csv(slices: &[Slice]) -> String {
    lines(&TIMELINE, slices.iter().map(timeline_fields))
}

fn lines<const N: usize>(names: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = names.join(",") + "\n";
    for row in rows {
        text += &row.map(|field| quoted(&field)).join(",");
        text.push('\n');
    }
    text
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

fn option(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn mean(ratio: Option<&Ratio>) -> String {
    option(ratio.map(|ratio| ratio.mean))
}

fn spread(spread: &Spread) -> [String; 3] {
    [spread.median_ns, spread.lowest_ns, spread.highest_ns].map(option)
}

fn summary_fields(row: &Row) -> [String; 36] {
    let ([p50, p50_low, p50_high], [p99, p99_low, p99_high]) = (spread(&row.p50), spread(&row.p99));
    let durable = row.durable.as_ref();
    [
        row.arm.clone(),
        row.load.clone(),
        row.promise.clone(),
        row.floor.to_string(),
        row.trials_valid.to_string(),
        row.trials.to_string(),
        row.scheduled.to_string(),
        row.acked.to_string(),
        row.offered_per_s.to_string(),
        row.achieved_per_s.to_string(),
        p50,
        p50_low,
        p50_high,
        p99,
        p99_low,
        p99_high,
        row.p99.beyond_timeout.to_string(),
        row.p99.unsupported.to_string(),
        mean(row.p99_to_baseline.as_ref()),
        mean(row.cpu_to_baseline.as_ref()),
        mean(row.p50_to_floor.as_ref()),
        mean(row.p99_to_floor.as_ref()),
        option(row.cpu_us_per_metric),
        option(row.backend_cpu_us_per_metric),
        row.wire_bytes_per_metric.to_string(),
        option(row.live_p50.as_ref().and_then(|live| live.median_ns)),
        option(row.live_p99.as_ref().and_then(|live| live.median_ns)),
        option(durable.and_then(|durable| durable.p50.median_ns)),
        option(durable.and_then(|durable| durable.p99.median_ns)),
        option(durable.and_then(|durable| durable.exposed_metrics_mean)),
        option(durable.and_then(|durable| durable.drained_ms)),
        row.machine_not_pipeline.to_string(),
        audit(row.audit).to_owned(),
        measurement(row.measurement).to_owned(),
        option(row.slowest.first().map(|answer| answer.ack_ns)),
        row.reasons.join(" | "),
    ]
}

/// The seal as it stands in JSON.
fn audit(seal: AuditSeal) -> &'static str {
    match seal {
        AuditSeal::Kept => "KEPT",
        AuditSeal::Broken => "BROKEN",
        AuditSeal::NotAudited => "NOT_AUDITED",
    }
}

fn measurement(seal: Measurement) -> &'static str {
    match seal {
        Measurement::Valid => "VALID",
        Measurement::Suspect => "SUSPECT",
        Measurement::Invalid => "INVALID",
    }
}

fn timeline_fields(slice: &Slice) -> [String; 10] {
    [
        slice.due_ms.to_string(),
        slice.scheduled.to_string(),
        slice.acked.to_string(),
        slice.failed.to_string(),
        slice.unanswered.to_string(),
        option(slice.ack_p50_ns),
        option(slice.ack_p99_ns),
        option(slice.ack_max_ns),
        option(slice.lateness_max_ns),
        slice.backlog.to_string(),
    ]
}

/// Why a timeline could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// The first line has other names.
    #[error(
        "line 1 does not name the columns of a timeline; is it another file, or of another version?"
    )]
    Names,
    /// A field is missing or no number.
    #[error("line {line}: {column} is missing or no whole number; was the file cut or edited?")]
    Field {
        /// From 1, the names included.
        line: usize,
        /// Name of the column.
        column: &'static str,
    },
}

/// Reads what [`timeline_csv`] wrote.
///
/// # Errors
/// When the columns are others or a field is damaged; no line is skipped.
pub fn read_timeline(text: &str) -> Result<Vec<Slice>, TimelineError> {
    let mut lines = text.lines().zip(1..);
    if !lines.next().is_some_and(|(names, _)| names.split(',').eq(TIMELINE)) {
        return Err(TimelineError::Names);
    }
    lines.map(|(text, line)| slice(&Line { line, fields: text.split(',').collect() })).collect()
}

struct Line<'a> {
    line: usize,
    fields: Vec<&'a str>,
}

impl Line<'_> {
    fn at<T: std::str::FromStr>(&self, column: usize) -> Result<T, TimelineError> {
        let field = self.fields.get(column).and_then(|field| field.parse().ok());
        field.ok_or(TimelineError::Field { line: self.line, column: TIMELINE[column] })
    }

    fn option(&self, column: usize) -> Result<Option<u64>, TimelineError> {
        if self.fields.get(column) == Some(&"") { Ok(None) } else { self.at(column).map(Some) }
    }
}

fn slice(line: &Line<'_>) -> Result<Slice, TimelineError> {
    Ok(Slice {
        due_ms: line.at(0)?,
        scheduled: line.at(1)?,
        acked: line.at(2)?,
        failed: line.at(3)?,
        unanswered: line.at(4)?,
        ack_p50_ns: line.option(5)?,
        ack_p99_ns: line.option(6)?,
        ack_max_ns: line.option(7)?,
        lateness_max_ns: line.option(8)?,
        backlog: line.at(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timelines_are_read_as_written() {
        let full = Slice {
            due_ms: -100,
            scheduled: 9,
            acked: 5,
            failed: 1,
            unanswered: 3,
            ack_p50_ns: Some(1),
            ack_p99_ns: Some(u64::MAX),
            ack_max_ns: Some(3),
            lateness_max_ns: Some(4),
            backlog: 5,
        };
        let slices = [full, Slice::default()];
        assert_eq!(read_timeline(&timeline_csv(&slices)).as_deref(), Ok(&slices[..]));
    }

    #[test]
    fn damage_is_named_by_line_and_column() {
        let text = timeline_csv(&[Slice::default()]);
        assert_eq!(read_timeline(&text.replace("due_ms", "due")), Err(TimelineError::Names));
        let cut = text.replace(",,0\n", "\n");
        let expect = TimelineError::Field { line: 2, column: "lateness_max_ns" };
        assert_eq!(read_timeline(&cut), Err(expect));
        let expect = TimelineError::Field { line: 3, column: "due_ms" };
        assert_eq!(read_timeline(&(text + "x")), Err(expect));
    }

    #[test]
    fn fields_with_commas_are_quoted() {
        assert_eq!(quoted("a"), "a");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
