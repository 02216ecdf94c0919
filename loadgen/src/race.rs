//! Rounds: randomized complete blocks. Each round runs every arm once, in a seeded shuffled
//! order, on a fresh server; every load follows on that server. Pairing by round removes the
//! drift of the machine, which is larger than most differences worth knowing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::Context;
use tailrace_contract::codec::Codec;
use tailrace_measure::primary::undecided;
use tailrace_measure::record::{self, Arm, Experiment, Load, Trial};
use tailrace_measure::stein;
use tailrace_producers::payload::{PayloadError, Payloads};

use crate::account::Finding;
use crate::arena::{Launched, Launcher};
use crate::faults::Fault;
use crate::folder::Folder;
use crate::gauge::Gauge;
use crate::trial::{Finished, Request, run};

/// Distinct bodies prepared before a trial: enough that no cache or compressor sees the same
/// one often, few enough to stay in the processor's cache.
pub const PAYLOADS: usize = 1_024;

/// The bodies of an arm, prepared. Arms that differ in the codec only send the same metrics.
///
/// # Errors
/// A batch that no server would take.
pub fn payloads(seed: u64, arm: &Arm) -> Result<Payloads, PayloadError> {
    let codec = match arm.codec {
        record::Codec::Json => Codec::Json,
        record::Codec::Msgpack => Codec::Msgpack,
    };
    Payloads::new(seed, arm.batch_metrics as usize, PAYLOADS, codec)
}

/// Who watches the race: a progress bar, or nobody.
pub trait Spectator {
    /// A trial begins; the gauge shows how it goes.
    fn begins(&mut self, arm: &Arm, load: &Load, round: u32, gauge: &Arc<Gauge>);
    /// It ended.
    fn ended(&mut self, trial: &Trial);
}

/// A race, ready to run.
pub struct Race<'a> {
    /// What is asked.
    pub experiment: &'a Experiment,
    /// Faults of every trial but the floor's.
    pub faults: &'a [Fault],
    /// Where the generator runs.
    pub generator_cores: &'a [usize],
    /// Findings about the surroundings.
    pub findings: &'a [Finding],
    /// Set to end the race after what is running was saved.
    pub interrupted: &'a AtomicBool,
}

impl Race<'_> {
    /// Runs all rounds; every trial is on disk before the next begins.
    ///
    /// # Errors
    /// A server did not start, the harness failed, or the results could not be written. What
    /// was measured before stays on disk.
    pub fn run(
        &self,
        launcher: &mut dyn Launcher,
        folder: &Folder,
        spectator: &mut dyn Spectator,
    ) -> anyhow::Result<Vec<Finished>> {
        let mut finished = Vec::new();
        let mut round = 0;
        while round < self.experiment.rounds || self.undecided(round, &finished) {
            round += 1;
            let order = shuffled(self.experiment.arms.len(), mix(self.experiment.seed, round, 0));
            for (place, index) in (1..).zip(order) {
                let arm = &self.experiment.arms[index];
                self.run_arm(arm, round, place, launcher, folder, spectator, &mut finished)
                    .with_context(|| format!("arm {}, round {round}", arm.slug))?;
                if self.interrupted.load(Relaxed) {
                    return Ok(finished);
                }
            }
        }
        Ok(finished)
    }

    /// Whether the experiment is to decide, and its first rounds ask for more than have run.
    fn undecided(&self, rounds: u32, finished: &[Finished]) -> bool {
        if !self.experiment.decide || rounds as usize >= stein::ROUNDS_MAX {
            return false;
        }
        let trials: Vec<Trial> = finished.iter().map(|finished| finished.trial.clone()).collect();
        undecided(self.experiment, &trials)
    }

    /// All loads of one arm on one fresh server.
    #[allow(clippy::too_many_arguments)] // Parts of one loop body, named here once.
    fn run_arm(
        &self,
        arm: &Arm,
        round: u32,
        order: u32,
        launcher: &mut dyn Launcher,
        folder: &Folder,
        spectator: &mut dyn Spectator,
        finished: &mut Vec<Finished>,
    ) -> anyhow::Result<()> {
        let mut server = launcher.launch(arm)?;
        for (index, load) in (1..).zip(&self.experiment.loads) {
            if !self.is_run(arm, load, server.observer().is_some()) {
                continue;
            }
            if self.interrupted.load(Relaxed) {
                // A trial that is stopped before it begins has nothing to tell.
                break;
            }
            let seed = mix(self.experiment.seed, round, index);
            let faults = if arm.floor { &[] } else { self.faults };
            let request = Request {
                arm,
                load,
                round,
                order,
                seed,
                faults,
                generator_cores: self.generator_cores,
                threads: 1,
                keeps_sleeps: false,
                findings: self.findings,
            };
            let trial = self.run_trial(server.as_mut(), &request, spectator)?;
            folder.write_trial(&trial)?;
            spectator.ended(&trial.trial);
            let over = trial.trial.ended_early.is_some();
            finished.push(trial);
            if over {
                break;
            }
        }
        Ok(())
    }

    /// Without a feed nobody can subscribe, so loads with a subscriber are left out. Where every load
    /// has one, the floor echoes the first of each schedule all the same, with nobody who follows:
    /// without it nothing would tell the machine from the pipeline.
    fn is_run(&self, arm: &Arm, load: &Load, has_feed: bool) -> bool {
        let loads = &self.experiment.loads;
        if load.feed_one_in.is_none() || has_feed {
            return true;
        }
        let same = |other: &&Load| {
            other.rate_per_s.total_cmp(&load.rate_per_s).is_eq()
                && (&other.arrivals, other.window_ms) == (&load.arrivals, load.window_ms)
        };
        let is_first = loads.iter().find(same).is_some_and(|first| first.slug == load.slug);
        arm.floor && is_first && loads.iter().all(|load| load.feed_one_in.is_some())
    }

    fn run_trial(
        &self,
        server: &mut dyn Launched,
        request: &Request<'_>,
        spectator: &mut dyn Spectator,
    ) -> anyhow::Result<Finished> {
        let payloads = payloads(self.experiment.seed, request.arm)?;
        let gauge = Arc::new(Gauge::default());
        spectator.begins(request.arm, request.load, request.round, &gauge);
        if self.interrupted.load(Relaxed) {
            gauge.stop();
        }
        run(server, &payloads, request, &gauge)
    }
}

/// A seed of its own for each part of an experiment: one step of `SplitMix64` over the parts.
pub fn mix(seed: u64, round: u32, part: u32) -> u64 {
    let mut z =
        seed ^ (u64::from(round) << 32 | u64::from(part)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The numbers below `n` in the order of one round: Fisher and Yates, by a seeded generator
/// whose algorithm is fixed here. Rounds differ when their seeds come from [`mix`].
pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        let pick = mix(seed, 0, last as u32) % (last as u64 + 1);
        order.swap(last, pick as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arm_has_every_place_equally_often() {
        let mut places = [[0u32; 4]; 4];
        for seed in 0..4_000 {
            for (place, arm) in shuffled(4, mix(seed, 1, 0)).into_iter().enumerate() {
                places[arm][place] += 1;
            }
        }
        assert!(places.iter().flatten().all(|&n| (900..1_100).contains(&n)), "{places:?}");
    }

    #[test]
    fn the_order_belongs_to_the_seed() {
        assert_eq!(shuffled(7, 42), shuffled(7, 42));
        assert_ne!(mix(1, 1, 1), mix(1, 1, 2));
        assert_ne!(mix(1, 1, 1), mix(2, 1, 1));
    }
}
