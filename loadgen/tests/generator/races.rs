//! Whole races: what runs, when it ends, and who is left out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tailrace_contract::{RunId, Wire};
use tailrace_loadgen::arena::{Launched, Launcher};
use tailrace_loadgen::folder::Folder;
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::race::{Race, Spectator};
use tailrace_loadgen::shape::{Body, Shape};
use tailrace_loadgen::trial::Finished;
use tailrace_measure::record::{Arm, Figure, Load, Manifest, Primary, Trial};

use crate::drive::Drive;
use crate::server::echo;
use crate::trials::{Host, arm, manifest};

/// Starts nothing: the server runs.
struct Running(SocketAddr);

impl Launcher for Running {
    fn launch(&mut self, _: &Arm) -> anyhow::Result<Box<dyn Launched>> {
        Ok(Box::new(Host::new(self.0, 64)))
    }
}

/// Interrupts a race after so many trials.
struct Impatient<'a> {
    trials_left: usize,
    interrupted: &'a AtomicBool,
}

impl Spectator for Impatient<'_> {
    fn begins(&mut self, _: &Arm, _: &Load, _: u32, _: &Arc<Gauge>) {}

    fn ended(&mut self, _: &Trial) {
        self.trials_left -= 1;
        self.interrupted.store(self.trials_left == 0, Relaxed);
    }
}

/// Runs what the manifest plans, interrupted after so many trials.
fn raced(
    manifest: &Manifest,
    launcher: &mut dyn Launcher,
    folder: &Folder,
    trials_left: usize,
) -> Vec<Finished> {
    let interrupted = AtomicBool::new(false);
    let race = Race {
        experiment: &manifest.experiment,
        faults: &[],
        generator_cores: &[],
        findings: &[],
        interrupted: &interrupted,
    };
    let mut spectator = Impatient { trials_left, interrupted: &interrupted };
    race.run(launcher, folder, &mut spectator).unwrap()
}

#[test]
fn an_interrupted_race_keeps_what_was_measured_and_starts_nothing() {
    let server = echo();
    let load = |slug: &str| Load { slug: slug.into(), ..Drive::new(500.0, 50).load };
    let manifest = manifest(arm(1, 64), vec![load("low"), load("high")], 2);
    let parent = tempfile::tempdir().unwrap();
    for (trials, ended) in [(1, 1), (3, 3), (9, 4)] {
        let folder = Folder::create(parent.path().join(trials.to_string())).unwrap();
        let finished = raced(&manifest, &mut Running(server.address), &folder, trials);
        assert!(finished.iter().all(|one| one.trial.ended_early.is_none()));
        assert_eq!((finished.len(), folder.read_trials(&manifest).unwrap().len()), (ended, ended));
    }
}

/// A server whose requests are a little longer in every second round: so much do they vary, and no
/// machine has a part in it.
struct Varied {
    address: SocketAddr,
    launched: usize,
}

struct Padded {
    host: Host,
    padding: usize,
}

impl Launched for Padded {
    fn ingest(&self) -> SocketAddr {
        self.host.ingest()
    }

    fn observer(&self) -> Option<SocketAddr> {
        None
    }

    fn wires(&self) -> Box<dyn Fn(RunId) -> Box<dyn Wire> + Send + Sync> {
        self.host.wires()
    }

    fn shape(&self) -> Option<Shape> {
        let body = Body::Template("x".repeat(self.padding));
        let (method, path) = ("POST".into(), "/".into());
        Some(Shape { method, path, headers: Vec::new(), body, acks: vec![202] })
    }

    fn server_pid(&self) -> u32 {
        self.host.server_pid()
    }

    fn backend_pid(&self) -> Option<u32> {
        None
    }

    fn server_death(&mut self) -> Option<String> {
        None
    }

    fn recover(&mut self) -> Result<(), String> {
        Ok(())
    }
}

impl Launcher for Varied {
    fn launch(&mut self, arm: &Arm) -> anyhow::Result<Box<dyn Launched>> {
        self.launched += 1;
        // Both arms have a launch in each round.
        let even = self.launched.div_ceil(2).is_multiple_of(2);
        let padding = if arm.slug == "new" && even { 460 } else { 400 };
        Ok(Box::new(Padded { host: Host::new(self.address, 64), padding }))
    }
}

#[test]
fn a_race_that_decides_runs_its_second_stage_and_ends() {
    let server = echo();
    let named = |slug: &str| Arm { slug: slug.into(), floor: false, ..arm(1, 64) };
    let mut manifest = manifest(named("old"), vec![Drive::new(500.0, 60).load], 6);
    let experiment = &mut manifest.experiment;
    experiment.arms.push(named("new"));
    experiment.decide = true;
    experiment.baseline = "old".into();
    let load = experiment.loads[0].slug.clone();
    let pairs = vec![("new".into(), "old".into())];
    experiment.primary =
        Some(Primary { figure: Figure::WireBytes, load, against_load: None, pairs });
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::create(parent.path().join("run")).unwrap();
    let mut launcher = Varied { address: server.address, launched: 0 };
    let finished = raced(&manifest, &mut launcher, &folder, usize::MAX);
    let trials: Vec<Trial> = finished.into_iter().map(|one| one.trial).collect();
    let rounds = trials.last().unwrap().round;
    let summary = tailrace_measure::summary::summarize("r", &manifest.experiment, &trials);
    let answer = summary.answer.unwrap();
    assert!((6..=20).contains(&rounds), "{rounds} rounds");
    // A machine that is busy with other tests may leave no round that counts.
    let Some(ratio) = &answer.comparisons[0].ratio else { return };
    assert!((7..=20).contains(&rounds), "{rounds} rounds: {}", answer.sentence);
    assert!((0.99..1.15).contains(&ratio.mean), "{ratio:?}");
    assert!(answer.sentence.contains("first"), "{}", answer.sentence);
}

/// Whoever is left to speak for the machine where everything else has a subscriber.
#[test]
fn the_floor_runs_once_a_schedule_where_all_loads_have_subscribers() {
    let server = echo();
    let load = |slug: &str, one_in| {
        let feed_one_in = one_in;
        Load { slug: slug.into(), feed_one_in, ..Drive::new(500.0, 50).load }
    };
    let ran = |loads: Vec<Load>| {
        let mut manifest = manifest(arm(1, 64), loads, 1);
        manifest.experiment.arms.push(Arm { slug: "other".into(), floor: false, ..arm(1, 64) });
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::create(parent.path().join("run")).unwrap();
        let finished = raced(&manifest, &mut Running(server.address), &folder, usize::MAX);
        let mut ran: Vec<String> =
            finished.iter().map(|one| format!("{} {}", one.trial.arm, one.trial.load)).collect();
        ran.sort();
        ran
    };
    assert_eq!(ran(vec![load("few", Some(9)), load("many", Some(2))]), ["floor few"]);
    let both = ran(vec![load("few", Some(9)), load("plain", None)]);
    assert_eq!(both, ["floor plain", "other plain"]);
}
