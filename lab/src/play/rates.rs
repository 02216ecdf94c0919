//! Rates that depend on what the arms take. A closed loop finds out; all arms then get the same
//! rate, a share of what the slowest takes, and no more than leaves the generator a part of its
//! core.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tailrace_loadgen::arena::Launcher;
use tailrace_loadgen::experiment::{Definition, LoadPlan, Rate};
use tailrace_loadgen::race::payloads;
use tailrace_loadgen::trial::{Saturated, saturate};
use tailrace_measure::record::{Arm, Load};

use crate::child::Children;

/// Share of its own core that the generator may need: with more it would measure itself, and
/// the seal would say so.
const GENERATOR_SHARE: f64 = 0.6;
/// On a schedule the generator wakes up for nearly every batch; in a closed loop it finds many
/// answers at each. Its cost for a batch was seen to differ by 1.7 to 1.9 (`saturate` and the
/// trials' `generator_cpu_us_per_batch`).
const OPEN_LOOP_FACTOR: f64 = 2.0;
/// Window of the closed loop that estimates capacity.
const PROBE_NS: u64 = 500_000_000;

/// Batches a second below which an arm's share is no rate: a handful in the probe's window says
/// what the machine did in it, not what the arm takes.
const ACKED_PER_S_MIN: f64 = 20.0;

/// Finds out what arms take.
pub(super) struct Prober<'a> {
    pub(super) children: &'a mut Children,
    /// Where the generator runs.
    pub(super) cores: &'a [usize],
    pub(super) interrupted: &'a AtomicBool,
}

impl Prober<'_> {
    /// The loads with their rates, in declared order. One that is left out because its rate
    /// would be too low is not among them.
    ///
    /// # Errors
    /// An arm did not start, or acknowledged next to nothing.
    pub(super) fn resolve(
        self,
        definition: &Definition,
        arms: &[Arm],
    ) -> anyhow::Result<Vec<Load>> {
        let depends = |load: &LoadPlan| matches!(load.rate, Rate::OfSlowest { .. });
        let limits = if definition.loads.iter().any(depends) {
            self.probe(definition.seed, arms)?
        } else {
            Limits::default()
        };
        Ok(definition.loads.iter().filter_map(|plan| limits.load(plan)).collect())
    }

    fn probe(self, seed: u64, arms: &[Arm]) -> anyhow::Result<Limits> {
        let mut limits = Limits::default();
        for arm in arms.iter().filter(|arm| !arm.floor) {
            if self.interrupted.load(Relaxed) {
                return Ok(Limits::default());
            }
            eprintln!("{}: how much does it take?", arm.slug);
            let payloads = payloads(seed, arm)?;
            let mut server = self.children.launch(arm)?;
            let takes = saturate(server.as_mut(), &payloads, arm, PROBE_NS, self.cores)?;
            limits.learn(&arm.slug, &takes)?;
        }
        Ok(limits)
    }
}

/// What bounds a rate.
#[derive(Default)]
struct Limits {
    /// Batches a second that the slowest arm takes, and its name.
    slowest: Option<(f64, String)>,
    /// Processor time of the generator for each batch, on the arm that costs it most.
    generator_us: f64,
}

impl Limits {
    fn learn(&mut self, slug: &str, takes: &Saturated) -> anyhow::Result<()> {
        let per_s = takes.acked_per_s;
        anyhow::ensure!(
            per_s >= ACKED_PER_S_MIN,
            "{slug} acknowledged {per_s:.0} batches a second when asked how much it takes ({} \
             failed): too few to derive a rate from; is its backend or the machine busy? Try again, \
             or give the load a rate of its own (--set load.NAME.rate=100)",
            takes.failed,
        );
        if self.slowest.as_ref().is_none_or(|(least, _)| takes.acked_per_s < *least) {
            self.slowest = Some((takes.acked_per_s, slug.to_owned()));
        }
        self.generator_us = self.generator_us.max(takes.generator_cpu_us);
        Ok(())
    }

    fn load(&self, plan: &LoadPlan) -> Option<Load> {
        let (share, above) = match plan.rate {
            Rate::PerS(rate) => return Some(plan.at(rate, plan.label.clone())),
            Rate::OfSlowest { share, above } => (share, above),
        };
        let (rate, why) = self.share(share)?;
        let label = if plan.label.is_empty() { why } else { format!("{}: {why}", plan.label) };
        above.is_none_or(|above| rate > above).then(|| plan.at(rate, label))
    }

    /// So much of what the slowest takes, or what the generator offers with ease; and which.
    fn share(&self, share: f64) -> Option<(f64, String)> {
        let (takes, slug) = self.slowest.as_ref()?;
        let by_arm = takes * share;
        let by_generator = GENERATOR_SHARE * 1e6 / (self.generator_us * OPEN_LOOP_FACTOR);
        if by_generator < by_arm {
            let percent = ((1.0 - GENERATOR_SHARE) * 100.0).round();
            let why = format!("as much as leaves {percent} % of the generator's core free");
            return Some((round_down(by_generator), why));
        }
        let percent = (share * 100.0).round();
        Some((round_down(by_arm), format!("{percent} % of what {slug}, the slowest arm, takes")))
    }
}

/// Two digits: the estimate is no better than that.
fn round_down(rate: f64) -> f64 {
    let unit = 10f64.powf(rate.max(1.0).log10().floor() - 1.0);
    (rate / unit).floor() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_respects_the_slowest_arm_and_the_generator() {
        let takes = |acked_per_s, generator_cpu_us| Saturated {
            acked_per_s,
            failed: 0,
            server_cpu_us: None,
            backend_cpu_us: None,
            generator_cpu_us,
        };
        let mut limits = Limits::default();
        assert!(limits.share(0.6).is_none());
        limits.learn("quick", &takes(100_000.0, 6.0)).unwrap();
        let (rate, why) = limits.share(0.6).unwrap();
        assert!((rate - 50_000.0).abs() < 1.0, "{rate}");
        assert!(why.contains("generator"), "{why}");
        limits.learn("slow", &takes(50_000.0, 5.0)).unwrap();
        let (rate, why) = limits.share(0.6).unwrap();
        assert!((rate - 30_000.0).abs() < 1.0, "{rate}");
        assert!(why.contains("slow, the slowest arm"), "{why}");
        let silent = limits.learn("silent", &takes(2.0, 5.0)).unwrap_err().to_string();
        assert!(silent.contains("silent acknowledged 2 batches a second"), "{silent}");
    }

    #[test]
    fn estimates_keep_two_digits() {
        assert!((round_down(31_999.0) - 31_000.0).abs() < 1e-6);
        assert!((round_down(9_870.0) - 9_800.0).abs() < 1e-6);
        assert!((round_down(7.0) - 7.0).abs() < 1e-6);
    }
}
