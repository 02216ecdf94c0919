//! A calibration for people: the same table on the terminal and in `report.md`.

use crate::registry::FLOOR;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use tailrace_measure::calibration::JUDGED;
use tailrace_measure::record::{
    Calibration, Cell, Floor, Measurement, Peer, PingPong, Point, Verdict,
};
use tailrace_render::format::{count, digits, latency};

use crate::columns::{self, Line};

const KEY: &str = "Each percentile: error (theory). ✗ beyond 1 % and 150 µs · ~ on a knee of the \
                   theory, not judged · few: fewer than ten batches above it, not judged · \
                   server: not beyond what the server's own clock explains, theory with each answer as \
                   late as it was, or when it had answered · \
                   machine: not beyond what the bare echo needed on the same schedule, or what theory says \
                   with the generator acting only when the kernel had woken it (woken late: share of \
                   batches) and working off what had piled up, or struck by the seal. A maximum below 10 ms is the machine's.";

/// Writes `calibration.json` and `report.md`, each under a temporary name first.
pub(super) fn save(folder: &Path, calibration: &Calibration) -> anyhow::Result<()> {
    let mut json = serde_json::to_string_pretty(calibration)?;
    json.push('\n');
    write(&folder.join("calibration.json"), &json)?;
    let command = calibration.command.join(" ");
    let machine = &calibration.machine;
    let report = format!(
        "# Calibration, {}\n\n`{command}`, revision {}, on {} ({} cores, {})\n\n```text\n{}\n```\n",
        calibration.started_utc,
        calibration.build.revision,
        machine.cpu,
        machine.cores,
        machine.kernel,
        text(calibration)
    );
    write(&folder.join("report.md"), &report)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let written = std::fs::write(&unfinished, text);
    written
        .and_then(|()| std::fs::rename(&unfinished, path))
        .with_context(|| path.display().to_string())
}

/// The whole of it.
pub(super) fn text(calibration: &Calibration) -> String {
    if !calibration.ping_pongs.is_empty() {
        return ping_pongs(calibration);
    }
    let mut lines = Vec::new();
    lines.push(cells(&[
        FLOOR, "schedule", "p50", "p95", "p99", "p99.9", "max", "late p50", "late p99", "seal",
    ]));
    lines.extend(calibration.floors.iter().map(floor));
    let mut server = String::new();
    for cell in &calibration.cells {
        if cell.server != server {
            server.clone_from(&cell.server);
            lines.push(Line::Heading(format!("\n— {server}")));
            lines.push(cells(&[
                "",
                "schedule",
                "p50",
                "p95",
                "p99",
                "p99.9",
                "max",
                "late p50",
                "late p99",
                "woken late",
                "seal",
                "released",
            ]));
        }
        lines.push(row(cell));
    }
    let mut text = columns::align(&lines);
    if !calibration.peers.is_empty() {
        let _ = write!(
            text,
            "\n\nOther tools on the same servers, ours first\n\n{}",
            peers(calibration)
        );
    }
    for absent in &calibration.absent {
        let _ = write!(text, "\nnot here: {} ({})", absent.tool, absent.how);
    }
    let _ = write!(text, "\n\n{KEY}\n{}", verdict(calibration));
    if let Some((least, most)) = spun_us(calibration) {
        let (least, most) = (digits(least, 2), digits(most, 2));
        let spun = if least == most { most } else { format!("{least} to {most}") };
        let _ = write!(
            text,
            " The generator spun before due times: {spun} µs a batch, in no other figure."
        );
    }
    for reason in reasons(calibration) {
        let _ = write!(text, "\n! {reason}");
    }
    text
}

/// The open loop beside the ping-pong: every pair, then a sentence for each protocol.
fn ping_pongs(calibration: &Calibration) -> String {
    let mut lines =
        vec![cells(&["", "round", "ping-pong p50", "open p50", "more", "late p99", "seal"])];
    for one in &calibration.ping_pongs {
        for (number, round) in (1..).zip(&one.rounds) {
            let pair = round.open_p50_ns.zip(round.closed_p50_ns);
            let more = pair.map(|(open, closed)| open.cast_signed() - closed.cast_signed());
            let times = [round.closed_p50_ns, round.open_p50_ns].map(latency);
            let mut row = vec![one.protocol.clone(), number.to_string()];
            row.extend(times);
            row.extend([signed(more), latency(round.lateness_p99_ns), seal(round.seal).into()]);
            lines.push(Line::Cells(row));
        }
    }
    let mut text = columns::align(&lines);
    text.push('\n');
    for one in &calibration.ping_pongs {
        let _ = write!(text, "\n{}", ping_pong(one));
    }
    let reasons = calibration.ping_pongs.iter().flat_map(|one| &one.rounds);
    for group in grouped(reasons.flat_map(|round| &round.reasons)).values() {
        let _ = write!(text, "\n! {} ({} of this kind)", group[0], group.len());
    }
    text
}

/// One sentence.
pub(super) fn ping_pong(one: &PingPong) -> String {
    let invalid = one.rounds.iter().filter(|round| round.seal == Measurement::Invalid).count();
    let left_out = match invalid {
        0 => String::new(),
        some => format!("; {some} of {} rounds are INVALID and left out", one.rounds.len()),
    };
    let held = match one.verdict {
        Verdict::Pass => "both hold",
        Verdict::Fail => "beyond ✗",
        _ => "nothing to judge ✗",
    };
    format!(
        "{} at {}/s: p50 is {} from a closed ping-pong's (at most +{}), lateness p99 {} (at most {}): \
         {held}{left_out}.",
        one.protocol,
        count(one.rate_per_s as u64),
        signed(one.difference_ns),
        latency(Some(one.difference_ns_max)),
        latency(one.lateness_p99_ns),
        latency(Some(one.lateness_p99_ns_max)),
    )
}

fn signed(ns: Option<i64>) -> String {
    let Some(ns) = ns else { return latency(None) };
    let sign = if ns < 0 { '−' } else { '+' };
    format!("{sign}{}", latency(Some(ns.unsigned_abs())))
}

/// One sentence.
fn verdict(calibration: &Calibration) -> String {
    let tally = calibration.tally;
    let failed = match tally.failed {
        0 => "none is beyond".to_owned(),
        failed => format!("{failed} are beyond"),
    };
    let mut text = format!(
        "{} percentiles and counts are within 1 % or 150 µs of theory, {failed}; not judged: {} on \
         a knee, {} with too few batches above, {} for the server, {} for the machine.",
        tally.passed, tally.knees, tally.too_few, tally.server, tally.machine
    );
    if tally.invalid_trials > 0 {
        let _ = write!(text, " {} trials are INVALID.", tally.invalid_trials);
    }
    text
}

/// What the generator spun in its trials, least and most, microseconds for each batch; none: it
/// slept.
fn spun_us(calibration: &Calibration) -> Option<(f64, f64)> {
    let spun = calibration.cells.iter().filter_map(|cell| cell.generator_spin_us_per_batch);
    spun.fold(None, |range, us| {
        let (least, most) = range.unwrap_or((us, us));
        Some((us.min(least), us.max(most)))
    })
}

/// What made trials less than VALID, each kind once with its first sentence, and what kept tools
/// from running.
fn reasons(calibration: &Calibration) -> Vec<String> {
    let of_floors = calibration.floors.iter().flat_map(|floor| &floor.reasons);
    let of_cells = calibration.cells.iter().flat_map(|cell| &cell.reasons);
    let mut told: Vec<String> = Vec::new();
    for group in grouped(of_floors.chain(of_cells)).values() {
        let more = group.len() - 1;
        let also =
            if more > 0 { format!(" (and {more} more of this kind)") } else { String::new() };
        told.push(format!("{}{also}", group[0]));
    }
    told.extend(calibration.peers.iter().filter_map(|peer| {
        let why = peer.failed.as_ref()?;
        Some(format!("{} on {} {}: {why}", peer.tool, peer.protocol, peer.server))
    }));
    told
}

/// By what stands before the figure.
fn grouped<'a>(sentences: impl Iterator<Item = &'a String>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for sentence in sentences {
        let kind = sentence.split([':', '(', ',']).next().unwrap_or_default().trim();
        groups.entry(kind).or_default().push(sentence);
    }
    groups
}

fn floor(floor: &Floor) -> Line {
    let mut row = vec!["tcp".to_owned(), schedule(floor.rate_per_s, &floor.arrivals)];
    row.extend(floor.points.iter().map(|point| latency(point.ns)));
    row.extend([latency(Some(floor.max_ns)), latency(floor.lateness_p50_ns)]);
    row.extend([latency(floor.lateness_p99_ns), seal(floor.seal).into()]);
    Line::Cells(row)
}

fn row(cell: &Cell) -> Line {
    let mut row = vec![cell.protocol.clone(), schedule(cell.rate_per_s, &cell.arrivals)];
    row.extend(cell.points.iter().map(figure));
    row.extend([latency(Some(cell.max_ns)), latency(cell.lateness_p50_ns)]);
    let late =
        cell.woken_late_share.map_or("–".into(), |share| format!("{:.1} %", share * 100.0));
    row.extend([latency(cell.lateness_p99_ns), late, seal(cell.seal).into()]);
    let mark = if cell.released_verdict == Verdict::Pass { "" } else { " ✗" };
    row.push(format!("{} of {}{mark}", count(cell.released), count(cell.released_theory)));
    Line::Cells(row)
}

/// Ours and every tool's, by server.
fn peers(calibration: &Calibration) -> String {
    let mut lines = vec![cells(&["tool", "server", "p50", "p95", "p99", "p99.9", "sent", "loop"])];
    let same = |a: &Peer, b: &Peer| {
        let rate = a.rate_per_s.total_cmp(&b.rate_per_s).is_eq();
        rate && (&a.protocol, &a.server) == (&b.protocol, &b.server)
    };
    for group in calibration.peers.chunk_by(same) {
        let first = &group[0];
        let ours = calibration.cells.iter().find(|cell| {
            cell.arrivals == tailrace_measure::record::Arrivals::Constant
                && (&cell.protocol, &cell.server) == (&first.protocol, &first.server)
                && cell.rate_per_s.total_cmp(&first.rate_per_s).is_eq()
        });
        lines.push(Line::Heading(String::new()));
        let server =
            format!("{} {}, {}/s", first.protocol, first.server, count(first.rate_per_s as u64));
        let one = |tool: &str, points: &[Point], sent: Option<u64>, due: u64, way: &str| {
            let mut row = vec![tool.to_owned(), server.clone()];
            row.extend((0..JUDGED.len()).map(|at| points.get(at).map_or("–".into(), figure)));
            let sent = sent.map_or("–".into(), count);
            row.extend([format!("{sent} of {}", count(due)), way.into()]);
            Line::Cells(row)
        };
        if let Some(cell) = ours {
            let sent = Some(cell.released);
            lines.push(one("tailrace", &cell.points, sent, cell.released_theory, "open"));
        }
        lines.extend(group.iter().map(|peer| {
            let way = if peer.closed_loop { "closed" } else { "open" };
            one(&peer.tool, &peer.points, peer.sent, peer.sent_theory, way)
        }));
    }
    columns::align(&lines)
}

fn cells(words: &[&str]) -> Line {
    Line::Cells(words.iter().map(|&word| word.to_owned()).collect())
}

fn schedule(rate_per_s: f64, arrivals: &tailrace_measure::record::Arrivals) -> String {
    format!("{}/s {arrivals}", count(rate_per_s as u64))
}

fn seal(seal: Measurement) -> &'static str {
    match seal {
        Measurement::Valid => "VALID",
        Measurement::Suspect => "SUSPECT",
        Measurement::Invalid => "INVALID",
    }
}

/// `+0.07 ms (1.0 ms)`, with what it is taken for.
fn figure(point: &Point) -> String {
    let Some(error) = point.error_ns else {
        return format!("– ({})", latency(point.theory_ns));
    };
    let mark = match point.verdict {
        Verdict::Pass | Verdict::Absent => "",
        Verdict::Fail => " ✗",
        Verdict::Knee => " ~",
        Verdict::TooFew => " few",
        Verdict::Server => " server",
        Verdict::Machine => " machine",
    };
    format!("{} ({}){mark}", signed(Some(error)), latency(point.theory_ns))
}

/// One line while it runs.
pub(super) fn progress(cell: &Cell) -> String {
    line(&cell.protocol, &cell.server, &schedule(cell.rate_per_s, &cell.arrivals), &cell.points)
}

/// The same for a peer.
pub(super) fn peer_progress(peer: &Peer) -> String {
    match &peer.failed {
        Some(why) => format!("{} on {} {}: {why}", peer.tool, peer.protocol, peer.server),
        None => line(&peer.tool, &peer.protocol, &peer.server, &peer.points),
    }
}

fn line(first: &str, second: &str, third: &str, points: &[Point]) -> String {
    let figures: Vec<String> = points.iter().map(figure).collect();
    format!("{first} {second} {third}: {}", figures.join(", "))
}
