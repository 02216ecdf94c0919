//! A run as it is drawn: records beside histograms, and how to find one's way among them.

use hdrhistogram::Histogram;
use tailrace_measure::record::{
    Arm, AuditSeal, Load, Manifest, Measurement, Row, Slice, Summary, Trial,
};

/// One trial with its distributions. Histograms hold nanoseconds.
#[derive(Debug, Clone)]
pub struct TrialData {
    /// `trial.json`.
    pub trial: Trial,
    /// `ack.hlog`: acknowledged batches; the unanswered stand in the trial's outcomes.
    pub ack: Histogram<u64>,
    /// `service.hlog`.
    pub service: Histogram<u64>,
    /// `lateness.hlog`.
    pub lateness: Histogram<u64>,
    /// `live.hlog`, of trials with a subscriber.
    pub live: Option<Histogram<u64>>,
    /// `durable.hlog`, of those with a store as well.
    pub durable: Option<Histogram<u64>>,
    /// `timeline.csv`.
    pub slices: Vec<Slice>,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct RunData {
    /// `manifest.json`.
    pub manifest: Manifest,
    /// In the order in which they ran.
    pub trials: Vec<TrialData>,
    /// `summary.json`.
    pub summary: Summary,
}

impl TrialData {
    /// Kept on disk, drawn struck, never in a band or a median.
    pub(crate) fn invalid(&self) -> bool {
        self.trial.seals.measurement == Measurement::Invalid
    }

    /// Lost or doubled what it had acknowledged.
    pub(crate) fn lost_data(&self) -> bool {
        self.trial.seals.audit == AuditSeal::Broken
    }

    /// Worth a picture of its own.
    pub(crate) fn eventful(&self) -> bool {
        !self.trial.faults.is_empty() || self.lost_data() || self.trial.ended_early.is_some()
    }
}

impl RunData {
    pub(crate) fn arms(&self) -> &[Arm] {
        &self.manifest.experiment.arms
    }

    /// Loads without a subscriber, whose figures are the headline; all of them if none is.
    pub(crate) fn headline_loads(&self) -> Vec<&Load> {
        headline_loads(&self.manifest)
    }

    pub(crate) fn trials_of<'a>(
        &'a self,
        arm: &'a str,
        load: &'a str,
    ) -> impl Iterator<Item = &'a TrialData> {
        self.trials.iter().filter(move |data| data.trial.arm == arm && data.trial.load == load)
    }

    pub(crate) fn row(&self, arm: &str, load: &str) -> Option<&Row> {
        self.summary.rows.iter().find(|row| row.arm == arm && row.load == load)
    }

    /// Arms by promise: headings in declared order, the baseline first within its heading.
    pub(crate) fn groups(&self) -> Vec<(&str, Vec<&Arm>)> {
        groups(&self.manifest)
    }
}

/// See [`RunData::headline_loads`].
pub(crate) fn headline_loads(manifest: &Manifest) -> Vec<&Load> {
    let loads = &manifest.experiment.loads;
    let plain: Vec<&Load> = loads.iter().filter(|load| load.feed_one_in.is_none()).collect();
    if plain.is_empty() { loads.iter().collect() } else { plain }
}

/// See [`RunData::groups`].
pub(crate) fn groups(manifest: &Manifest) -> Vec<(&str, Vec<&Arm>)> {
    let mut groups: Vec<(&str, Vec<&Arm>)> = Vec::new();
    for arm in &manifest.experiment.arms {
        match groups.iter_mut().find(|(promise, _)| *promise == arm.promise) {
            Some((_, arms)) => arms.push(arm),
            None => groups.push((&arm.promise, vec![arm])),
        }
    }
    for (_, arms) in &mut groups {
        // Stable: all but the baseline keep their declared order.
        arms.sort_by_key(|arm| arm.slug != manifest.experiment.baseline);
    }
    groups
}
