//! What an experiment asked and what came of it, on a terminal: the answer of its primary figure
//! and a verdict on each expectation. A race has neither.

use tailrace_measure::record::Summary;
use tailrace_render::table::judgment;

use crate::printing;

/// As wide as the longest verdict.
const WIDTH: usize = "CANNOT TELL".len();

/// Prints answer and verdicts, if there are any.
///
/// # Errors
/// Standard output is closed.
pub fn print(summary: &Summary) -> anyhow::Result<()> {
    if let Some(answer) = &summary.answer {
        printing::line(&format!("\n{}", answer.sentence))?;
    }
    if !summary.verdicts.is_empty() {
        printing::line("\nexpected, and what came:")?;
    }
    for judged in &summary.verdicts {
        let (verdict, that) = (judgment(judged.verdict), &judged.expectation.that);
        printing::line(&format!("{verdict:<WIDTH$}  {that}"))?;
        printing::line(&format!("{:<WIDTH$}  {}", "", judged.sentence))?;
    }
    Ok(())
}
