//! What is asked of the arms and loads: baseline, primary figure, expectations. Every name must
//! be one of an arm or a load, and every figure one that the load can give.

use tailrace_measure::record::{Arm, Bounds, Claim, Expectation, Figure, Primary};
use tailrace_measure::stein::{FIRST_STAGE, ROUNDS_MAX};
use toml::Spanned;

use super::fault::{Fault, Place, listed};
use super::wire::{BoundsEntry, ExpectEntry, File};
use super::words::{As, Slug, Word};
use super::{LoadPlan, limits};

/// The name of an experiment: its file's, without folder and ending.
pub(super) fn name(place: &Place<'_>) -> Result<String, Fault> {
    let stem = place.file_name().strip_suffix(".toml").unwrap_or(place.file_name());
    let Some(Slug(name)) = Slug::text(stem) else {
        let expected = Slug::expected();
        return Err(
            place.whole(&format!("the file's name becomes a folder's: let it be {expected}"))
        );
    };
    Ok(name)
}

/// The declared baseline, or the first arm that is not the floor.
pub(super) fn baseline(shape: &File, arms: &[Arm], place: &Place<'_>) -> Result<String, Fault> {
    match &shape.baseline {
        Some(slug) => arm(slug, arms, place),
        None => {
            Ok(arms.iter().find(|arm| !arm.floor).map_or_else(String::new, |arm| arm.slug.clone()))
        }
    }
}

/// Whether the experiment goes on until it is decided.
pub(super) fn decides(shape: &File) -> bool {
    shape.decide.as_ref().is_some_and(|decide| *decide.get_ref())
}

/// The declared rounds; an experiment that decides has those of its first stage.
pub(super) fn rounds(shape: &File, place: &Place<'_>) -> Result<u32, Fault> {
    let Some(decide) = shape.decide.as_ref().filter(|_| decides(shape)) else {
        return Ok(shape.rounds.map_or(limits::ROUNDS, |rounds| rounds.0 as u32));
    };
    if shape.primary.is_none() {
        let what = "decide = true needs the figure that decides: [primary]";
        return Err(place.fault(decide.span(), what));
    }
    if shape.rounds.is_some_and(|rounds| rounds.0 != FIRST_STAGE as u64) {
        let what = format!(
            "decide = true runs {FIRST_STAGE} rounds, and then as many as their spread asks for, \
             up to {ROUNDS_MAX}: leave rounds out"
        );
        return Err(place.fault(decide.span(), &what));
    }
    Ok(FIRST_STAGE as u32)
}

pub(super) fn primary(
    shape: &File,
    arms: &[Arm],
    loads: &[LoadPlan],
    place: &Place<'_>,
) -> Result<Option<Primary>, Fault> {
    let Some(entry) = &shape.primary else { return Ok(None) };
    let figure = entry.figure.0;
    let load = load(&entry.load, figure, loads, place)?;
    let against_load = entry.against_load.as_ref();
    if let Some(other) = against_load
        && (!entry.pairs.is_empty() || other.get_ref() == entry.load.get_ref())
    {
        let what = "against_load is another load, and divides each arm by itself: without pairs";
        return Err(place.fault(other.span(), what));
    }
    let against_load =
        against_load.map(|other| self::load(other, figure, loads, place)).transpose()?;
    if entry.pairs.len() > limits::PAIRS_MAX {
        let what = format!("more than {} pairs", limits::PAIRS_MAX);
        return Err(place.fault(entry.load.span(), &what));
    }
    let pairs = entry.pairs.iter().map(|[a, b]| {
        let pair = (arm(a, arms, place)?, arm(b, arms, place)?);
        if pair.0 == pair.1 {
            return Err(place.fault(b.span(), "an arm divided by itself is 1"));
        }
        Ok(pair)
    });
    Ok(Some(Primary { figure, load, against_load, pairs: pairs.collect::<Result<_, _>>()? }))
}

pub(super) fn expectations(
    shape: &File,
    arms: &[Arm],
    loads: &[LoadPlan],
    place: &Place<'_>,
) -> Result<Vec<Expectation>, Fault> {
    if let Some(extra) = shape.expect.get(limits::EXPECTATIONS_MAX) {
        let what = format!("more than {} expectations", limits::EXPECTATIONS_MAX);
        return Err(place.fault(extra.span(), &what));
    }
    let asks = Asks { arms, loads, place };
    shape.expect.iter().map(|entry| asks.expectation(entry)).collect()
}

struct Asks<'a> {
    arms: &'a [Arm],
    loads: &'a [LoadPlan],
    place: &'a Place<'a>,
}

/// The keys that say what must hold, as a message lists them.
const CLAIMS: &str = "ratio = { above = …, below = … } (with figure and against or against_load), \
                      to_floor (with figure), answered, or audit = \"kept\"";

impl Asks<'_> {
    fn expectation(&self, entry: &Spanned<ExpectEntry>) -> Result<Expectation, Fault> {
        let (span, entry) = (entry.span(), entry.get_ref());
        let figure = entry.figure.map(|As(figure)| figure);
        let claim = match (&entry.ratio, &entry.to_floor, &entry.answered, entry.audit) {
            (Some(bounds), None, None, None) => self.ratio(entry, figure, bounds),
            (None, Some(bounds), None, None) => self.to_floor(figure, bounds),
            (None, None, Some(bounds), None) => self.answered(bounds),
            (None, None, None, Some(_)) => Ok(Claim::AuditKept),
            _ => Err(self
                .place
                .fault(span.clone(), &format!("an expectation says one of: {CLAIMS}"))),
        }?;
        let compares = entry.against.is_some() || entry.against_load.is_some();
        if compares && entry.ratio.is_none() {
            return Err(self.place.fault(span, "against and against_load belong to ratio"));
        }
        if figure.is_some() && matches!(claim, Claim::Answered { .. } | Claim::AuditKept) {
            return Err(self.place.fault(span, "figure belongs to ratio and to_floor"));
        }
        let that = entry.that.0.0.clone();
        let arm = arm(&entry.arm, self.arms, self.place)?;
        let load = load(&entry.load, figure.unwrap_or(Figure::P50), self.loads, self.place)?;
        Ok(Expectation { that, arm, load, claim })
    }

    fn ratio(
        &self,
        entry: &ExpectEntry,
        figure: Option<Figure>,
        bounds: &Spanned<BoundsEntry>,
    ) -> Result<Claim, Fault> {
        let figure = self.figure(figure, bounds)?;
        let against = arm(entry.against.as_ref().unwrap_or(&entry.arm), self.arms, self.place)?;
        let other = entry.against_load.as_ref().unwrap_or(&entry.load);
        let against_load = load(other, figure, self.loads, self.place)?;
        if against == *entry.arm.get_ref() && against_load == *entry.load.get_ref() {
            let what = "a ratio needs another arm (against) or another load (against_load)";
            return Err(self.place.fault(bounds.span(), what));
        }
        Ok(Claim::Ratio { figure, against, against_load, bounds: self.bounds(bounds)? })
    }

    fn to_floor(
        &self,
        figure: Option<Figure>,
        bounds: &Spanned<BoundsEntry>,
    ) -> Result<Claim, Fault> {
        let figure = self.figure(figure, bounds)?;
        if !matches!(figure, Figure::P50 | Figure::P99) {
            return Err(self.place.fault(bounds.span(), "the floor is compared by p50 or p99"));
        }
        if !self.arms.iter().any(|arm| arm.floor) {
            return Err(self.place.fault(bounds.span(), "floor = false: there is no floor"));
        }
        Ok(Claim::ToFloor { figure, bounds: self.bounds(bounds)? })
    }

    fn answered(&self, bounds: &Spanned<BoundsEntry>) -> Result<Claim, Fault> {
        let checked = self.bounds(bounds)?;
        if [checked.above, checked.below].into_iter().flatten().any(|share| share > 1.0) {
            return Err(self.place.fault(bounds.span(), "a share lies between 0 and 1"));
        }
        Ok(Claim::Answered { bounds: checked })
    }

    fn figure(
        &self,
        figure: Option<Figure>,
        bounds: &Spanned<BoundsEntry>,
    ) -> Result<Figure, Fault> {
        let what = || format!("of which figure? figure = {}", Figure::expected());
        figure.ok_or_else(|| self.place.fault(bounds.span(), &what()))
    }

    fn bounds(&self, entry: &Spanned<BoundsEntry>) -> Result<Bounds, Fault> {
        let number = |bound: Option<As<super::words::Number>>| bound.map(|bound| bound.0.0);
        let (above, below) = (number(entry.get_ref().above), number(entry.get_ref().below));
        let empty = match (above, below) {
            (None, None) => true,
            (Some(above), Some(below)) => above >= below,
            _ => false,
        };
        if empty {
            let what = "give above, below or both, with above smaller than below";
            return Err(self.place.fault(entry.span(), what));
        }
        Ok(Bounds { above, below })
    }
}

fn arm(slug: &Spanned<String>, arms: &[Arm], place: &Place<'_>) -> Result<String, Fault> {
    let contestants = arms.iter().filter(|arm| !arm.floor).map(|arm| arm.slug.as_str());
    if contestants.clone().any(|known| known == slug.get_ref()) {
        return Ok(slug.get_ref().clone());
    }
    let what = format!("there is no arm {:?}; there are {}", slug.get_ref(), listed(contestants));
    Err(place.fault(slug.span(), &what))
}

fn load(
    slug: &Spanned<String>,
    figure: Figure,
    loads: &[LoadPlan],
    place: &Place<'_>,
) -> Result<String, Fault> {
    let known = listed(loads.iter().map(|load| load.slug.as_str()));
    let found = loads.iter().find(|load| load.slug == *slug.get_ref()).ok_or_else(|| {
        let what = format!("there is no load {:?}; there are {known}", slug.get_ref());
        place.fault(slug.span(), &what)
    })?;
    if figure.needs_subscriber() && found.live_per_s.is_none() {
        let what = format!("the load {:?} has no live subscriber; give it live", found.slug);
        return Err(place.fault(slug.span(), &what));
    }
    Ok(found.slug.clone())
}
