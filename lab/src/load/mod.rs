//! `tailrace load URL`: an open-loop load on anyone's endpoint. Requests are due by a schedule that
//! waits for nothing; every latency begins there.
//!
//! `arguments.rs` is what can be asked, `endpoint/` where it goes and what is sent,
//! `objective.rs` what must be met; `live.rs` and `prometheus.rs` tell while it runs, `print.rs`
//! afterwards. The event loop is `loadgen/src/driver`, the record
//! `loadgen/measure/src/load_report.rs`.

mod arguments;
pub(crate) mod live;
pub(crate) mod objective;
mod print;
mod prometheus;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context;
pub use arguments::LoadArgs;
use live::Live;
use tailrace_loadgen::folder;
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::load::{self, Loaded};
use tailrace_loadgen::plan::{Pace, Plan, Share};
use tailrace_measure::load_report::{self, LoadAsked, LoadReport, Loop};
use tailrace_measure::record::{Load, Measurement};
use tailrace_measure::schedule;

use crate::endpoint::Endpoint;
use crate::exit::{Ended, Fault};
use crate::machine::Surroundings;
use crate::{interrupt, pacing, printing, redis};

/// Requests a second, where neither a rate nor the arrivals say it.
const RATE_PER_S: f64 = 1_000.0;
/// So many seconds of the schedule may be sent or waiting at once.
const IN_FLIGHT_S: f64 = 2.0;
/// Fewer than this in flight would make a slow schedule overflow at the first slow answer.
const IN_FLIGHT_MIN: u64 = 100;
/// A load with nothing in its window measures nothing.
const DURATION_MIN: Duration = Duration::from_millis(10);

/// Loads an endpoint and says what became of it.
///
/// # Errors
/// Arguments that make no sense, or an endpoint that cannot be reached.
pub fn run(arguments: &LoadArgs) -> anyhow::Result<Ended> {
    let schedule = schedule_of(arguments)?;
    let endpoint = Endpoint::find(&arguments.url, &arguments.request, arguments.closed)?;
    let load = load_asked(arguments, &endpoint, &schedule)?;
    let plans = Share::all(arguments.request.threads.into())
        .map(|share| plan(&schedule, &load, &endpoint).shared(share))
        .collect();
    if let Some(folder) = &arguments.hlog {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let gauge = Arc::new(Gauge::default());
    let stop = Arc::clone(&gauge);
    let interrupted = interrupt::flag(move || stop.stop())?;
    let loaded = drive(arguments, &endpoint, plans, &gauge)?;
    let mut report =
        load::report(described(&endpoint), load, &loaded, &Surroundings::look().findings());
    report.objectives = arguments.slo.iter().map(|slo| objective::judge(slo, &report)).collect();
    if let Some(folder) = &arguments.hlog {
        folder::write_histograms(folder, &loaded.ran.driven.measured, report.window_ns)?;
    }
    if arguments.json {
        printing::json(&report)?;
    } else {
        print::print(&report, &loaded.ran.driven.measured)?;
    }
    Ok(if interrupted.load(Relaxed) { Ended::Interrupted } else { ended(&report) })
}

/// Runs the load while telling how it goes.
fn drive(
    arguments: &LoadArgs,
    endpoint: &Endpoint,
    plans: Vec<Plan>,
    gauge: &Arc<Gauge>,
) -> anyhow::Result<Loaded> {
    let new_wire = endpoint.wires();
    let exporter = arguments.prometheus.map(|address| {
        prometheus::start(address, gauge).with_context(|| format!("--prometheus {address}"))
    });
    let exporter = exporter.transpose()?;
    if let Some(exporter) = &exporter {
        eprintln!("figures for Prometheus: http://{}/metrics", exporter.address());
    }
    let _live = Live::start(&arguments.url, gauge, arguments.warm_up + arguments.duration)?;
    let asked = (&endpoint.asked, arguments.seed);
    load::run(plans, asked, &*new_wire, &arguments.request.cores, gauge)
        .map_err(|error| endpoint.untaken(error))
}

/// The load as a schedule sees it, with what was left to be chosen.
fn schedule_of(arguments: &LoadArgs) -> Result<Load, Fault> {
    if arguments.duration < DURATION_MIN {
        return Err(Fault::Usage(format!("--duration must be at least {DURATION_MIN:?}")));
    }
    if arguments.closed && arguments.request.pacing.spin {
        return Err(Fault::Usage(
            "--spin is about due times, and in a closed loop nothing is due: a request is sent \
             when an answer has come; leave out --spin or --closed"
                .into(),
        ));
    }
    pacing::beside_an_endpoint(&arguments.request)?;
    let own_rate = || arguments.arrivals.own_rate_per_s().unwrap_or(RATE_PER_S);
    let rate_per_s = arguments.rate.unwrap_or_else(own_rate);
    let peak_per_s = rate_per_s * arguments.arrivals.peak_to_mean();
    let in_flight = ((peak_per_s * IN_FLIGHT_S) as u64).max(IN_FLIGHT_MIN);
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Ok(Load {
        slug: String::new(),
        label: String::new(),
        rate_per_s,
        arrivals: arguments.arrivals.clone(),
        warm_up_ms: ms(arguments.warm_up),
        window_ms: ms(arguments.duration),
        timeout_ms: ms(arguments.timeout),
        in_flight_max: arguments.in_flight.unwrap_or(in_flight),
        feed_one_in: None,
        crowd: None,
        spin: arguments.request.pacing.spin,
    })
}

/// What was asked for, as the report says it.
fn load_asked(arguments: &LoadArgs, endpoint: &Endpoint, load: &Load) -> anyhow::Result<LoadAsked> {
    let (connections, per_connection) = (endpoint.connections, endpoint.per_connection);
    let all = u64::from(connections) * u64::from(per_connection);
    let is_open = !arguments.closed;
    let sha256 = is_open.then(|| schedule::sha256(load, arguments.seed)).transpose();
    Ok(LoadAsked {
        r#loop: if is_open { Loop::Open } else { Loop::Closed },
        arrivals: is_open.then(|| load.arrivals.clone()),
        rate_per_s: is_open.then_some(load.rate_per_s),
        connections,
        per_connection,
        in_flight_max: if is_open { load.in_flight_max } else { all },
        keep_alive: endpoint.keeps_connections,
        spin: load.spin,
        warm_up_ns: load.warm_up_ms * 1_000_000,
        timeout_ns: load.timeout_ms * 1_000_000,
        seed: arguments.seed,
        schedule_sha256: sha256?,
    })
}

fn plan(schedule: &Load, asked: &LoadAsked, endpoint: &Endpoint) -> Plan {
    let mut plan = Plan::of_load(schedule, asked.seed, redis::fresh_run(), endpoint.address);
    plan.tls.clone_from(&endpoint.tls);
    plan.connections = asked.connections as usize;
    plan.in_flight_max = usize::try_from(asked.in_flight_max).unwrap_or(usize::MAX);
    plan.keeps_connections = asked.keep_alive;
    if asked.r#loop == Loop::Closed {
        plan.pace = Pace::Saturate;
    }
    plan
}

fn described(endpoint: &Endpoint) -> load_report::Endpoint {
    let target = &endpoint.target;
    load_report::Endpoint {
        url: endpoint.url.clone(),
        protocol: target.protocol.name.into(),
        tls: target.is_secured,
        address: endpoint.address.to_string(),
        method: (!target.is_websocket()).then(|| endpoint.asked.method.clone()),
        expected_body: endpoint.expected_body.clone(),
    }
}

/// An instrument that is not to be believed decides before what it says.
fn ended(report: &LoadReport) -> Ended {
    let is_missed = report.objectives.iter().any(|objective| !objective.met);
    if report.seals.measurement == Measurement::Invalid {
        Ended::InvalidMeasurement
    } else if is_missed || report.outcomes.acked == 0 {
        Ended::Failed
    } else {
        Ended::Fine
    }
}
