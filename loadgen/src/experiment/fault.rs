//! A mistake in an experiment's file and where it is: file, line, column and the line itself.

use std::ops::Range;

/// A mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}{with}{excerpt}")]
pub struct Fault {
    file: String,
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    what: String,
    /// What the command line had set, in words; empty: nothing.
    with: String,
    /// The line itself, below the message, if there is anything in it.
    excerpt: String,
}

/// What is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    /// From the command line.
    pub(super) set: &'a [String],
}

impl<'a> Place<'a> {
    /// A mistake at this place of the text.
    pub(super) fn fault(&self, place: Range<usize>, what: &str) -> Fault {
        let mut start = place.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let sets = self.set.iter().fold(String::new(), |told, set| told + " --set " + set);
        Fault {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            what: what.to_owned(),
            with: if sets.is_empty() { sets } else { format!(" (with{sets})") },
            excerpt: excerpt(self.text[line_start..].lines().next().unwrap_or_default()),
        }
    }

    /// A mistake of the file as a whole.
    pub(super) fn whole(&self, what: &str) -> Fault {
        self.fault(0..0, what)
    }

    /// The file's name without its folder.
    pub(super) fn file_name(&self) -> &'a str {
        self.file.rsplit(['/', '\\']).next().unwrap_or(self.file)
    }
}

/// Characters of a line that a message shows.
const EXCERPT_CHARS_MAX: usize = 120;

fn excerpt(line: &str) -> String {
    let shown: String = line.trim().chars().take(EXCERPT_CHARS_MAX).collect();
    if shown.is_empty() { shown } else { format!("\n    {shown}") }
}

/// Names for a message: `a, b, c`.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
