//! What an experiment asked and what came of it, on a terminal: the answer of its primary figure
//! and a verdict on each expectation. A race has neither.

use tailrace_measure::record::Summary;
use tailrace_render::table::judgment;

use crate::printing;
use crate::terminal::{output_width, wrap};

/// As wide as the longest verdict.
const WIDTH: usize = "CANNOT TELL".len();

/// Prints answer and verdicts, if there are any.
///
/// # Errors
/// Standard output is closed.
pub fn print(summary: &Summary) -> anyhow::Result<()> {
    let width = output_width();
    if let Some(answer) = &summary.answer {
        printing::line(&wrap(&format!("\n{}", answer.sentence), width, 0))?;
    }
    if !summary.verdicts.is_empty() {
        printing::line("\nexpected, and what came:")?;
    }
    for judged in &summary.verdicts {
        let (verdict, that) = (judgment(judged.verdict), &judged.expectation.that);
        let said = format!("{verdict:<WIDTH$}  {that}\n{:<WIDTH$}  {}", "", judged.sentence);
        printing::line(&wrap(&said, width, WIDTH + 2))?;
    }
    Ok(())
}
