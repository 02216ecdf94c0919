//! The first table, on a terminal: the same cells as in the report.

use tailrace_measure::record::{Manifest, SlowAnswer, Summary};
use tailrace_render::{behind, format, table};

use crate::columns::{self, Line};
use crate::terminal::{output_width, wrap};
use crate::{printing, verdicts};

/// Prints table, notes, sentences and warnings. On a terminal they keep within its width: columns
/// for which there is no room are left out, and named.
///
/// # Errors
/// Standard output is closed.
pub fn print(manifest: &Manifest, summary: &Summary) -> anyhow::Result<()> {
    let width = output_width();
    printing::line(&fitted(&lines(manifest, summary), width))?;
    if let Some(behind) = behind(summary, width) {
        printing::line(&format!("\n{behind}"))?;
    }
    printing::line("")?;
    for arm in &manifest.experiment.arms {
        let (name, connections, depth) = (&arm.slug, arm.connections, arm.in_flight_per_connection);
        let slowest = slowest(summary, name);
        let line = format!(
            "{name}: {connections} connections × {depth} in flight, {} a batch as {}; {slowest}",
            arm.batch_metrics,
            table::manner(arm)
        );
        printing::line(&wrap(&line, width, INDENT))?;
    }
    for warning in &summary.warnings {
        printing::line(&wrap(&format!("! {warning}"), width, INDENT))?;
    }
    for sentence in &summary.sentences {
        printing::line(&wrap(&format!("\n{sentence}"), width, 0))?;
    }
    verdicts::print(summary)
}

/// Of lines that go on.
const INDENT: usize = 2;
/// Headings of the columns, short enough for a terminal; [`KEY`] says what they mean.
const HEADINGS: [&str; 10] =
    ["arm", "answered", "p50", "p99", "× baseline", "CPU", "wire", "live p99", "audit", "seal"];
/// What columns mean, by their place; of two that mean the same, the one that always stands.
const KEY: [(usize, &str); 6] = [
    (1, "answered: of the batches due"),
    (3, "p50, p99: due to acknowledged, median of the rounds (lowest–highest)"),
    (4, "× baseline: p99, paired by round"),
    (5, "CPU: server + backend a metric"),
    (6, "wire: payload bytes both ways a metric"),
    (9, "seal: of the measurement"),
];
/// Columns that give way where there is no room, the first one first. The p99 and both seals stay:
/// without them a table would say less than nothing.
const EXPENDABLE: [usize; 6] = [6, 5, 7, 1, 4, 2];

/// What lies behind the acknowledgement of arms with a store; none: no arm has one.
fn behind(summary: &Summary, width: Option<usize>) -> Option<String> {
    let rows = behind::behind(summary);
    let heading = Line::Heading("Behind the acknowledgement\n".into());
    let names = Line::Cells(behind::COLUMNS.map(str::to_owned).to_vec());
    let lines: Vec<Line> = std::iter::once(heading)
        .chain(std::iter::once(names))
        .chain(rows.iter().map(|row| Line::Cells(row.to_vec())))
        .collect();
    let text = || format!("{}\n\n{}", columns::align(&lines), wrap(behind::KEY, width, 0));
    (!rows.is_empty()).then(text)
}

/// The table with as many columns as fit, what they mean, and which are left out.
fn fitted(lines: &[Line], width: Option<usize>) -> String {
    let mut shown: Vec<usize> = (0..HEADINGS.len()).collect();
    let mut table = only(lines, &shown);
    for column in EXPENDABLE {
        if width.is_none_or(|width| columns::width(&table) <= width) {
            break;
        }
        shown.retain(|other| *other != column);
        table = only(lines, &shown);
    }
    let meant = KEY.iter().filter(|(column, _)| shown.contains(column)).map(|(_, text)| *text);
    let key = meant.collect::<Vec<_>>().join(" · ");
    let text = format!("{}\n\n{}", columns::align(&table), wrap(&key, width, 0));
    let hidden = (0..HEADINGS.len()).filter(|column| !shown.contains(column));
    let hidden = hidden.map(|column| HEADINGS[column]).collect::<Vec<_>>().join(", ");
    if hidden.is_empty() {
        return text;
    }
    let note = format!("no room here, but in report.html and summary.csv: {hidden}");
    text + "\n" + &wrap(&note, width, 0)
}

/// The lines with some of their cells.
fn only(lines: &[Line], shown: &[usize]) -> Vec<Line> {
    let cut = |line: &Line| match line {
        Line::Heading(text) => Line::Heading(text.clone()),
        Line::Cells(cells) => Line::Cells(shown.iter().map(|&n| cells[n].clone()).collect()),
    };
    lines.iter().map(cut).collect()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(width: Option<usize>) -> String {
        let row = HEADINGS.map(|heading| format!("{heading} of sixteen"));
        let lines = [
            Line::Heading("\nlow: 2 000/s\n".into()),
            Line::Cells(HEADINGS.map(str::to_owned).to_vec()),
            Line::Cells(row.to_vec()),
        ];
        fitted(&lines, width)
    }

    #[test]
    fn a_pipe_and_a_wide_terminal_get_every_column() {
        for width in [None, Some(250)] {
            let text = text(width);
            assert!(HEADINGS.iter().all(|h| text.contains(&format!("{h} of sixteen"))), "{text}");
            assert!(!text.contains("no room"), "{text}");
        }
        assert!(text(None).lines().any(|line| line.chars().count() > 200), "a pipe has no width");
    }

    #[test]
    fn a_narrow_terminal_leaves_columns_out_and_says_which() {
        let text = text(Some(100));
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("summary.csv: answered, × baseline, CPU, wire, live p99"), "{text}");
        assert!(text.contains("p50 of sixteen") && text.contains("seal of sixteen"), "{text}");
        assert!(!text.contains("wire: payload"), "what does not stand is not explained: {text}");
    }

    #[test]
    fn the_tail_and_both_seals_always_stand() {
        let text = text(Some(20));
        for heading in ["arm", "p99", "audit", "seal"] {
            assert!(text.contains(&format!("{heading} of sixteen")), "{heading}: {text}");
        }
    }
}
