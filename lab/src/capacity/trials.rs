//! The trials of a search: each on a fresh server or on an endpoint that is back, on disk before the
//! next begins, and ended early when the system falls behind so far that its answer is certain.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tailrace_loadgen::account::Finding;
use tailrace_loadgen::arena::Launcher;
use tailrace_loadgen::capacity::{Found, Objective, judge};
use tailrace_loadgen::experiment::{LoadPlan, Rate, limits};
use tailrace_loadgen::folder::Folder;
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::race::{mix, payloads};
use tailrace_loadgen::trial::{Finished, Request, run};
use tailrace_measure::record::{
    Arm, Arrivals, Capacity, CapacityAnswer, CapacityRung, CapacityTrial, CapacityVerdict,
    Experiment, Load, Manifest, SCHEMA_VERSION, SUPPORT_MIN, Trial,
};
use tailrace_measure::seals::overloaded;
use tailrace_render::format::{count, latency};

use super::outcome::sentence;
use super::{CapacityArgs, Place};
use crate::contestants::Contestants;
use crate::load::live::Live;
use crate::play::{self, Stage};
use crate::postgres::PostgresArgs;
use crate::{interrupt, machine};

/// A system so much of its schedule behind has missed every objective that is shorter.
const BEHIND_S: f64 = 1.0;
/// How often the backlog is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// A live subscriber follows at most so many batches a second.
const LIVE_PER_S: f64 = 1_000.0;
/// More than a percentile's least support on average, so that chance rarely takes it away.
const SUPPORT_SPARE: f64 = 2.0;

/// Batches a second at which a window has enough batches above a percentile.
pub(super) fn supported_per_s(q: f64, window: Duration) -> f64 {
    SUPPORT_SPARE * SUPPORT_MIN as f64 / (1.0 - q) / window.as_secs_f64()
}

/// The trials of one search.
pub(super) struct Trials<'a> {
    arguments: &'a CapacityArgs,
    arm: Arm,
    objectives: Vec<Objective>,
    surroundings: machine::Surroundings,
    findings: Vec<Finding>,
    launcher: Box<dyn Launcher>,
    folder: Folder,
    manifest: Manifest,
    current: Arc<Mutex<Option<Arc<Gauge>>>>,
    interrupted: Arc<AtomicBool>,
    rungs: Vec<CapacityRung>,
}

impl<'a> Trials<'a> {
    pub(super) fn start(
        arguments: &'a CapacityArgs,
        Place { arm, launcher, surroundings }: Place,
        objectives: Vec<Objective>,
    ) -> anyhow::Result<Self> {
        surroundings.stay_off_the_generators_core()?;
        let current = Arc::new(Mutex::new(None));
        let interrupted = interrupt::flag(play::stopper(&current))?;
        let folder = play::folder("capacity", &arguments.results)?;
        let asked: Vec<String> = objectives.iter().map(ToString::to_string).collect();
        let experiment = Experiment {
            name: "capacity".into(),
            question: format!("How much does {} take with {}?", arm.pipeline, asked.join(", ")),
            seed: arguments.seed,
            rounds: 1,
            baseline: arm.slug.clone(),
            arms: vec![arm.clone()],
            ..Experiment::default()
        };
        let contestants = Contestants::default();
        let stage = Stage {
            results: &arguments.results,
            json: arguments.json,
            redis: &arguments.redis,
            postgres: &PostgresArgs::default(),
            contestants: &contestants,
            faults: &[],
        };
        let manifest = play::manifest(&experiment, &folder, &surroundings, &stage)?;
        let findings = surroundings.findings();
        Ok(Self {
            arguments,
            arm,
            objectives,
            surroundings,
            findings,
            launcher,
            folder,
            manifest,
            current,
            interrupted,
            rungs: Vec::new(),
        })
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// One more trial at a rate; none: it was interrupted.
    pub(super) fn attempt(&mut self, rate: f64) -> anyhow::Result<Option<CapacityVerdict>> {
        if self.interrupted.load(Relaxed) {
            return Ok(None);
        }
        let load = self.load(rate);
        let round = self.announce(&load)?;
        let gauge = Arc::new(Gauge::default());
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&gauge));
        let (finished, behind) = self.trial(&load, round, &gauge)?;
        self.folder.write_trial(&finished)?;
        if self.interrupted.load(Relaxed) {
            return Ok(None);
        }
        let told = self.told(&finished.trial, behind);
        eprintln!(
            "{}/s · trial {round} · p50 {} · p99 {} · {:?}: {}",
            count(rate as u64),
            latency(told.ack_p50_ns),
            latency(told.ack_p99_ns),
            told.verdict,
            told.reason
        );
        let verdict = told.verdict;
        self.rung(rate).trials.push(told);
        Ok(Some(verdict))
    }

    fn load(&self, rate: f64) -> Load {
        let live = self.objectives.iter().any(|objective| {
            let path = tailrace_loadgen::capacity::Path::Live;
            matches!(objective, Objective::Latency { path: asked, .. } if *asked == path)
        });
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let plan = LoadPlan {
            slug: format!("r{rate:.0}"),
            label: "rung".into(),
            rate: Rate::PerS(rate),
            arrivals: Arrivals::Poisson,
            warm_up_ms: limits::WARM_UP_MS,
            window_ms: millis(self.arguments.window),
            timeout_ms: millis(self.arguments.timeout),
            // More than it takes to know that it is too far behind.
            waiting_s: self.behind_s() + limits::WAITING_S,
            crowd: None,
            spin: self.arguments.request.pacing.spin,
            live_per_s: live.then_some(LIVE_PER_S),
        };
        plan.at(rate, plan.label.clone())
    }

    /// How far behind a system may be while an objective can still be met.
    fn behind_s(&self) -> f64 {
        let longest = self.objectives.iter().map(|objective| match objective {
            Objective::Latency { below_ns, .. } => *below_ns as f64 / 1e9,
            Objective::Answered { .. } => 0.0,
        });
        let answered_only =
            self.objectives.iter().all(|one| matches!(one, Objective::Answered { .. }));
        let least = if answered_only { self.arguments.timeout.as_secs_f64() } else { BEHIND_S };
        longest.map(|objective| objective * 2.0).fold(least, f64::max)
    }

    /// Writes the rate into the manifest, so that a run that is cut short can be read.
    fn announce(&mut self, load: &Load) -> anyhow::Result<u32> {
        let loads = &mut self.manifest.experiment.loads;
        if !loads.iter().any(|known| known.slug == load.slug) {
            loads.push(load.clone());
        }
        let round = self.rung(load.rate_per_s).trials.len() as u32 + 1;
        self.manifest.experiment.rounds = self.manifest.experiment.rounds.max(round);
        self.folder.write_manifest(&self.manifest)?;
        Ok(round)
    }

    fn rung(&mut self, rate: f64) -> &mut CapacityRung {
        let same = |rung: &CapacityRung| (rung.rate_per_s / rate - 1.0).abs() < 1e-9;
        let index = self.rungs.iter().position(same).unwrap_or_else(|| {
            self.rungs.push(CapacityRung { rate_per_s: rate, trials: Vec::new() });
            self.rungs.len() - 1
        });
        &mut self.rungs[index]
    }

    /// Also whether it was ended because it fell too far behind.
    fn trial(
        &mut self,
        load: &Load,
        round: u32,
        gauge: &Arc<Gauge>,
    ) -> anyhow::Result<(Finished, bool)> {
        let request = Request {
            arm: &self.arm,
            load,
            round,
            order: 1,
            // Fresh arrivals at every trial: the same ones would repeat the same luck.
            seed: mix(self.arguments.seed, round, load.rate_per_s as u32),
            faults: &[],
            generator_cores: &self.surroundings.generator_cores,
            threads: self.arguments.request.threads,
            keeps_sleeps: false,
            findings: &self.findings,
        };
        let payloads = payloads(self.arguments.seed, &self.arm)?;
        let most = (self.behind_s() * load.rate_per_s) as u64;
        let mut server = self.launcher.launch(&self.arm)?;
        let (over, behind) = (AtomicBool::new(false), AtomicBool::new(false));
        let length = Duration::from_millis(load.warm_up_ms + load.window_ms);
        let what = format!("{}, {}/s", self.arm.pipeline, count(load.rate_per_s as u64));
        let _live = Live::start(&what, gauge, length)?;
        let finished = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| watch(gauge, most, &over, &behind));
            let finished = run(server.as_mut(), &payloads, &request, gauge);
            over.store(true, Relaxed);
            watcher.thread().unpark();
            finished
        })?;
        Ok((finished, behind.load(Relaxed)))
    }

    fn told(&self, trial: &Trial, behind: bool) -> CapacityTrial {
        let (verdict, reason) = if behind {
            let why = "overloaded: ended when it was too far behind its schedule";
            (CapacityVerdict::Failed, why.to_owned())
        } else if let Some(why) = &trial.ended_early {
            (CapacityVerdict::Failed, format!("ended early: {why}"))
        } else {
            judge(trial, &self.objectives)
        };
        let ack = &trial.latencies.ack;
        CapacityTrial {
            round: trial.round,
            achieved_per_s: trial.achieved_per_s,
            answered: trial.outcomes.acked as f64 / trial.outcomes.scheduled.max(1) as f64,
            ack_p50_ns: ack.ns_at(0.5),
            ack_p99_ns: ack.ns_at(0.99),
            live_p99_ns: trial.latencies.live.as_ref().and_then(|live| live.ns_at(0.99)),
            cpu_us_per_metric: trial.cost.cpu_us_per_metric(),
            overloaded: behind || overloaded(&trial.seals),
            verdict,
            reason,
        }
    }

    /// What was found, with the whole curve.
    pub(super) fn report(&mut self, found: &Found) -> anyhow::Result<Capacity> {
        self.folder.write_manifest(&self.manifest)?;
        let mut rungs = self.rungs.clone();
        rungs.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
        let objectives: Vec<String> = self.objectives.iter().map(ToString::to_string).collect();
        Ok(Capacity {
            schema_version: SCHEMA_VERSION,
            run: self.manifest.run.clone(),
            arm: self.arm.pipeline.clone(),
            sentence: sentence(&self.arm.pipeline, &objectives, found, &rungs),
            objectives,
            answer: found.answer,
            found: matches!(found.answer, CapacityAnswer::Between | CapacityAnswer::AboveHighest),
            passed_per_s: found.passed_per_s,
            failed_per_s: found.failed_per_s,
            rungs,
        })
    }
}

/// Ends the trial when so many batches wait.
fn watch(gauge: &Gauge, most: u64, over: &AtomicBool, behind: &AtomicBool) {
    while !over.load(Relaxed) {
        let now = gauge.read();
        if now.scheduled.saturating_sub(now.acked + now.failed) > most {
            behind.store(true, Relaxed);
            gauge.stop();
            return;
        }
        std::thread::park_timeout(LOOK);
    }
}
