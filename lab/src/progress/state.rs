//! What is known of a race while it runs: the arms of the current round under each load, and how
//! much of the whole is over. Fed by the race's events; it lacks a clock and a terminal.

use std::time::Duration;

use tailrace_loadgen::gauge::Reading;
use tailrace_measure::record::{Arm, Experiment, Load, Measurement, Trial};

/// One arm under one load, in the current round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// It was not run yet.
    Waiting,
    /// It runs.
    Running,
    /// Never: the floor has no live feed, and after an early end the rest is left out.
    Absent,
    /// It ended.
    Done {
        /// Median ack.
        p50_ns: Option<u64>,
        /// Ack's 99th percentile.
        p99_ns: Option<u64>,
        /// The seal of its measurement.
        seal: Measurement,
    },
}

/// What the figures of the running trial are now.
#[derive(Debug, Clone)]
pub(super) struct Live {
    /// The gauge.
    pub(super) reading: Reading,
    /// Since it began.
    pub(super) elapsed: Duration,
    /// Due a second, of late; none: too early to tell.
    pub(super) due_per_s: Option<f64>,
    /// Answered a second, of late.
    pub(super) answered_per_s: Option<f64>,
    /// It was asked to end.
    pub(super) ending: bool,
}

/// The state of a race.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Names of the arms, in declared order.
    pub(super) arms: Vec<String>,
    /// Names of the loads, in the order in which they run.
    pub(super) loads: Vec<String>,
    /// By arm, then load.
    pub(super) places: Vec<Vec<Place>>,
    /// The current round, from 1.
    pub(super) round: u32,
    /// Rounds that were planned; where rounds are added, no fewer than have begun.
    pub(super) rounds: u32,
    /// Arm and load that run, or ran last.
    pub(super) running: Option<(usize, usize)>,
    /// Planned length of every trial that is over.
    pub(super) over: Duration,
    floors: Vec<bool>,
    lengths: Vec<Duration>,
    feeds: Vec<bool>,
}

impl State {
    /// Before anything ran.
    pub(super) fn new(experiment: &Experiment) -> Self {
        let (arms, loads) = (&experiment.arms, &experiment.loads);
        let length = |load: &Load| Duration::from_millis(load.warm_up_ms + load.window_ms);
        let mut state = Self {
            arms: arms.iter().map(|arm| arm.slug.clone()).collect(),
            loads: loads.iter().map(|load| load.slug.clone()).collect(),
            places: Vec::new(),
            round: 0,
            rounds: experiment.rounds,
            running: None,
            over: Duration::ZERO,
            floors: arms.iter().map(|arm| arm.floor).collect(),
            lengths: loads.iter().map(length).collect(),
            feeds: loads.iter().map(|load| load.feed_one_in.is_some()).collect(),
        };
        state.clear();
        state
    }

    /// A load on an address: one arm, one load, one round, which runs.
    pub(super) fn of_load(address: &str, length: Duration) -> Self {
        Self {
            arms: vec![address.to_owned()],
            loads: vec!["load".into()],
            places: vec![vec![Place::Running]],
            round: 1,
            rounds: 1,
            running: Some((0, 0)),
            over: Duration::ZERO,
            floors: vec![false],
            lengths: vec![length],
            feeds: vec![false],
        }
    }

    /// A trial begins; with the first of a round, all others wait again.
    pub(super) fn begins(&mut self, arm: &Arm, load: &Load, round: u32) {
        if round != self.round {
            self.round = round;
            self.rounds = self.rounds.max(round);
            self.clear();
        }
        self.running = self.find(&arm.slug, &load.slug);
        self.set(Place::Running);
    }

    /// It ended.
    pub(super) fn ended(&mut self, trial: &Trial) {
        let Some((arm, load)) = self.find(&trial.arm, &trial.load) else { return };
        let ack = &trial.latencies.ack;
        self.over += self.lengths[load];
        self.running = Some((arm, load));
        self.set(Place::Done {
            p50_ns: ack.ns_at(0.5),
            p99_ns: ack.ns_at(0.99),
            seal: trial.seals.measurement,
        });
        if trial.ended_early.is_some() {
            let rest = self.places[arm].iter_mut().zip(&self.lengths).skip(load + 1);
            for (place, length) in rest.filter(|(place, _)| **place == Place::Waiting) {
                *place = Place::Absent;
                self.over += *length;
            }
        }
    }

    /// Length of all windows with their warm-ups, of every round.
    pub(super) fn planned(&self) -> Duration {
        let of_arm = |&floor: &bool| -> Duration {
            let runs = self.lengths.iter().zip(&self.feeds).filter(|(_, feed)| !(floor && **feed));
            runs.map(|(length, _)| *length).sum()
        };
        self.floors.iter().map(of_arm).sum::<Duration>() * self.rounds
    }

    /// Length of the trial that runs.
    pub(super) fn length(&self) -> Duration {
        self.running.map_or(Duration::ZERO, |(_, load)| self.lengths[load])
    }

    /// Whether a trial runs, and not what is between two.
    pub(super) fn runs(&self) -> bool {
        self.running.is_some_and(|(arm, load)| self.places[arm][load] == Place::Running)
    }

    /// How much of what was planned is over, `live` of the running trial included.
    pub(super) fn done(&self, live: Option<&Live>) -> Duration {
        let running = live.filter(|_| self.runs()).map(|live| live.elapsed.min(self.length()));
        self.over + running.unwrap_or_default()
    }

    fn find(&self, arm: &str, load: &str) -> Option<(usize, usize)> {
        let place = |names: &[String], name: &str| names.iter().position(|other| other == name);
        place(&self.arms, arm).zip(place(&self.loads, load))
    }

    fn set(&mut self, place: Place) {
        if let Some((arm, load)) = self.running {
            self.places[arm][load] = place;
        }
    }

    fn clear(&mut self) {
        let place = |floor: bool, feed: bool| {
            if floor && feed { Place::Absent } else { Place::Waiting }
        };
        let row = |&floor: &bool| self.feeds.iter().map(|&feed| place(floor, feed)).collect();
        self.places = self.floors.iter().map(row).collect();
    }
}
