//! `tailrace compare`: arms of one run, paired by round, or of two runs, by their ratios to the
//! floor. The arithmetic and its words are in `tailrace_measure::compare`.

use std::path::PathBuf;

use clap::Args;
use tailrace_measure::compare::{Side, compare};
use tailrace_measure::record::{
    Compared, ComparedBy, ComparedFigure, Figure, Manifest, RunComparison, Trial,
};
use tailrace_measure::wording::{figure, times};
use tailrace_render::format;

use crate::columns::{self, Line};
use crate::exit::{Ended, Fault};
use crate::{list, printing};

/// Arguments of `compare`.
#[derive(Debug, Args, Clone)]
#[command(
    after_help = "RUN is a path, a unique beginning of a run's name, or `latest`. Arms of one run \
    are paired by round: tailrace compare latest:ws-memory latest:http1-memory. Two runs are \
    compared by their ratios to the floor; without arms, every arm that both have."
)]
pub struct CompareArgs {
    /// What is compared
    #[arg(value_name = "RUN[:ARM]")]
    pub a: String,
    /// What it is divided by
    #[arg(value_name = "RUN[:ARM]")]
    pub b: String,
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Compares and prints.
///
/// # Errors
/// No such run or arm, nothing in common, no floor where it takes one: exit code 2; or damaged
/// files.
pub fn run(arguments: &CompareArgs) -> anyhow::Result<Ended> {
    let a = Recorded::read(arguments, &arguments.a)?;
    let b = Recorded::read(arguments, &arguments.b)?;
    let comparison = compare(a.side(), b.side()).map_err(Fault::Usage)?;
    if arguments.json {
        printing::json(&comparison)?;
    } else {
        print(&comparison)?;
    }
    Ok(Ended::Fine)
}

/// A run from disk, and which of its arms is meant.
struct Recorded {
    manifest: Manifest,
    trials: Vec<Trial>,
    arm: Option<String>,
}

impl Recorded {
    fn read(arguments: &CompareArgs, word: &str) -> anyhow::Result<Self> {
        let (run, arm) = match word.rsplit_once(':') {
            Some((run, arm)) => (run, Some(arm.to_owned())),
            None => (word, None),
        };
        let folder = list::find(&arguments.results, run)?;
        let manifest = folder.read_manifest()?;
        let stored = folder.read_trials(&manifest)?;
        Ok(Self { manifest, trials: stored.into_iter().map(|one| one.trial).collect(), arm })
    }

    fn side(&self) -> Side<'_> {
        Side { manifest: &self.manifest, trials: &self.trials, arm: self.arm.as_deref() }
    }
}

/// As text.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn print(comparison: &RunComparison) -> anyhow::Result<()> {
    printing::line(&match comparison.by {
        ComparedBy::Round => format!("{}, paired by round", comparison.run_a),
        ComparedBy::Floor => format!(
            "{} ÷ {}, by the ratios to the floor; medians beside them are not comparable",
            comparison.run_a, comparison.run_b
        ),
    })?;
    printing::line(&columns::align_left(&lines(&comparison.figures)))?;
    for warning in &comparison.warnings {
        printing::line(&format!("! {warning}"))?;
    }
    Ok(())
}

const HEADINGS: [&str; 6] = ["figure", "first", "second", "÷", "range", "verdict"];

/// One table for each load and pair of arms.
fn lines(figures: &[ComparedFigure]) -> Vec<Line> {
    let (mut lines, mut above) = (Vec::new(), String::new());
    for one in figures {
        let heading = heading(one);
        if heading != above {
            lines.push(Line::Heading(format!("\n{heading}\n")));
            lines.push(Line::Cells(HEADINGS.map(str::to_owned).to_vec()));
            above = heading;
        }
        lines.push(Line::Cells(cells(one).to_vec()));
    }
    lines
}

fn heading(one: &ComparedFigure) -> String {
    let ComparedFigure { arm_a, arm_b, load, rate_per_s, .. } = one;
    format!("{arm_a} ÷ {arm_b} under {load} ({})", format::rate(*rate_per_s))
}

fn cells(one: &ComparedFigure) -> [String; 6] {
    let value = |value: Option<f64>| value.map_or_else(|| "–".into(), |v| shown(one.figure, v));
    let ratio = one.ratio.map_or_else(|| "–".into(), |ratio| format!("×{}", times(ratio)));
    let range = match (one.interval, one.range) {
        (Some((low, high)), _) => format!("{low:.2}–{high:.2} (95 %)"),
        (None, Some((low, high))) => format!("{low:.2}–{high:.2} (lowest–highest)"),
        (None, None) => "–".into(),
    };
    let mark = match one.verdict {
        Compared::Higher | Compared::Lower => "different: ",
        Compared::NoDifference | Compared::CannotTell => "",
    };
    [
        one.figure.title().into(),
        value(one.a),
        value(one.b),
        ratio,
        range,
        format!("{mark}{}", one.sentence),
    ]
}

fn shown(what: Figure, value: f64) -> String {
    match what {
        Figure::Cpu => format!("{} µs", figure(value)),
        Figure::WireBytes => format!("{} B", figure(value)),
        Figure::Achieved => format::rate(value),
        _ => format::latency(Some(value as u64)),
    }
}
