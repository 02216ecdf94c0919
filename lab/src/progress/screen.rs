//! The lines at the foot of a terminal that are painted over again and again. The cursor rests at
//! the start of the line below them, where the terminal's own `^C` does no harm. (One that
//! rests in the last column would see: there the same two characters push its lines up by one.)

use std::io::{IsTerminal, Write};

/// Standard error, as a screen. What cannot be written is lost: it was only there to be watched.
#[derive(Debug, Default)]
pub(super) struct Screen {
    lines: Vec<String>,
}

impl Screen {
    /// Whether there is a terminal that can move its cursor.
    pub(super) fn is_there() -> bool {
        let can_move = |term: std::ffi::OsString| !term.is_empty() && term != "dumb";
        std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(can_move)
    }

    /// Shows these lines instead of the last ones; no lines clear it.
    pub(super) fn show(&mut self, lines: Vec<String>) {
        write(&repaint(self.lines.len(), None, &lines));
        self.lines = lines;
    }

    /// Writes a text above the lines, where it stays.
    pub(super) fn keep(&self, text: &str) {
        write(&repaint(self.lines.len(), Some(text), &self.lines));
    }
}

/// One write, so that no half of a picture is seen.
fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).unwrap_or_default();
}

/// From below `up` painted lines: what is kept, the new lines, and nothing of the old ones. A line
/// is written over, not erased first: erasing flickers.
fn repaint(up: usize, kept: Option<&str>, lines: &[String]) -> String {
    let mut text = String::from("\r");
    if up > 0 {
        text = text + "\x1b[" + &up.to_string() + "A";
    }
    for line in kept.into_iter().flat_map(str::lines).chain(lines.iter().map(String::as_str)) {
        text.extend([line, "\x1b[K\n"]);
    }
    text + "\x1b[J"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_painted_over_the_last_one() {
        let lines = ["bar".to_owned(), "row".to_owned()];
        assert_eq!(repaint(0, None, &lines), "\rbar\x1b[K\nrow\x1b[K\n\x1b[J");
        assert_eq!(repaint(3, None, &lines[..1]), "\r\x1b[3Abar\x1b[K\n\x1b[J");
        assert_eq!(repaint(1, Some("kept"), &lines[..1]), "\r\x1b[1Akept\x1b[K\nbar\x1b[K\n\x1b[J");
        assert_eq!(repaint(2, None, &[]), "\r\x1b[2A\x1b[J");
    }
}
