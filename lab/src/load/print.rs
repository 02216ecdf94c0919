//! A load's report for people: what was asked, what became of it, the percentiles with how many
//! requests support each, and how far the measurement is to be believed.

use tailrace_loadgen::gauge::Cell;
use tailrace_measure::load_report::{Generator, LoadReport, Loop, Percentiles};
use tailrace_measure::record::{Measurement, SUPPORT_MIN};
use tailrace_measure::recorder::Measured;
use tailrace_measure::wording::plural;
use tailrace_render::format::{BEYOND_TIMEOUT, NOTHING, TOO_FEW, count, latency, rate};

use crate::columns::{self, Line};
use crate::sparkline::{self, Glyphs};
use crate::{printing, terminal};

/// Of the histogram, where nothing narrower is asked for.
const WIDTH: usize = 70;
/// What stands before it.
const BEFORE: &str = "ack  ";

/// Prints the report.
///
/// # Errors
/// Standard output is closed.
pub(super) fn print(report: &LoadReport, measured: &Measured) -> anyhow::Result<()> {
    let width = terminal::output_width();
    let prose = |line: &String| printing::line(&terminal::wrap(line, width, 2));
    question(report).iter().try_for_each(prose)?;
    printing::line("")?;
    printing::line(&table(report, width))?;
    let bars = width.map_or(WIDTH, |width| WIDTH.min(width.saturating_sub(BEFORE.len())));
    if let Some(bars) = sparkline::histogram(&cells(measured), bars, Glyphs::of_locale()) {
        printing::line(&format!("\n{BEFORE}{bars}"))?;
    }
    printing::line("")?;
    answers(report).iter().try_for_each(prose)?;
    Ok(())
}

/// The latencies of the acknowledged requests, as finely as they were recorded.
fn cells(measured: &Measured) -> Vec<Cell> {
    let ack = &measured.ack;
    let cell = |ns: u64, count: u64| Cell {
        low_ns: ack.lowest_equivalent(ns),
        high_ns: ack.next_non_equivalent(ns),
        count,
    };
    let steps = ack.iter_recorded();
    steps.map(|step| cell(step.value_iterated_to(), step.count_since_last_iteration())).collect()
}

fn question(report: &LoadReport) -> Vec<String> {
    let (endpoint, load) = (&report.endpoint, &report.load);
    let method = endpoint.method.as_deref().unwrap_or("messages to");
    let keep = if load.keep_alive { "" } else { ", a connection a request" };
    let mut lines = vec![format!(
        "{method} {} ({} at {}), {} × {} in flight{keep}",
        endpoint.url,
        endpoint.protocol,
        endpoint.address,
        plural(load.connections.into(), "connection"),
        load.per_connection
    )];
    lines.extend(endpoint.expected_body.as_ref().map(|text| {
        format!("only an answer with {text:?} in its body acknowledges; others are refused")
    }));
    if load.r#loop == Loop::Closed {
        lines.push(
            "CLOSED LOOP: a request is sent when an answer has come, so these latencies hide every \
             wait; they are for teaching, not for judging. Leave out --closed to measure."
                .into(),
        );
    }
    let arrivals = match (&load.arrivals, load.rate_per_s) {
        (Some(arrivals), Some(per_s)) => format!(", {arrivals} at {}", rate(per_s)),
        _ => String::new(),
    };
    let warm_up = match load.warm_up_ns {
        0 => "without warm-up".to_owned(),
        ns => format!("after {:.1} s of warm-up", ns as f64 / 1e9),
    };
    lines.push(format!(
        "{:.1} s {warm_up}{arrivals}: {} due, {}; {} acknowledged, {}",
        report.window_ns as f64 / 1e9,
        count(report.offered.count),
        rate(report.offered.rate_per_s),
        count(report.achieved.count),
        rate(report.achieved.rate_per_s),
    ));
    lines
}

/// A row for each latency; on a terminal that is too narrow for that, a row for each percentile.
fn table(report: &LoadReport, width: Option<usize>) -> String {
    let rows = rows(report);
    let lines = |rows: Vec<Vec<String>>| rows.into_iter().map(Line::Cells).collect::<Vec<_>>();
    let columns = 0..rows.first().map_or(0, Vec::len);
    let turned = columns.map(|column| rows.iter().map(|row| row[column].clone()).collect());
    let (narrow, wide) = (lines(turned.collect()), lines(rows));
    let fits = width.is_none_or(|width| columns::width(&wide) <= width);
    columns::align(if fits { &wide } else { &narrow })
}

fn rows(report: &LoadReport) -> Vec<Vec<String>> {
    let headings = ["", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"];
    let mut lines = vec![headings.map(str::to_owned).to_vec()];
    let rows = [
        ("ack", &report.ack_ns),
        ("service", &report.service_ns),
        ("queued", &report.queued_ns),
        ("lateness", &report.lateness_ns),
    ];
    lines.extend(rows.map(|(name, figures)| row(name, figures)));
    let support = &report.ack_ns.support;
    let above = [support.p50, support.p90, support.p95, support.p99, support.p99_9, support.p99_99];
    let cells = above.map(count).into_iter();
    lines.push(
        std::iter::once("requests above".to_owned()).chain(cells).chain(["0".to_owned()]).collect(),
    );
    if !report.load.keep_alive {
        lines.push(row("connect", &report.connections.connect_ns));
        lines.extend(report.connections.tls_ns.iter().map(|tls| row("TLS", tls)));
    }
    lines
}

fn row(name: &str, figures: &Percentiles) -> Vec<String> {
    let support = &figures.support;
    let told = |ns: Option<u64>, above: u64| match ns {
        Some(_) if above < SUPPORT_MIN => TOO_FEW.to_owned(),
        Some(ns) => latency(Some(ns)),
        None if figures.unanswered > 0 => BEYOND_TIMEOUT.to_owned(),
        None => NOTHING.to_owned(),
    };
    vec![
        name.to_owned(),
        told(figures.p50, support.p50),
        told(figures.p90, support.p90),
        told(figures.p95, support.p95),
        told(figures.p99, support.p99),
        told(figures.p99_9, support.p99_9),
        told(figures.p99_99, support.p99_99),
        told(figures.max, SUPPORT_MIN),
    ]
}

fn answers(report: &LoadReport) -> Vec<String> {
    let outcomes = &report.outcomes;
    let refused: u64 = outcomes.refused.values().sum();
    let by_status = outcomes.refused.iter().map(|(status, n)| format!("{status}: {}", count(*n)));
    let by_status = by_status.collect::<Vec<_>>().join(", ");
    let by_status = if refused > 0 { format!(" ({by_status})") } else { String::new() };
    let mut lines = vec![format!(
        "outcomes: {} acknowledged, {} refused{by_status}, {} timed out, {} broken, {} overflowed, \
         {} censored",
        count(outcomes.acked),
        count(refused),
        count(outcomes.timed_out),
        count(outcomes.broken),
        count(outcomes.overflowed),
        count(outcomes.censored),
    )];
    lines.push(connections(report));
    lines.push(generator(&report.generator));
    for objective in &report.objectives {
        let verdict = if objective.met { "met" } else { "MISSED" };
        lines.push(format!("objective {}: {verdict}, seen: {}", objective.text, objective.seen));
    }
    lines.extend(report.ended_early.as_ref().map(|why| format!("! ended early: {why}")));
    lines.extend(seal(report));
    lines
}

fn generator(generator: &Generator) -> String {
    let Generator { cpu_us_per_request, core_share, .. } = generator;
    let spun = generator.spin_us_per_request.zip(generator.spin_core_share);
    let spun = spun.map(|(us, share)| {
        format!("; besides it spun {us:.1} µs a request, {:.0} % of a core", share * 100.0)
    });
    format!(
        "generator: {cpu_us_per_request:.1} µs of CPU a request, {:.0} % of a core{}",
        core_share * 100.0,
        spun.unwrap_or_default()
    )
}

fn connections(report: &LoadReport) -> String {
    let connections = &report.connections;
    let mut text = format!(
        "connections: {} opened, {} lost; connect p50 {}",
        count(connections.opened),
        count(connections.lost),
        latency(connections.connect_ns.p50)
    );
    if let Some(tls) = &connections.tls_ns {
        text = text + ", TLS handshake p50 " + &latency(tls.p50);
    }
    if let Some(why) = &connections.last_loss {
        text = text + "; the last loss: " + why;
    }
    text
}

fn seal(report: &LoadReport) -> Vec<String> {
    let seals = &report.seals;
    let verdict = match seals.measurement {
        Measurement::Valid => "VALID: nothing to object to the instrument",
        Measurement::Suspect => "SUSPECT: to be read with care",
        Measurement::Invalid => "INVALID: these figures show the generator, not the endpoint",
    };
    let reasons = seals.reasons.iter().map(|reason| format!("! {reason}"));
    std::iter::once(format!("measurement {verdict}")).chain(reasons).collect()
}
