//! `cargo xtask readme`: the README's picture, table and answers, taken from the recorded runs in
//! `results/`, so that none of them can be typed. It measures nothing: record a run, add it to
//! git, remove the one before, then call this. A test fails while README and runs disagree.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::shell;

/// A recorded run.
struct Run {
    name: String,
    manifest: Value,
    summary: Value,
    report: String,
}

/// Writes the README anew.
pub(crate) fn run() -> Result<()> {
    let path = shell::root().join("README.md");
    let text = fs::read_to_string(&path)?;
    let fresh = filled(&text, &recorded()?)?;
    if fresh != text {
        fs::write(&path, fresh)?;
        eprintln!("xtask: README.md says what the recorded runs say; look at it and commit it");
    }
    Ok(())
}

/// The runs that are kept in git, oldest first.
fn recorded() -> Result<Vec<Run>> {
    let mut list = shell::program("git");
    let listed = shell::output(list.args(["ls-files", "results/*/manifest.json"]))?;
    let listed = String::from_utf8(listed.stdout)?;
    listed.lines().map(|manifest| read(&shell::root().join(manifest))).collect()
}

fn read(manifest: &Path) -> Result<Run> {
    let folder = manifest.parent().context("a manifest stands in a folder")?;
    let text = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(Run {
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        manifest: serde_json::from_str(&text("manifest.json")?)?,
        summary: serde_json::from_str(&text("summary.json")?)?,
        report: text("report.md")?,
    })
}

/// The README with each section between its marks written anew.
fn filled(readme: &str, runs: &[Run]) -> Result<String> {
    // Of several the newest, whatever it says: earlier ones stay beside it in results/.
    let race = runs.iter().rev().find(|run| run.is_race() && !run.has_fault());
    let stalled = runs.iter().rev().find(|run| run.is_race() && run.has_fault());
    let race = race.context("no race is recorded in results/")?;
    let stalled = stalled.context("no race with a fault is recorded in results/")?;
    let mut text = replaced(readme, "picture", &picture(race))?;
    text = replaced(&text, "table", &table(race)?)?;
    text = replaced(&text, "stall", &stall(stalled))?;
    replaced(&text, "answers", &answers(runs))
}

/// Everything between `<!-- begin NAME -->` and `<!-- end NAME -->` becomes `content`.
fn replaced(text: &str, name: &str, content: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let Some((before, rest)) = text.split_once(&begin) else { bail!("README lacks {begin}") };
    let Some((_, after)) = rest.split_once(&end) else { bail!("README lacks {end}") };
    Ok(format!("{before}{begin}{content}{end}{after}"))
}

fn picture(race: &Run) -> String {
    let name = &race.name;
    format!(
        "![Latency from due to acknowledged, and CPU for each metric, by promise](results/{name}/plots/dots.svg)\n\n\
         *One run on a small shared machine, made by `{}` ([its record](results/{name}/report.md)).\n\
         Absolute times belong to that machine; ratios within a promise and to the grey floor are\n\
         what to read.*\n",
        race.command()
    )
}

/// The sentences, and the part of the report about the last load, which is the high one.
fn table(race: &Run) -> Result<String> {
    let mut out = String::new();
    for sentence in race.summary["sentences"].as_array().into_iter().flatten() {
        writeln!(out, "> {}\n>", sentence.as_str().unwrap_or_default())?;
    }
    out.truncate(out.trim_end_matches([' ', '>', '\n']).len());
    let loads: Vec<&str> = race.report.split("\n## ").filter(|part| part.contains("**")).collect();
    let high = loads.last().context("the report has no table")?;
    let high = high.split("\n### ").next().unwrap_or(high).trim_end();
    ensure!(high.contains("| --- |"), "the report's last load has no table");
    write!(out, "\n\nThe high rate, {high}\n")?;
    Ok(out)
}

fn stall(stalled: &Run) -> String {
    let name = &stalled.name;
    format!(
        "![Redis stopped for three seconds: latency by due time, answers, backlog]\
         (results/{name}/plots/timeline-http1-redis-low-1.svg)\n"
    )
}

/// Every experiment that was recorded: question, answer, verdicts.
fn answers(runs: &[Run]) -> String {
    let mut out = String::new();
    for run in runs.iter().filter(|run| !run.is_race()) {
        let question = run.manifest["experiment"]["question"].as_str().unwrap_or_default();
        let _ = writeln!(out, "**{question}**");
        if let Some(answer) = run.summary["answer"]["sentence"].as_str() {
            let _ = writeln!(out, "{answer}");
        }
        let _ = writeln!(out);
        for judged in run.summary["verdicts"].as_array().into_iter().flatten() {
            let verdict = judged["verdict"].as_str().unwrap_or_default().replace('_', " ");
            let expected = judged["expectation"]["that"].as_str().unwrap_or_default();
            let _ = writeln!(out, "- *{verdict}*: {expected}");
        }
        let (name, command) = (&run.name, run.command());
        let _ = writeln!(out, "- `{command}` · [record](results/{name}/report.md)\n");
    }
    out
}

impl Run {
    fn is_race(&self) -> bool {
        self.manifest["experiment"]["name"] == "race"
    }

    fn command(&self) -> String {
        let words = self.manifest["command"].as_array().into_iter().flatten();
        words.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    }

    fn has_fault(&self) -> bool {
        self.command().contains("--fault")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_says_what_the_recorded_runs_say() {
        let readme = fs::read_to_string(shell::root().join("README.md")).unwrap();
        let fresh = filled(&readme, &recorded().unwrap()).unwrap();
        assert!(fresh == readme, "README.md is not what `cargo xtask readme` makes of results/");
    }

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
        let fresh = replaced(text, "x", "new\n").unwrap();
        assert_eq!(fresh, "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n");
        assert!(replaced(text, "y", "").is_err());
    }
}
