//! What an experiment asked and what came of it, as the report prints it: prediction, the answer
//! of the primary figure, a verdict on each expectation. A race has none of them. The rest of the
//! report is in `view`.

use serde::Serialize;
use tailrace_measure::record::Judged;

use crate::{RunData, table};

#[derive(Serialize)]
pub(super) struct Asked {
    /// Paragraphs.
    prediction: Vec<String>,
    /// Paragraphs.
    about: Vec<String>,
    answer: Option<String>,
    verdicts: Vec<VerdictView>,
    /// Where it was read, with what was set.
    source: Option<String>,
}

#[derive(Serialize)]
struct VerdictView {
    /// Also the name of a style.
    verdict: &'static str,
    that: String,
    sentence: String,
}

pub(super) fn asked(run: &RunData) -> Asked {
    let experiment = &run.manifest.experiment;
    Asked {
        prediction: paragraphs(&experiment.prediction),
        about: paragraphs(&experiment.about),
        answer: run.summary.answer.as_ref().map(|answer| answer.sentence.clone()),
        verdicts: run.summary.verdicts.iter().map(verdict).collect(),
        source: experiment.source.as_ref().map(|source| {
            let sets: String = source.set.iter().fold(String::new(), |told, set| told + ", " + set);
            format!("{}{sets}; SHA-256 {}", source.file, source.sha256)
        }),
    }
}

fn verdict(judged: &Judged) -> VerdictView {
    VerdictView {
        verdict: table::judgment(judged.verdict),
        that: judged.expectation.that.clone(),
        sentence: judged.sentence.clone(),
    }
}

/// Separated by empty lines; a line break within one is a space.
fn paragraphs(prose: &str) -> Vec<String> {
    let lines = prose.lines().map(str::trim);
    let mut paragraphs = vec![String::new()];
    for line in lines {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                let gap = if last.is_empty() { "" } else { " " };
                *last = format!("{last}{gap}{line}");
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

#[cfg(test)]
mod tests {
    use super::paragraphs;

    #[test]
    fn empty_lines_part_paragraphs() {
        assert_eq!(paragraphs("a\nb\n\n\n  c\n"), ["a b", "c"]);
        assert!(paragraphs("").is_empty());
    }
}
