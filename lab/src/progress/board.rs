//! What a terminal shows of a race: the bar of the whole, the table of the round, the figures of
//! the trial that runs. From state to lines, for a width and a height; nothing here has a side
//! effect. Read `state.rs` for what is shown, `mod.rs` for who paints.

use std::time::Duration;

use tailrace_measure::record::Measurement;
use tailrace_render::format::{NOTHING, count, latency, rate};
use tailrace_render::table::seal;

use super::ink::{Ink, Line, Tone};
use super::state::{Live, Place, State};
use crate::sparkline::histogram;

/// The bar takes a third of a line, but no more than reads well.
const BAR_MAX: usize = 40;
/// What stands behind the bar, at its longest in minutes; on a narrow line the bar gives way to it.
const BAR_TEXT: usize = " 100 % · round 10 of 10 · 10:00 left".len();
/// More columns would tell no more of cells that are 9 % wide.
const SPARKLINE_MAX: usize = 80;
/// A column of the table that holds less than this would jump when the first figures come:
/// room for `0.081/0.42 ms VALID`.
const CELL_MIN: usize = 19;
/// Between two columns.
const GAP: usize = 2;
/// Lines that are not rows of the table, at most: bar, headings, two that say how many arms are
/// not shown, title and histogram.
const OTHER_LINES: usize = 6;

/// Size of a terminal, and what it can show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paper {
    /// Columns.
    pub(super) width: usize,
    /// Lines.
    pub(super) height: usize,
    /// Characters and colours.
    pub(super) ink: Ink,
}

/// All lines, `elapsed` after the race began.
pub(super) fn draw(
    state: &State,
    live: Option<&Live>,
    elapsed: Duration,
    paper: Paper,
) -> Vec<String> {
    let live = live.filter(|_| state.runs());
    let figures = live.map(|live| figures(live, paper.width)).unwrap_or_default();
    let rows = paper.height.saturating_sub(OTHER_LINES + figures.len()).max(1);
    let mut lines = vec![bar(state, live, elapsed, paper.width)];
    lines.extend(table(state, paper.width, rows));
    if let Some(live) = live {
        lines.push(title(state, live));
        lines.extend(figures);
        lines.extend(shape(live, paper));
    }
    lines.iter().map(|line| line.write(paper.width, paper.ink)).collect()
}

/// `████░░░░ 34 % · round 2 of 3 · 1:12 left`
fn bar(state: &State, live: Option<&Live>, elapsed: Duration, width: usize) -> Line {
    let (planned, done) = (state.planned(), state.done(live));
    let share = done.as_secs_f64() / planned.as_secs_f64().max(f64::MIN_POSITIVE);
    let columns = (width / 3).min(BAR_MAX).min(width.saturating_sub(BAR_TEXT));
    let full = ((share * columns as f64) as usize).min(columns);
    let round =
        format!(" {:.0} % · round {} of {}", share * 100.0, state.round.max(1), state.rounds);
    let line = Line::of(Tone::Good, "█".repeat(full))
        .and(Tone::Quiet, "░".repeat(columns - full))
        .and(Tone::Plain, round);
    if live.is_some_and(|live| live.ending) {
        return line.and(Tone::Doubtful, " · ending; what was measured is kept");
    }
    let left = planned.saturating_sub(done).mul_f64(slowness(state.over, live, elapsed));
    line.and(Tone::Plain, format!(" · {} left", minutes(left)))
}

/// A race takes longer than its windows: servers start and audits are read. By how much is seen
/// from the trials that are over.
fn slowness(over: Duration, live: Option<&Live>, elapsed: Duration) -> f64 {
    if over.is_zero() {
        return 1.0;
    }
    let spent = elapsed.saturating_sub(live.map_or(Duration::ZERO, |live| live.elapsed));
    (spent.as_secs_f64() / over.as_secs_f64()).max(1.0)
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs_f64().ceil() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The arms of the round under as many loads as fit, the current one among them.
fn table(state: &State, width: usize, rows: usize) -> Vec<Line> {
    let name_width = state.arms.iter().map(|arm| arm.chars().count()).max().unwrap_or(0);
    let loads = fitting(state, width.saturating_sub(name_width + GAP));
    let widths: Vec<usize> = loads.clone().map(|load| column_width(state, load)).collect();
    let mut heading = Line::of(Tone::Quiet, "  p50/p99").padded(name_width + GAP);
    for (load, &width) in loads.clone().zip(&widths) {
        heading = heading.and(Tone::Quiet, " ".repeat(GAP));
        let wanted = heading.width() + width;
        heading = heading.and(Tone::Quiet, state.loads[load].clone()).padded(wanted);
    }
    let current = state.running.map_or(0, |(arm, _)| arm);
    let shown = around(current, state.arms.len(), rows);
    let mut lines = vec![heading];
    lines.extend(more(shown.start, "before"));
    for arm in shown.clone() {
        lines.push(row(state, arm, name_width, loads.clone().zip(widths.iter().copied())));
    }
    lines.extend(more(state.arms.len() - shown.end, "after"));
    lines
}

fn more(arms: usize, side: &str) -> Option<Line> {
    (arms > 0).then(|| Line::of(Tone::Quiet, format!("  … {arms} more {side}")))
}

fn row(
    state: &State,
    arm: usize,
    name_width: usize,
    loads: impl Iterator<Item = (usize, usize)>,
) -> Line {
    let runs = state.runs() && state.running.is_some_and(|(running, _)| running == arm);
    let (mark, tone) = if runs { ("▶ ", Tone::Strong) } else { ("  ", Tone::Plain) };
    let mut line = Line::of(tone, mark).and(tone, state.arms[arm].clone()).padded(name_width + GAP);
    for (load, width) in loads {
        line = line.and(Tone::Plain, " ".repeat(GAP));
        let wanted = line.width() + width;
        line = line.with(cell(state.places[arm][load])).padded(wanted);
    }
    line
}

fn cell(place: Place) -> Line {
    match place {
        Place::Waiting => Line::of(Tone::Quiet, "waiting"),
        Place::Running => Line::of(Tone::Strong, "running"),
        Place::Absent => Line::of(Tone::Quiet, NOTHING),
        Place::Done { p50_ns, p99_ns, seal: measured } => {
            let tone = match measured {
                Measurement::Valid => Tone::Good,
                Measurement::Suspect => Tone::Doubtful,
                Measurement::Invalid => Tone::Bad,
            };
            Line::of(Tone::Plain, format!("{} ", pair(p50_ns, p99_ns))).and(tone, seal(measured))
        }
    }
}

/// `0.081/0.42 ms`: the unit once, where both have the same.
fn pair(low_ns: Option<u64>, high_ns: Option<u64>) -> String {
    let (low, high) = (latency(low_ns), latency(high_ns));
    let unit = high.rfind(' ').map_or("", |place| &high[place..]);
    let low = low.strip_suffix(unit).unwrap_or(&low);
    format!("{low}/{high}")
}

fn column_width(state: &State, load: usize) -> usize {
    let held = state.places.iter().map(|row| cell(row[load]).width()).max().unwrap_or(0);
    held.max(state.loads[load].chars().count()).max(CELL_MIN)
}

/// The loads that fit: all, or those up to the current one, or it alone.
fn fitting(state: &State, width: usize) -> std::ops::Range<usize> {
    let current = state.running.map_or(0, |(_, load)| load);
    let fits = |loads: std::ops::Range<usize>| {
        loads.map(|load| column_width(state, load) + GAP).sum::<usize>() <= width
    };
    let mut shown = current..(current + 1).min(state.loads.len());
    while shown.start > 0 && fits(shown.start - 1..shown.end) {
        shown.start -= 1;
    }
    while shown.end < state.loads.len() && fits(shown.start..shown.end + 1) {
        shown.end += 1;
    }
    shown
}

/// At most `room` of `all` places, `current` among them and in the middle where that is possible.
fn around(current: usize, all: usize, room: usize) -> std::ops::Range<usize> {
    let room = room.min(all);
    let start = current.saturating_sub(room / 2).min(all - room);
    start..start + room
}

/// `http1-memory · low · 1.2 of 2.9 s`
fn title(state: &State, live: &Live) -> Line {
    let Some((arm, load)) = state.running else { return Line::default() };
    let length = state.length();
    let elapsed = live.elapsed.min(length).as_secs_f64();
    Line::of(Tone::Strong, format!("{} · {}", state.arms[arm], state.loads[load]))
        .and(Tone::Plain, format!(" · {elapsed:.1} of {:.1} s", length.as_secs_f64()))
}

/// The running trial's figures, as many to a line as fit.
fn figures(live: &Live, width: usize) -> Vec<Line> {
    let reading = &live.reading;
    let per_s = |per_s: Option<f64>| per_s.map_or_else(|| NOTHING.to_owned(), rate);
    let mut all = vec![
        ("p50", latency(reading.p50_ns)),
        ("p99", latency(reading.p99_ns)),
        ("due", per_s(live.due_per_s)),
        ("answered", per_s(live.answered_per_s)),
        ("in flight", count(reading.in_flight())),
        ("lateness p99", latency(reading.lateness_p99_ns)),
    ];
    if reading.failed > 0 {
        all.push(("failed", count(reading.failed)));
    }
    let mut lines = vec![Line::default()];
    for (name, figure) in all {
        let piece = Line::of(Tone::Quiet, format!("{name} ")).and(Tone::Plain, figure);
        let line = lines.pop().unwrap_or_default();
        if line.width() == 0 {
            lines.push(piece);
        } else if line.width() + 3 + piece.width() <= width {
            lines.push(line.and(Tone::Quiet, " · ").with(piece));
        } else {
            lines.extend([line, piece]);
        }
    }
    lines
}

fn shape(live: &Live, paper: Paper) -> Option<Line> {
    let Paper { width, ink, .. } = paper;
    let text = histogram(&live.reading.cells, width.min(SPARKLINE_MAX), ink.glyphs);
    text.map(|text| Line::of(Tone::Plain, text))
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
