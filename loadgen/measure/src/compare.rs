//! Arms of one run, or of two, figure by figure. Within a run they are paired by round. Two runs
//! have no rounds in common, and identical systems drift by more than most differences from one
//! to the next: there each arm is divided by the floor of its own round, and only these ratios
//! are compared. Everything that is printed together is one family for Holm's correction.
//!
//! The arithmetic of two samples is in `contrast.rs`; what may be compared in `comparable.rs`.

use crate::cells::Grid;
use crate::comparable::{Spot, divide, episodes, quotient, values};
use crate::contrast::Contrast;
use crate::holm::holm;
use crate::record::{
    Arm, Compared, ComparedBy, ComparedFigure, Figure, Load, Manifest, RunComparison,
    SCHEMA_VERSION, Trial,
};
use crate::sockets;
use crate::statistics::{ROUNDS_MIN, median_f64};

/// The figures that are compared.
const FIGURES: [Figure; 4] = [Figure::P50, Figure::P99, Figure::Cpu, Figure::WireBytes];

/// Rates that differ by more are different loads.
const SAME_RATE: f64 = 0.01;

/// A difference that is larger than this by chance alone is none.
const CHANCE_MAX: f64 = 0.05;

/// A recorded run, and which of its arms is meant; none: all that both have.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What was asked, and where it ran.
    pub manifest: &'a Manifest,
    /// What was measured.
    pub trials: &'a [Trial],
    /// Slug.
    pub arm: Option<&'a str>,
}

/// Compares arms.
///
/// # Errors
/// A sentence: there is no such arm, nothing in common, or no floor where it takes one.
pub fn compare(a: Side<'_>, b: Side<'_>) -> Result<RunComparison, String> {
    let by = if a.manifest.run == b.manifest.run { ComparedBy::Round } else { ComparedBy::Floor };
    let arms = arms(a, b)?;
    if by == ComparedBy::Floor {
        arms.iter().try_for_each(|(arm, other)| floors(a, arm).and_then(|()| floors(b, other)))?;
    }
    let (loads, apart) = loads(a, b);
    if loads.is_empty() && !apart.is_empty() {
        return Err(format!(
            "`{}` and `{}`: {}",
            a.manifest.run,
            b.manifest.run,
            spun_once(&apart)
        ));
    }
    if loads.is_empty() {
        return Err(format!(
            "`{}` and `{}` have no load in common: same name, same arrivals, and the same rate \
             within {} %; run both with the same --rate and --high-rate",
            a.manifest.run,
            b.manifest.run,
            SAME_RATE * 100.0
        ));
    }
    let mut figures = Vec::new();
    for load in loads {
        for (arm, other) in &arms {
            let pair = Pair { a, b, by, arm, other, load };
            figures.extend(FIGURES.map(|figure| pair.figure(figure)));
        }
    }
    Ok(RunComparison {
        schema_version: SCHEMA_VERSION,
        run_a: a.manifest.run.clone(),
        run_b: b.manifest.run.clone(),
        by,
        warnings: warnings((a, b), &arms, &apart, &figures),
        figures: corrected(figures),
    })
}

impl<'a> Side<'a> {
    fn grid(&self) -> Grid<'a> {
        Grid { experiment: &self.manifest.experiment, trials: self.trials }
    }

    fn arm_of(&self, slug: &str) -> Option<&'a Arm> {
        self.manifest.experiment.arms.iter().find(|arm| arm.slug == slug)
    }

    fn named(&self, slug: &str) -> Result<&'a Arm, String> {
        self.arm_of(slug).ok_or_else(|| {
            let known = self.manifest.experiment.arms.iter().map(|arm| arm.slug.as_str());
            let known = known.collect::<Vec<_>>().join(", ");
            format!("`{}` has no arm {slug:?}; it has {known}", self.manifest.run)
        })
    }
}

/// Which arms are divided by which.
fn arms<'a>(a: Side<'a>, b: Side<'a>) -> Result<Vec<(&'a Arm, &'a Arm)>, String> {
    let named = a.arm.or(b.arm).zip(b.arm.or(a.arm));
    let pairs = if let Some((arm, other)) = named {
        vec![(a.named(arm)?, b.named(other)?)]
    } else {
        let arms = a.manifest.experiment.arms.iter().filter(|arm| !arm.floor);
        arms.filter_map(|arm| Some((arm, b.arm_of(&arm.slug)?))).collect()
    };
    if a.manifest.run == b.manifest.run && pairs.iter().any(|(a, b)| a.slug == b.slug) {
        let run = &a.manifest.run;
        return Err(format!(
            "an arm divided by itself is 1: name two arms of `{run}`, as {run}:ARM"
        ));
    }
    if pairs.is_empty() {
        return Err(format!(
            "`{}` and `{}` have no arm in common; name one of each, as RUN:ARM",
            a.manifest.run, b.manifest.run
        ));
    }
    Ok(pairs)
}

/// The headline loads of both; and those that would be of both, had the generator not spun before
/// the due times of one run and slept before those of the other.
fn loads<'a>(a: Side<'a>, b: Side<'_>) -> (Vec<&'a Load>, Vec<&'a Load>) {
    let others = b.grid().headline_loads();
    let twin = |load: &Load| {
        others.iter().copied().find(|other| {
            let near = (load.rate_per_s / other.rate_per_s - 1.0).abs() <= SAME_RATE;
            other.slug == load.slug && other.arrivals == load.arrivals && near
        })
    };
    let common = a.grid().headline_loads().into_iter().filter_map(|load| Some((load, twin(load)?)));
    let (same, apart): (Vec<_>, Vec<_>) = common.partition(|(load, twin)| load.spin == twin.spin);
    let first = |pairs: Vec<(&'a Load, &Load)>| pairs.into_iter().map(|(load, _)| load).collect();
    (first(same), first(apart))
}

/// Why loads are not compared, though both runs have them.
fn spun_once(loads: &[&Load]) -> String {
    let names: Vec<String> = loads.iter().map(|load| format!("`{}`", load.slug)).collect();
    format!(
        "under {} the generator spun before due times in one run and slept in the other, and how late \
         it wakes is in every latency; run both with --spin, or neither",
        names.join(", ")
    )
}

/// # Errors
/// The run has no floor to hold the arm against.
fn floors(side: Side<'_>, arm: &Arm) -> Result<(), String> {
    let floor = side.grid().floor_of(&arm.slug);
    let ran = floor.is_some_and(|floor| side.trials.iter().any(|trial| trial.arm == floor.slug));
    if ran {
        return Ok(());
    }
    Err(format!(
        "`{}` has no floor behind the link of `{}`: arms of two runs are compared only by their \
         ratios to it, because identical systems drift by more than most differences from one run \
         to the next; race both in one run",
        side.manifest.run, arm.slug
    ))
}

/// One arm against another under one load.
struct Pair<'a> {
    a: Side<'a>,
    b: Side<'a>,
    by: ComparedBy,
    arm: &'a Arm,
    other: &'a Arm,
    load: &'a Load,
}

impl Pair<'_> {
    fn figure(&self, figure: Figure) -> ComparedFigure {
        let contrast = match self.by {
            ComparedBy::Round => self.by_round(figure),
            ComparedBy::Floor => self.by_floor(figure),
        };
        let median = |side: Side<'_>, arm: &Arm| {
            let cell = side.grid().cell(&arm.slug, &self.load.slug);
            median_f64(values(&cell, figure).into_iter().flatten())
        };
        let mut compared = ComparedFigure {
            load: self.load.slug.clone(),
            rate_per_s: self.load.rate_per_s,
            arm_a: self.arm.slug.clone(),
            arm_b: self.other.slug.clone(),
            figure,
            a: median(self.a, self.arm),
            b: median(self.b, self.other),
            ratio: None,
            interval: None,
            range: None,
            rounds: (0, 0),
            p_holm: None,
            verdict: Compared::CannotTell,
            sentence: String::new(),
        };
        match contrast {
            Ok(contrast) => contrast.tell(&mut compared),
            Err(why) => compared.sentence = format!("cannot be compared: {why}"),
        }
        compared
    }

    fn by_round(&self, figure: Figure) -> Result<Contrast, String> {
        let spot = |arm| Spot { arm, load: &self.load.slug };
        let spots = (spot(&self.arm.slug), spot(&self.other.slug));
        let divided = divide(&self.a.grid(), figure, spots.0, spots.1)?;
        Ok(Contrast::paired(divided.ratio))
    }

    fn by_floor(&self, figure: Figure) -> Result<Contrast, String> {
        self.machine(figure)?;
        let a = self.to_floor(self.a, self.arm, figure)?;
        let b = self.to_floor(self.b, self.other, figure)?;
        Contrast::apart(&a, &b).ok_or_else(|| "no round has a valid trial".to_owned())
    }

    fn to_floor(&self, side: Side<'_>, arm: &Arm, figure: Figure) -> Result<Vec<f64>, String> {
        let (grid, run) = (side.grid(), &side.manifest.run);
        let floor = grid.floor_of(&arm.slug).ok_or_else(|| format!("`{run}` has no floor"))?;
        let spot = |arm| Spot { arm, load: &self.load.slug };
        let within = |why: String| format!("in `{run}` {why}");
        let divided = quotient(&grid, figure, spot(&arm.slug), spot(&floor.slug));
        episodes(&grid, figure, spot(&arm.slug)).map_err(within)?;
        divided.map(|divided| divided.rounds).map_err(within)
    }

    /// As within a run: p99 when both are well above the floor, p50 when one is.
    fn machine(&self, figure: Figure) -> Result<(), String> {
        let Some(q) = figure.quantile() else { return Ok(()) };
        let near = [(self.a, self.arm), (self.b, self.other)]
            .into_iter()
            .filter(|(side, arm)| side.grid().near_floor(&arm.slug, &self.load.slug, q))
            .count();
        if near == 2 || (near == 1 && figure == Figure::P99) {
            return Err(format!(
                "a {} below twice that of the bare echo shows the machine, not the pipeline",
                figure.title()
            ));
        }
        Ok(())
    }
}

/// Holm's correction over all that is printed.
fn corrected(mut figures: Vec<ComparedFigure>) -> Vec<ComparedFigure> {
    let chances: Vec<f64> = figures.iter().filter_map(|figure| figure.p_holm).collect();
    let family = chances.len();
    let mut adjusted = holm(&chances).into_iter();
    for figure in figures.iter_mut().filter(|figure| figure.p_holm.is_some()) {
        figure.p_holm = adjusted.next();
        let differs = matches!(figure.verdict, Compared::Higher | Compared::Lower);
        if differs && figure.p_holm.is_some_and(|chance| chance >= CHANCE_MAX) {
            figure.verdict = Compared::NoDifference;
            figure.sentence = format!("no difference found, corrected for {family} comparisons");
        }
    }
    figures
}

/// What else differs than what is compared.
fn warnings(
    (a, b): (Side<'_>, Side<'_>),
    arms: &[(&Arm, &Arm)],
    apart: &[&Load],
    figures: &[ComparedFigure],
) -> Vec<String> {
    let (first, second) = (a.manifest, b.manifest);
    let mut warnings = Vec::new();
    let mut say = |differs: bool, what: &str| {
        if differs {
            warnings.push(what.to_owned());
        }
    };
    say(
        first.machine.cpu != second.machine.cpu || first.machine.cores != second.machine.cores,
        "The runs are of different machines: a ratio to the floor carries over only in part.",
    );
    let sockets = sockets::difference(&first.machine, &second.machine);
    say(sockets.is_some(), sockets.as_deref().unwrap_or_default());
    say(!apart.is_empty(), &format!("Not compared: {}.", spun_once(apart)));
    say(first.build.profile != second.build.profile, "The runs are of different builds.");
    say(first.backends != second.backends, "The runs had different backends.");
    let few = |one: &ComparedFigure| {
        one.ratio.is_some() && (one.rounds.0.min(one.rounds.1) as usize) < ROUNDS_MIN
    };
    say(
        figures.iter().any(few),
        "Fewer than 6 rounds decide nothing: what they show may be chance. Take --rounds 6.",
    );
    let differ = |of: fn(&Arm, &Arm) -> bool| arms.iter().any(|(a, b)| of(a, b));
    say(
        differ(|a, b| a.promise != b.promise),
        "The promises differ: it is the price of a promise, not a ranking.",
    );
    say(differ(|a, b| a.link != b.link), "The arms are behind different links.");
    say(
        differ(|a, b| {
            let shape = |arm: &Arm| {
                (arm.connections, arm.in_flight_per_connection, arm.batch_metrics, arm.codec)
            };
            shape(a) != shape(b) || a.tls != b.tls
        }),
        "The arms differ in connections, requests in flight, batch, codec or TLS.",
    );
    warnings
}
