//! Experiments: a question in a file, with the arms and loads that answer it, what its authors
//! expect, and which figure decides. Every key with its unit and range is in
//! `experiments/README.md`. Nothing here runs: [`Definition`] is what a file says, checked; which
//! pipelines there are is told by whoever loads it, as a [`Catalog`].
//!
//! In the order of reading a file: `document.rs` (TOML, and what the command line sets in it),
//! `wire.rs` (the strict shape of a file) with `words.rs` (its values), then `arms.rs`,
//! `loads.rs` and `asks.rs`, which check what a shape cannot say. `fault.rs` names the place of a
//! mistake, `estimate.rs` says how long it would take.

mod arms;
mod asks;
pub mod contestant;
mod document;
mod estimate;
mod fault;
pub mod limits;
mod loads;
mod shapes;
mod wire;
mod words;

use sha2::{Digest, Sha256};
use tailrace_measure::record::{
    Arm, Arrivals, Crowd, Expectation, Load, Primary, Source, StoreKind,
};
use tailrace_measure::stein::ROUNDS_MAX;

pub use estimate::estimate_ms;
pub use fault::Fault;
pub use shapes::parse_arrivals;

use crate::faults;
use document::Document;
use wire::File;
use words::As;

/// What a file says, checked.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Short, in file names: the file's name without its ending.
    pub name: String,
    /// In one sentence.
    pub question: String,
    /// What its authors expect.
    pub prediction: String,
    /// What to look for and why, and which side the set-up favours.
    pub about: String,
    /// Where it was read; none: it is built into the program.
    pub source: Option<Source>,
    /// From which everything random comes.
    pub seed: u64,
    /// How often every arm runs.
    pub rounds: u32,
    /// Whether so many more rounds follow as the first ones ask for.
    pub decide: bool,
    /// Slug of the arm that others are compared with.
    pub baseline: String,
    /// Made on purpose in every trial but the floor's.
    pub faults: Vec<faults::Fault>,
    /// In declared order, the floor first.
    pub arms: Vec<Arm>,
    /// In the order in which they run.
    pub loads: Vec<LoadPlan>,
    /// The figure that decides.
    pub primary: Option<Primary>,
    /// What the run judges.
    pub expectations: Vec<Expectation>,
}

impl Definition {
    /// Rounds at most: until it is decided, if it is to decide.
    pub fn rounds_max(&self) -> u32 {
        if self.decide { ROUNDS_MAX as u32 } else { self.rounds }
    }
}

/// A load whose rate may not be known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadPlan {
    /// Short, in file names.
    pub slug: String,
    /// For people; may be empty where the rate says it all.
    pub label: String,
    /// Batches due a second.
    pub rate: Rate,
    /// When they are due.
    pub arrivals: Arrivals,
    /// Before the window.
    pub warm_up_ms: u64,
    /// The denominator.
    pub window_ms: u64,
    /// From due to too late.
    pub timeout_ms: u64,
    /// Schedule that may be in flight or waiting at once, seconds at its highest rate.
    pub waiting_s: f64,
    /// A live subscriber follows so many batches a second at most; none: no subscriber.
    pub live_per_s: Option<f64>,
    /// Subscribers beside it.
    pub crowd: Option<Crowd>,
    /// Whether the generator spins before due times.
    pub spin: bool,
}

/// How many batches are due a second, the mean of the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// So many.
    PerS(f64),
    /// A share of what the slowest arm takes in a closed loop; no more than leaves the generator
    /// a part of its core.
    OfSlowest {
        /// Between 0 and 1.
        share: f64,
        /// The load is left out when its rate would not be above this.
        above: Option<f64>,
    },
}

/// Batches that may always be in flight or wait, however low the rate.
const IN_FLIGHT_LEAST: f64 = 64.0;

impl LoadPlan {
    /// The load at a rate that is known now.
    pub fn at(&self, rate_per_s: f64, label: String) -> Load {
        let peak_per_s = (rate_per_s * self.arrivals.peak_to_mean()).min(limits::RATE_PER_S.1);
        let one_in = |live: f64| (rate_per_s / live).ceil().max(1.0) as u64;
        // Latencies with and without the timer's lateness must not be taken for the same.
        let spinning = if self.spin { ", the generator spinning" } else { "" };
        let label = label + spinning;
        Load {
            slug: self.slug.clone(),
            label,
            rate_per_s,
            arrivals: self.arrivals.clone(),
            warm_up_ms: self.warm_up_ms,
            window_ms: self.window_ms,
            timeout_ms: self.timeout_ms,
            in_flight_max: (peak_per_s * self.waiting_s).ceil().max(IN_FLIGHT_LEAST) as u64,
            feed_one_in: self.live_per_s.map(one_in),
            crowd: self.crowd,
            spin: self.spin,
        }
    }
}

/// A pipeline that experiments may name.
#[derive(Debug, Clone)]
pub struct Known {
    /// `http1-memory`.
    pub name: String,
    /// The heading under which it is compared.
    pub promise: String,
    /// The bare echo, which runs unless a file says otherwise and is named by none.
    pub floor: bool,
    /// Connections where a file names none.
    pub connections: u32,
    /// Requests in flight on each where a file names none.
    pub in_flight_per_connection: u32,
    /// The headings when its Redis writes to disk not at all, once a second, or before it answers,
    /// in this order; none: its log is not in Redis.
    pub promises: Option<[String; 3]>,
    /// Where its server commits before it answers; none: it answers when its log has the batch.
    pub commits_to: Option<StoreKind>,
}

/// Every pipeline, in declared order.
pub type Catalog = [Known];

/// Reads and checks an experiment. `file` is for messages and, without folder and ending, its
/// name; each of `set` is `path.to.key=value`.
///
/// # Errors
/// The first mistake, with its place and what would be valid.
pub fn read(
    file: &str,
    text: &str,
    set: &[String],
    catalog: &Catalog,
) -> Result<Definition, Fault> {
    // By itself first: a mistake of the file is not blamed on the command line.
    let definition = check(file, text, &[], catalog)?;
    if set.is_empty() { Ok(definition) } else { check(file, text, set, catalog) }
}

fn check(file: &str, text: &str, set: &[String], catalog: &Catalog) -> Result<Definition, Fault> {
    let place = fault::Place { file, text, set };
    let shape: File = Document::parse(&place)?.with(set, &place)?.read(&place)?;
    let arms = arms::arms(&shape, catalog, &place)?;
    let loads = loads::loads(&shape, &place)?;
    let baseline = asks::baseline(&shape, &arms, &place)?;
    let primary = asks::primary(&shape, &arms, &loads, &place)?;
    let expectations = asks::expectations(&shape, &arms, &loads, &place)?;
    let (rounds, decide) = (asks::rounds(&shape, &place)?, asks::decides(&shape));
    let definition = Definition {
        name: asks::name(&place)?,
        question: shape.question.0.0,
        prediction: shape.prediction.0.0,
        about: shape.about.map_or_else(String::new, |about| about.0.0),
        source: Some(source(&place)),
        seed: shape.seed.unwrap_or(limits::SEED),
        rounds,
        decide,
        baseline,
        faults: shape.faults.iter().map(|As(fault)| *fault).collect(),
        arms,
        loads,
        primary,
        expectations,
    };
    let longest = Definition { rounds: definition.rounds_max(), ..definition.clone() };
    let (takes_ms, most_ms) = (estimate_ms(&longest), limits::WHOLE_MS_MAX);
    if takes_ms > most_ms {
        let (takes, most) = (takes_ms / 60_000, most_ms / 60_000);
        return Err(place.whole(&format!(
            "it would take {takes} minutes, and an experiment may take {most}; fewer rounds, \
             arms or loads, or shorter windows"
        )));
    }
    Ok(definition)
}

fn source(place: &fault::Place<'_>) -> Source {
    let digest = Sha256::digest(place.text.as_bytes());
    Source {
        file: place.file_name().to_owned(),
        sha256: digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")),
        set: place.set.to_vec(),
    }
}
