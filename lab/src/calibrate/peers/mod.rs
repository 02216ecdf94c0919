//! Other tools on the servers of known behaviour: found on the PATH, run with the same rate and
//! connections as the generator, read by what they print. Their requests carry no sequence, so
//! the server counts. Read `tools.rs` for who they are and how each is asked, `parse.rs` for
//! what each says.

mod parse;
mod tools;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tailrace_loadgen::arena::Launcher;
use tailrace_measure::calibration::{Excuse, JUDGED, point};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::known::Behaviour;
use tailrace_measure::record::{Absent, Cell, Floor, Peer, Point};
use tailrace_measure::recorder::Window;
use tailrace_measure::simulate::simulate;
use tailrace_measure::theory::Theory;

use super::cells::Question;
use super::stage::Stage;
use crate::exit::Fault;
use parse::Seen;
use tools::{Ask, TOOLS, Tool};

const SECOND_NS: u64 = 1_000_000_000;

/// A tool that has not ended so long after it should have is stopped.
const GRACE: Duration = Duration::from_secs(20);
/// Between two looks whether it has ended; it is not measured by this.
const LOOK: Duration = Duration::from_millis(20);

/// A tool that is here.
pub(super) struct Found {
    tool: &'static Tool,
    version: String,
}

/// Those of the named tools that are on the PATH, and the others.
///
/// # Errors
/// A name that is not known.
pub(super) fn find(names: &[String]) -> Result<(Vec<Found>, Vec<Absent>), Fault> {
    let (mut here, mut absent) = (Vec::new(), Vec::new());
    for name in names {
        let ways: Vec<&Tool> = TOOLS.iter().filter(|tool| tool.program == name).collect();
        let [first, ..] = ways[..] else {
            let mut known: Vec<&str> = TOOLS.iter().map(|tool| tool.program).collect();
            known.dedup();
            let known = known.join(", ");
            return Err(Fault::Usage(format!("{name:?} is not known here; known are {known}")));
        };
        match version(first) {
            Some(version) => {
                here.extend(ways.iter().map(|tool| Found { tool, version: version.clone() }));
            }
            None => absent.push(Absent { tool: name.clone(), how: first.how_to_get.into() }),
        }
    }
    Ok((here, absent))
}

/// What it says when asked; none: it is not there.
fn version(tool: &Tool) -> Option<String> {
    let output = Command::new(tool.program).arg(tool.version_flag).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().find(|line| line.chars().any(|c| c.is_ascii_digit()));
    Some(line.unwrap_or("unknown").trim().to_owned())
}

/// What the machine did to the floor on the same schedule, and to this generator on the same server
/// by letting the server be late and waking the generator late: as good an excuse for a tool as for us.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) floor: Option<&'a Floor>,
    pub(super) ours: Option<&'a Cell>,
}

/// Runs a tool on one server; none where it does not speak the protocol, or was interrupted.
///
/// # Errors
/// The server did not start. What the tool does wrong is told in the record.
pub(super) fn run(
    stage: &mut Stage,
    question: &Question,
    found: &Found,
    beside: Beside<'_>,
) -> anyhow::Result<Option<Peer>> {
    if !found.tool.protocols.contains(&question.protocol_name()) {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let behaviour = question.behaviour();
    let server = stage.children.launch(&question.exact_arm(&behaviour, stage))?;
    let seconds = question.window_ns.div_ceil(SECOND_NS);
    let (connections, in_flight) = question.connections();
    let ask = Ask {
        seconds,
        connections,
        in_flight,
        rate_per_s: question.rate_per_s,
        protocol: question.protocol_name(),
        folder: folder.path(),
    };
    let arguments = (found.tool.arguments)(&ask)?;
    let started = now();
    let cores = stage.surroundings.generator_cores.clone();
    let stop = &stage.interrupted;
    let ran = execute(found.tool, &arguments, server.ingest(), seconds, (&cores, stop));
    if stop.load(Relaxed) {
        return Ok(None);
    }
    let seen = ran.and_then(|printed| (found.tool.read)(&printed, folder.path()));
    let theory = theory(question, &behaviour, started, seconds);
    let arguments = publishable(arguments, folder.path());
    let points = seen.as_ref().map_or(Vec::new(), |seen| points(seen, &theory, beside));
    Ok(Some(record(question, found, arguments, seen, (points, &theory))))
}

fn points(seen: &Seen, theory: &Theory, beside: Beside<'_>) -> Vec<Point> {
    let measured = JUDGED.iter().zip(seen.ns);
    let judged = measured.map(|(&q, ns)| {
        let floor_ns = beside.floor.and_then(|floor| floor.ns_at(q));
        let woken_late_ns = beside.ours.and_then(|cell| cell.woken_late_ns_at(q));
        point(
            theory,
            q,
            ns,
            Excuse { machine_ns: floor_ns.max(woken_late_ns), ..Excuse::default() },
        )
    });
    judged.collect()
}

/// Of equal distances from its start on. When exactly it began is its secret; what repeats is
/// long against that, and whole.
fn theory(question: &Question, behaviour: &Behaviour, started: Stamp, seconds: u64) -> Theory {
    let window = Window { start: started, end: started.plus(seconds * SECOND_NS) };
    let gap_ns = SECOND_NS as f64 / question.rate_per_s;
    let due = (0u64..).map(|index| started.plus((index as f64 * gap_ns) as u64));
    let paths = question.paths(behaviour, started, u64::MAX);
    simulate(behaviour, &paths, due.take_while(|due| *due < window.end), window)
}

fn record(
    question: &Question,
    found: &Found,
    arguments: Vec<String>,
    seen: anyhow::Result<Seen>,
    (points, theory): (Vec<Point>, &Theory),
) -> Peer {
    let (seen, failed) = match seen {
        Ok(seen) => (seen, None),
        Err(why) => (Seen::default(), Some(format!("{why:#}"))),
    };
    Peer {
        tool: found.tool.name.into(),
        version: found.version.clone(),
        arguments,
        closed_loop: found.tool.closed_loop,
        protocol: question.protocol_name().into(),
        server: question.kind.name().into(),
        rate_per_s: question.rate_per_s,
        window_ns: question.window_ns.next_multiple_of(SECOND_NS),
        sent: seen.sent,
        sent_theory: theory.due,
        points,
        failed,
    }
}

/// Paths of this machine are nobody's business.
fn publishable(arguments: Vec<String>, folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    arguments.into_iter().map(|word| word.replace(&folder, "…")).collect()
}

/// Runs it to its end, on the generator's core, and returns what it printed.
fn execute(
    tool: &Tool,
    arguments: &[String],
    address: SocketAddr,
    seconds: u64,
    (cores, stop): (&[usize], &AtomicBool),
) -> anyhow::Result<String> {
    let (mut output, errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let mut command = Command::new(tool.program);
    command.args(arguments).arg(format!("http://{address}/"));
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(errors.try_clone()?);
    let mut child = tailrace_sys::spawn_bound(&mut command, (!cores.is_empty()).then_some(cores))?;
    let deadline = Instant::now() + Duration::from_secs(seconds + tool.extra_seconds) + GRACE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline || stop.load(Relaxed) {
            child.kill()?;
            child.wait()?;
            bail!("it was stopped, because it did not end in time or nobody waits for it");
        }
        std::thread::sleep(LOOK);
    };
    let printed = contents(&mut output)?;
    if !status.success() {
        let said = contents(&mut { errors })?;
        let last = said.lines().last().unwrap_or("nothing").to_owned();
        bail!("it ended with {status}; it said: {last}");
    }
    Ok(printed)
}

fn contents(file: &mut File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes).context("what it printed cannot be read")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_told_with_what_is() {
        let told = find(&["siege".into()]).err().unwrap().to_string();
        assert!(told.contains("wrk, wrk2, h2load, oha, hey, ab"), "{told}");
        assert!(find(&[]).is_ok_and(|(here, absent)| here.is_empty() && absent.is_empty()));
    }
}
