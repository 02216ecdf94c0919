//! The trials of a run as a grid of arms, loads and rounds, and what one cell of it says. A trial
//! that is INVALID is counted and otherwise passed over. Read [`crate::summary`] next.

use crate::record::{
    Arm, AuditSeal, Distribution, EPISODES_MIN, Experiment, Load, Measurement, Ratio, SUPPORT_MIN,
    Trial,
};
use crate::seals::spoilt;
use crate::statistics::{Observed, ratio};

/// A percentile below so many times the floor's shows the machine, not the pipeline.
const MACHINE_BELOW: f64 = 2.0;

/// A run: what was asked and what was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) trials: &'a [Trial],
}

/// One arm under one load: a trial a round, where there is one.
#[derive(Debug, Clone)]
pub(crate) struct Cell<'a> {
    by_round: Vec<Option<&'a Trial>>,
}

impl<'a> Grid<'a> {
    pub(crate) fn cell(&self, arm: &str, load: &str) -> Cell<'a> {
        let rounds = self.trials.iter().map(|trial| trial.round).max().unwrap_or(0);
        let mut by_round = vec![None; rounds as usize];
        for trial in self.trials.iter().filter(|trial| trial.arm == arm && trial.load == load) {
            if let Some(place) = by_round.get_mut((trial.round as usize).wrapping_sub(1)) {
                *place = Some(trial);
            }
        }
        Cell { by_round }
    }

    /// The loads of the headline: those without a subscriber, or all when every load has one.
    pub(crate) fn headline_loads(&self) -> Vec<&'a Load> {
        let loads = &self.experiment.loads;
        let plain: Vec<&Load> = loads.iter().filter(|load| load.feed_one_in.is_none()).collect();
        if plain.is_empty() { loads.iter().collect() } else { plain }
    }

    /// The loads with a subscriber that belong to this headline load: those of the same rate,
    /// and to the first one those that have no equal.
    pub(crate) fn feed_loads(&self, headline: &Load) -> Vec<&'a Load> {
        let headlines = self.headline_loads();
        let same = |a: &Load, b: &Load| (a.rate_per_s / b.rate_per_s - 1.0).abs() < 1e-6;
        let first = headlines.first().is_some_and(|first| first.slug == headline.slug);
        let belongs = |load: &&Load| match headlines.iter().find(|other| same(other, load)) {
            Some(other) => other.slug == headline.slug,
            None => first,
        };
        let feeds = self.experiment.loads.iter().filter(|load| load.feed_one_in.is_some());
        feeds.filter(belongs).collect()
    }

    /// Whether any audit of the arm was broken, under whatever load: then it is ranked nowhere.
    pub(crate) fn broken(&self, arm: &str) -> bool {
        let mut trials = self.trials.iter().filter(|trial| trial.arm == arm);
        trials.any(|trial| trial.seals.audit == AuditSeal::Broken)
    }

    /// The bare echoes: one for each link that arms are behind.
    pub(crate) fn floors(&self) -> impl Iterator<Item = &'a Arm> {
        self.experiment.arms.iter().filter(|arm| arm.floor)
    }

    /// The bare echo behind the same link as this arm. An arm behind a link is not held against
    /// an echo without: the distance would look like the pipeline.
    pub(crate) fn floor_of(&self, arm: &str) -> Option<&'a Arm> {
        let arm = self.experiment.arms.iter().find(|other| other.slug == arm)?;
        self.floors().find(|floor| floor.link == arm.link)
    }

    /// Whether a percentile is below [`MACHINE_BELOW`] times the floor's in most rounds. The
    /// round trip of a link is taken off both first: it is nobody's doing, and so large that
    /// everything behind it would be near the floor.
    pub(crate) fn near_floor(&self, arm: &str, load: &str, q: f64) -> bool {
        let Some(floor) = self.floor_of(arm) else { return false };
        let link_ns = floor.link.map_or(0.0, |link| link.round_trip_ms * 1e6);
        let own = |arm: &str| self.cell(arm, load).quantile(q);
        let rounds = own(arm).into_iter().zip(own(&floor.slug));
        let ratios: Vec<f64> =
            rounds.filter_map(|(a, b)| Some((a? - link_ns) / (b? - link_ns).max(1.0))).collect();
        let near = ratios.iter().filter(|ratio| **ratio < MACHINE_BELOW).count();
        near * 2 > ratios.len()
    }

    /// The arms but the floor by promise; promises and arms in declared order.
    pub(crate) fn groups(&self) -> Vec<Vec<&'a Arm>> {
        let mut groups: Vec<Vec<&Arm>> = Vec::new();
        for arm in self.experiment.arms.iter().filter(|arm| !arm.floor) {
            match groups.iter_mut().find(|group| group[0].promise == arm.promise) {
                Some(group) => group.push(arm),
                None => groups.push(vec![arm]),
            }
        }
        groups
    }

    /// What this arm is compared with: the run's baseline if it promises the same and is behind
    /// the same link, else the first arm that does and is. None for the floor and for a baseline
    /// itself.
    pub(crate) fn baseline(&self, arm: &Arm) -> Option<&'a Arm> {
        let peers = || {
            let arms = self.experiment.arms.iter();
            let same = |peer: &&Arm| peer.promise == arm.promise && peer.link == arm.link;
            arms.filter(|peer| !peer.floor).filter(same)
        };
        let declared = peers().find(|peer| peer.slug == self.experiment.baseline);
        let baseline = declared.or_else(|| peers().next())?;
        (!arm.floor && baseline.slug != arm.slug).then_some(baseline)
    }
}

impl<'a> Cell<'a> {
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a Trial> {
        self.by_round.iter().copied().flatten()
    }

    pub(crate) fn valid(&self) -> impl Iterator<Item = &'a Trial> {
        self.all().filter(|trial| counts(trial))
    }

    /// A percentile of ack, of each valid trial.
    pub(crate) fn observed(&self, q: f64) -> Vec<Observed> {
        self.valid().map(|trial| observed(trial, q)).collect()
    }

    /// A figure of each round, where there is a valid trial that has it.
    pub(crate) fn values(&self, of: impl Fn(&Trial) -> Option<f64>) -> Vec<Option<f64>> {
        let figure = |trial: Option<&Trial>| trial.filter(|trial| counts(trial)).and_then(&of);
        self.by_round.iter().copied().map(figure).collect()
    }

    pub(crate) fn quantile(&self, q: f64) -> Vec<Option<f64>> {
        self.values(|trial| observed(trial, q).ns().map(|ns| ns as f64))
    }

    pub(crate) fn quantile_ratio(&self, other: &Cell<'_>, q: f64) -> Option<Ratio> {
        ratio(&self.quantile(q), &other.quantile(q))
    }

    pub(crate) fn cpu_ratio(&self, other: &Cell<'_>) -> Option<Ratio> {
        let cpu = |trial: &Trial| trial.cost.cpu_us_per_metric();
        ratio(&self.values(cpu), &other.values(cpu))
    }

    /// The episodes above a percentile over all valid trials, where they are too few to rank by
    /// it. Trials that do not know theirs are not asked: they have none to add, and a cell of
    /// which no trial does is not judged by it.
    pub(crate) fn too_few_episodes(
        &self,
        of: impl Fn(&Trial) -> Option<&Distribution>,
        q: f64,
    ) -> Option<f64> {
        let known = self.valid().filter_map(|trial| of(trial)?.at(q)?.episodes);
        let episodes = known.reduce(|a, b| a + b)?;
        (episodes < EPISODES_MIN).then_some(episodes)
    }

    /// The worst seal on the system, INVALID trials included: a lost batch is lost, whatever the
    /// state of the instrument.
    pub(crate) fn audit(&self) -> AuditSeal {
        let seals = || self.all().map(|trial| trial.seals.audit);
        if seals().any(|seal| seal == AuditSeal::Broken) {
            AuditSeal::Broken
        } else if seals().next().is_some() && seals().all(|seal| seal == AuditSeal::Kept) {
            AuditSeal::Kept
        } else {
            AuditSeal::NotAudited
        }
    }
}

fn counts(trial: &Trial) -> bool {
    trial.seals.measurement != Measurement::Invalid
}

/// A percentile of ack of one trial, if it may be printed.
pub(crate) fn observed(trial: &Trial, q: f64) -> Observed {
    if spoilt(&trial.seals, q) {
        return Observed::NotValid;
    }
    observed_of(&trial.latencies.ack, q)
}

/// A percentile of a distribution, if it may be printed.
pub(crate) fn observed_of(distribution: &Distribution, q: f64) -> Observed {
    match distribution.at(q) {
        Some(entry) if entry.support >= SUPPORT_MIN => {
            entry.ns.map_or(Observed::BeyondTimeout, Observed::Ns)
        }
        _ => Observed::Unsupported,
    }
}
