//! How much a system takes before it misses an objective: doubling on two of three fresh trials,
//! then rungs of ten per cent. The answer lies between a rate at which three of three trials
//! passed and one at which at least two of three failed; what passes above what failed is no
//! answer. Here only rates are chosen: a trial is a function from rate to verdict, so that the
//! search can be checked on made-up systems. Read `objective.rs` for what a trial is judged by.

mod objective;

use tailrace_measure::record::{CapacityAnswer, CapacityVerdict};

pub use objective::{NoObjective, Objective, Path, judge};

/// Trials of a rate.
const TRIALS: u32 = 3;
/// Of them so many decide.
const MAJORITY: u32 = 2;
/// From one rung to the next: finer steps than the machine's own drift decide nothing.
const RUNG: f64 = 1.1;

/// Where to search, batches a second.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The first rate.
    pub from: f64,
    /// Nothing is tried below.
    pub least: f64,
    /// Nothing is tried above.
    pub most: f64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Of which kind.
    pub answer: CapacityAnswer,
    /// Highest rate at which all trials passed; most, where nothing was decided.
    pub passed_per_s: Option<f64>,
    /// Lowest rate above it at which most failed.
    pub failed_per_s: Option<f64>,
    /// Why nothing was decided.
    pub why: String,
}

/// A rate and what its trials said.
#[derive(Debug, Clone, Copy)]
struct Rung {
    rate: f64,
    passed: u32,
    failed: u32,
    undecided: u32,
}

/// Why the search ends before its answer.
enum Stop {
    Interrupted,
    Undecided(f64),
    Fault(anyhow::Error),
}

/// One fresh trial at a rate; none: it was interrupted.
pub type Attempt<'a> = dyn FnMut(f64) -> anyhow::Result<Option<CapacityVerdict>> + 'a;

/// Searches.
///
/// # Errors
/// Those of a trial.
pub fn search(bounds: Bounds, attempt: &mut Attempt<'_>) -> anyhow::Result<Found> {
    let mut search = Search { bounds, attempt, rungs: Vec::new() };
    let ended = search.run();
    // What is known all the same.
    let passed = search.rungs.iter().filter(|rung| rung.passed >= MAJORITY).map(|rung| rung.rate);
    let passed_per_s = passed.reduce(f64::max);
    let open = |answer, why| Found { answer, passed_per_s, failed_per_s: None, why };
    match ended {
        Ok(found) => Ok(found),
        Err(Stop::Fault(error)) => Err(error),
        Err(Stop::Interrupted) => {
            Ok(open(CapacityAnswer::Interrupted, "it was interrupted".into()))
        }
        Err(Stop::Undecided(rate)) => Ok(open(
            CapacityAnswer::CannotDecide,
            format!("most trials at {rate:.0}/s say nothing: see their reasons"),
        )),
    }
}

struct Search<'a, 'b> {
    bounds: Bounds,
    attempt: &'a mut Attempt<'b>,
    rungs: Vec<Rung>,
}

impl Search<'_, '_> {
    fn run(&mut self) -> Result<Found, Stop> {
        let found = |answer, passed_per_s, failed_per_s| Found {
            answer,
            passed_per_s,
            failed_per_s,
            why: String::new(),
        };
        let (low, high) = match self.double()? {
            (Some(low), Some(high)) => (low, high),
            (Some(low), None) => {
                return Ok(found(CapacityAnswer::AboveHighest, Some(low), None));
            }
            (None, high) => return Ok(found(CapacityAnswer::BelowLowest, None, high)),
        };
        let passed = self.climb(low, high)?;
        let failed = self.rungs.iter().filter(|rung| rung.failed >= MAJORITY);
        let failed = failed.map(|rung| rung.rate).fold(f64::INFINITY, f64::min);
        // What lies above the lowest failure must fail too.
        if failed * RUNG <= self.bounds.most {
            self.majority(failed * RUNG)?;
        }
        let Some(passed) = passed else {
            return Ok(found(CapacityAnswer::BelowLowest, None, Some(failed)));
        };
        let above = self.rungs.iter().find(|rung| rung.rate > failed && rung.passed >= MAJORITY);
        if let Some(rung) = above {
            let (rate, failed) = (rung.rate, format!("{failed:.0}"));
            return Ok(Found {
                why: format!("{rate:.0}/s passed, though {failed}/s failed"),
                ..found(CapacityAnswer::CannotDecide, None, None)
            });
        }
        Ok(found(CapacityAnswer::Between, Some(passed), Some(failed)))
    }

    /// The last rate that passed and the first that failed, a factor of two apart.
    fn double(&mut self) -> Result<(Option<f64>, Option<f64>), Stop> {
        let (mut low, mut high) = (None, None);
        let mut rate = self.bounds.from;
        while low.is_none() || high.is_none() {
            if self.majority(rate)? {
                low = Some(rate);
                rate *= 2.0;
            } else {
                high = Some(rate);
                rate /= 2.0;
            }
            if rate < self.bounds.least || rate > self.bounds.most {
                break;
            }
        }
        Ok((low, high))
    }

    /// Rungs up from a rate that passed, until most fail. The highest at which all passed, or one
    /// below the start if not all passed there.
    fn climb(&mut self, low: f64, high: f64) -> Result<Option<f64>, Stop> {
        let mut passed = None;
        let mut rate = low;
        while rate < high * 0.999 {
            let rung = self.rung(rate, |rung| rung.trials() >= TRIALS)?;
            if rung.failed >= MAJORITY {
                break;
            }
            if rung.passed == TRIALS {
                passed = Some(rate);
            }
            rate *= RUNG;
        }
        rate = low;
        while passed.is_none() && rate / RUNG >= self.bounds.least {
            rate /= RUNG;
            let rung = self.rung(rate, |rung| rung.trials() >= TRIALS)?;
            passed = (rung.passed == TRIALS).then_some(rate);
        }
        Ok(passed)
    }

    /// Whether most trials pass.
    fn majority(&mut self, rate: f64) -> Result<bool, Stop> {
        let decided = |rung: &Rung| rung.passed >= MAJORITY || rung.failed >= MAJORITY;
        let rung = self.rung(rate, decided)?;
        Ok(rung.passed >= MAJORITY)
    }

    /// Fresh trials at a rate until it is enough.
    fn rung(&mut self, rate: f64, enough: impl Fn(&Rung) -> bool) -> Result<Rung, Stop> {
        let known = self.rungs.iter().position(|rung| (rung.rate / rate - 1.0).abs() < 1e-9);
        let index = known.unwrap_or_else(|| {
            self.rungs.push(Rung { rate, passed: 0, failed: 0, undecided: 0 });
            self.rungs.len() - 1
        });
        while !enough(&self.rungs[index]) {
            let verdict = (self.attempt)(self.rungs[index].rate).map_err(Stop::Fault)?;
            let rung = &mut self.rungs[index];
            match verdict.ok_or(Stop::Interrupted)? {
                CapacityVerdict::Passed => rung.passed += 1,
                CapacityVerdict::Failed => rung.failed += 1,
                // Tried again: what the instrument spoilt is no trial of the system.
                CapacityVerdict::Undecided => rung.undecided += 1,
            }
            if rung.undecided >= MAJORITY {
                return Err(Stop::Undecided(rate));
            }
        }
        Ok(self.rungs[index])
    }
}

impl Rung {
    fn trials(&self) -> u32 {
        self.passed + self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { from: 1_000.0, least: 100.0, most: 100_000.0 };

    /// Searches on a made-up system; also says which rates were tried how often.
    fn on(mut system: impl FnMut(f64, usize) -> CapacityVerdict) -> (Found, Vec<f64>) {
        let mut tried = Vec::new();
        let found = search(BOUNDS, &mut |rate| {
            let before = tried.iter().filter(|other| rate.total_cmp(other).is_eq()).count();
            tried.push(rate);
            Ok(Some(system(rate, before)))
        });
        (found.unwrap(), tried)
    }

    fn up_to(limit: f64) -> impl Fn(f64, usize) -> CapacityVerdict {
        move |rate, _| {
            if rate <= limit { CapacityVerdict::Passed } else { CapacityVerdict::Failed }
        }
    }

    #[test]
    fn a_sharp_knee_is_found_within_a_rung() {
        for limit in [130.0, 999.0, 1_000.0, 1_050.0, 7_777.0, 60_000.0] {
            let (found, tried) = on(up_to(limit));
            assert_eq!(found.answer, CapacityAnswer::Between, "{limit}");
            let (low, high) = (found.passed_per_s.unwrap(), found.failed_per_s.unwrap());
            assert!(low <= limit && limit < high && high <= low * 1.11, "{limit}: {low} {high}");
            assert!(tried.len() <= 60, "{limit}: {} trials", tried.len());
        }
    }

    #[test]
    fn bounds_are_kept_and_told() {
        let (found, tried) = on(up_to(1e9));
        assert_eq!(
            (found.answer, found.passed_per_s),
            (CapacityAnswer::AboveHighest, Some(64_000.0))
        );
        assert!(tried.iter().all(|rate| *rate <= BOUNDS.most));
        let (found, tried) = on(up_to(1.0));
        assert_eq!((found.answer, found.failed_per_s), (CapacityAnswer::BelowLowest, Some(125.0)));
        assert!(tried.iter().all(|rate| *rate >= BOUNDS.least));
    }

    #[test]
    fn three_of_three_must_pass_below() {
        // One trial in three fails between 4,000 and 5,000.
        let (found, _) = on(|rate, before| match rate {
            ..4_000.0 => CapacityVerdict::Passed,
            ..5_000.0 if before != 1 => CapacityVerdict::Passed,
            _ => CapacityVerdict::Failed,
        });
        assert_eq!(found.answer, CapacityAnswer::Between);
        let (low, high) = (found.passed_per_s.unwrap(), found.failed_per_s.unwrap());
        assert!(low < 4_000.0 && (5_000.0..5_700.0).contains(&high), "{low} {high}");
    }

    #[test]
    fn what_passes_above_a_failure_decides_nothing() {
        let (found, _) = on(|rate, _| match rate {
            4_300.0..4_500.0 => CapacityVerdict::Failed,
            ..9_000.0 => CapacityVerdict::Passed,
            _ => CapacityVerdict::Failed,
        });
        assert_eq!(found.answer, CapacityAnswer::Between);
        let (found, _) = on(|rate, _| match rate {
            8_000.0 => CapacityVerdict::Failed,
            ..9_000.0 => CapacityVerdict::Passed,
            _ => CapacityVerdict::Failed,
        });
        assert_eq!(found.answer, CapacityAnswer::CannotDecide);
        assert!(found.why.contains("though 8000/s failed"), "{}", found.why);
    }

    #[test]
    fn trials_that_say_nothing_are_tried_again_once() {
        let (found, _) = on(|rate, before| match before {
            0 => CapacityVerdict::Undecided,
            _ => up_to(3_000.0)(rate, before),
        });
        assert_eq!(found.answer, CapacityAnswer::Between);
        let (found, _) = on(|_, _| CapacityVerdict::Undecided);
        assert_eq!(found.answer, CapacityAnswer::CannotDecide);
        assert!(found.why.contains("say nothing"));
    }
}
