//! `tailrace calibrate`: the generator against servers of known behaviour. What it should have
//! measured is computed from the schedule as it was; what it measured beyond that is its own
//! error, or the machine's, which the floor shows beside it.
//!
//! Read `cells.rs` (one trial and its theory), then `peers/` (other tools on the same servers) and
//! `ping_pong.rs` (the open loop beside the simplest closed one);
//! how an error is judged is said in `tailrace_measure::calibration`.

mod arguments;
mod cells;
mod peers;
mod ping_pong;
mod report;
mod stage;
mod theories;

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

pub use arguments::CalibrateArgs;
use tailrace_measure::calibration::tally;
use tailrace_measure::record::{Calibration, Measurement, SCHEMA_VERSION, Verdict};

use crate::exit::Ended;
use crate::{machine, printing, site};
use cells::Question;
use stage::Stage;

/// Runs every trial, then the peers that were asked for, and reports.
///
/// # Errors
/// A server did not start, or results cannot be written.
pub fn run(arguments: &CalibrateArgs) -> anyhow::Result<Ended> {
    let asked = arguments.asked()?;
    let (tools, absent) = peers::find(&asked.against)?;
    let mut stage = Stage::set(arguments.pacing.spin)?;
    let mut calibration = begin(&stage, &asked)?;
    calibration.absent = absent;
    let folder = stage::folder(&arguments.results)?;
    let save = |calibration: &Calibration| report::save(&folder, calibration);
    if arguments.ping_pong {
        for &protocol in &asked.protocols {
            let Some(rounds) = ping_pong::run(&mut stage, protocol, (asked.seed, asked.window_ns))?
            else {
                break;
            };
            eprintln!("{}", report::ping_pong(&rounds));
            calibration.ping_pongs.push(rounds);
            save(&calibration)?;
        }
    }
    for question in asked.floors() {
        calibration.floors.push(cells::floor(&mut stage, &question)?);
    }
    for question in asked.questions() {
        let floor = calibration.floors.iter().find(|floor| question.is_of(floor));
        let Some(cell) = cells::run(&mut stage, &question, floor)? else { break };
        eprintln!("{}", report::progress(&cell));
        calibration.cells.push(cell);
        calibration.tally = tally(&calibration.cells);
        save(&calibration)?;
    }
    for question in asked.questions().filter(Question::suits_peers) {
        for tool in &tools {
            if stage.interrupted.load(Relaxed) {
                break;
            }
            let beside = peers::Beside {
                floor: calibration.floors.iter().find(|floor| question.is_of(floor)),
                ours: calibration.cells.iter().find(|cell| question.was_answered_by(cell)),
            };
            let Some(peer) = peers::run(&mut stage, &question, tool, beside)? else { continue };
            eprintln!("{}", report::peer_progress(&peer));
            calibration.peers.push(peer);
            save(&calibration)?;
        }
    }
    let interrupted = stage.interrupted.load(Relaxed);
    tell(&calibration, arguments.json)?;
    publish(&folder, arguments, interrupted)?;
    eprintln!("results: {}", folder.display());
    Ok(ended(&calibration, interrupted))
}

/// Makes the page and says where it is. Whoever wants to end does not wait for npm.
fn publish(folder: &Path, arguments: &CalibrateArgs, interrupted: bool) -> anyhow::Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    match site::page_of_calibration(&arguments.results, &name, !interrupted) {
        Some(page) if !arguments.json => Ok(printing::line(&format!("\nOpen {page}"))?),
        _ => Ok(()),
    }
}

fn begin(stage: &Stage, asked: &arguments::Asked) -> anyhow::Result<Calibration> {
    let warnings = stage.findings.iter().map(|(_, sentence)| sentence.clone());
    Ok(Calibration {
        schema_version: SCHEMA_VERSION,
        tailrace_version: env!("CARGO_PKG_VERSION").into(),
        started_utc: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        command: machine::command(),
        machine: stage.surroundings.machine(),
        build: machine::build()?,
        placement: stage.surroundings.placement(),
        seed: asked.seed,
        spin: stage.spin,
        floors: Vec::new(),
        cells: Vec::new(),
        ping_pongs: Vec::new(),
        peers: Vec::new(),
        absent: Vec::new(),
        warnings: warnings.collect(),
        tally: tailrace_measure::record::Tally::default(),
    })
}

fn tell(calibration: &Calibration, json: bool) -> anyhow::Result<()> {
    if json {
        return printing::json(calibration);
    }
    Ok(printing::line(&report::text(calibration))?)
}

fn ended(calibration: &Calibration, interrupted: bool) -> Ended {
    let floors_fine = calibration.floors.iter().all(|floor| floor.seal != Measurement::Invalid);
    let tally = calibration.tally;
    let beside_fine = calibration.ping_pongs.iter().all(|one| one.verdict == Verdict::Pass);
    match tally.failed + tally.invalid_trials {
        _ if interrupted => Ended::Interrupted,
        0 if floors_fine && beside_fine => Ended::Fine,
        _ => Ended::InvalidMeasurement,
    }
}
