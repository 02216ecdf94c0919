//! A recorded run and the same run again: reproduced or not, by what [`crate::compare`] says of
//! the ratios to the floor. Absolute figures are not asked: identical systems drift by more than
//! most differences from one run to the next.

use crate::compare::{Side, compare};
use crate::record::{
    Compared, ComparedFigure, Reproduced, Reproduction, RunComparison, SCHEMA_VERSION,
};
use crate::sockets;
use crate::wording::times;

/// Judges the second by the first.
///
/// # Errors
/// A sentence: nothing in common, or no floor to hold them against.
pub fn reproduction(recorded: Side<'_>, again: Side<'_>) -> Result<Reproduction, String> {
    let comparison = compare(again, recorded)?;
    let (verdict, sentence) = judge(&comparison);
    Ok(Reproduction {
        schema_version: SCHEMA_VERSION,
        recorded: recorded.manifest.run.clone(),
        again: again.manifest.run.clone(),
        verdict,
        sentence,
        notes: notes(recorded, again),
        comparison,
    })
}

fn judge(comparison: &RunComparison) -> (Reproduced, String) {
    let all = &comparison.figures;
    let is = |verdicts: &'static [Compared]| {
        all.iter().filter(move |figure| verdicts.contains(&figure.verdict))
    };
    let different: Vec<String> = is(&[Compared::Higher, Compared::Lower]).map(shown).collect();
    let same = is(&[Compared::NoDifference]).count();
    if !different.is_empty() {
        let what = different.join("; ");
        return (Reproduced::NotReproduced, format!("not reproduced: {what}"));
    }
    if same == 0 {
        let why = all.first().map_or("there is none", |figure| &figure.sentence);
        let sentence =
            format!("cannot tell: of {} figures none could be judged; the first: {why}", all.len());
        return (Reproduced::CannotTell, sentence);
    }
    let sentence = format!(
        "reproduced: {same} of {} figures could be compared by their ratios to the floor, and none \
         differs",
        all.len()
    );
    (Reproduced::Reproduced, sentence)
}

fn shown(figure: &ComparedFigure) -> String {
    let ComparedFigure { arm_a, load, ratio, sentence, .. } = figure;
    let ratio = ratio.map_or_else(String::new, |ratio| format!(" ×{}", times(ratio)));
    format!("{} of `{arm_a}` under `{load}`{ratio} ({sentence})", figure.figure.title())
}

/// What a reader may suspect before the system.
fn notes(recorded: Side<'_>, again: Side<'_>) -> Vec<String> {
    let (then, now) = (recorded.manifest, again.manifest);
    let mut notes = Vec::new();
    if then.build.binary_sha256 != now.build.binary_sha256 {
        notes.push(format!(
            "Another build than then ({} then, {} now): what differs may be its doing.",
            then.build.revision, now.build.revision
        ));
    }
    if then.machine.kernel != now.machine.kernel {
        let (then, now) = (&then.machine.kernel, &now.machine.kernel);
        notes.push(format!("Another kernel than then ({then} then, {now} now)."));
    }
    notes.extend(sockets::difference(&then.machine, &now.machine));
    if then.contestants != now.contestants {
        notes.push("A contestant's version or files are not those of then.".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ComparedBy, Figure};

    fn compared(verdicts: &[Compared]) -> RunComparison {
        let figure = |verdict: &Compared| ComparedFigure {
            load: "low".into(),
            rate_per_s: 1.0,
            arm_a: "ws-memory".into(),
            arm_b: "ws-memory".into(),
            figure: Figure::P50,
            a: None,
            b: None,
            ratio: Some(1.25),
            interval: None,
            range: None,
            rounds: (3, 3),
            p_holm: None,
            verdict: *verdict,
            sentence: "why".into(),
        };
        RunComparison {
            schema_version: SCHEMA_VERSION,
            run_a: "again".into(),
            run_b: "then".into(),
            by: ComparedBy::Floor,
            figures: verdicts.iter().map(figure).collect(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn one_difference_is_enough_and_silence_is_no_agreement() {
        use Compared::{CannotTell, Higher, Lower, NoDifference};
        let check = |verdicts: &[Compared], expect: Reproduced, word: &str| {
            let (verdict, sentence) = judge(&compared(verdicts));
            assert_eq!(verdict, expect, "{verdicts:?}");
            assert!(sentence.contains(word), "{sentence}");
        };
        check(&[NoDifference, NoDifference, CannotTell], Reproduced::Reproduced, "2 of 3 figures");
        check(&[NoDifference, Higher], Reproduced::NotReproduced, "p50 of `ws-memory` under `low`");
        check(&[Lower], Reproduced::NotReproduced, "not reproduced");
        check(&[CannotTell], Reproduced::CannotTell, "why");
        check(&[], Reproduced::CannotTell, "there is none");
    }
}
