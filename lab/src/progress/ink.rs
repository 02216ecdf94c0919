//! Lines made of pieces with a meaning each: cut to a width, coloured where colours are wanted,
//! in ASCII where the locale asks for it. It knows nothing of races: see `board.rs`.

use crate::sparkline::Glyphs;

/// What a piece of a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Text.
    Plain,
    /// What stands out.
    Strong,
    /// What may be passed over.
    Quiet,
    /// As it should be.
    Good,
    /// To be looked at.
    Doubtful,
    /// Not as it should be.
    Bad,
}

impl Tone {
    /// The parameters of its escape sequence; none for plain text.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Quiet => Some("2"),
            Self::Good => Some("32"),
            Self::Doubtful => Some("33"),
            Self::Bad => Some("31"),
        }
    }
}

/// How lines reach a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    /// Its characters.
    pub(super) glyphs: Glyphs,
    /// Whether it is to show colours.
    pub(super) colour: bool,
}

impl Ink {
    /// As this process's environment asks for it: <https://no-color.org>.
    pub(super) fn of_environment() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { glyphs: Glyphs::of_locale(), colour: !refused }
    }
}

/// A line of a terminal; every character of it is one column wide.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Vec<(Tone, String)>);

impl Line {
    /// A line of one piece.
    pub(super) fn of(tone: Tone, text: impl Into<String>) -> Self {
        Self(vec![(tone, text.into())])
    }

    /// With one more piece.
    pub(super) fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push((tone, text.into()));
        self
    }

    /// With another line's pieces behind its own.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Columns it takes.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// Blanks behind it, up to so many columns.
    pub(super) fn padded(self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width());
        self.and(Tone::Plain, " ".repeat(missing))
    }

    /// The line as it is written: never wider than `width`, without blanks at its end.
    pub(super) fn write(&self, width: usize, ink: Ink) -> String {
        let mut text = String::new();
        let last = self.0.iter().rposition(|(_, piece)| !piece.trim_end().is_empty());
        let mut room = width;
        for (place, (tone, piece)) in self.0.iter().enumerate().take(last.map_or(0, |n| n + 1)) {
            let piece = if Some(place) == last { piece.trim_end() } else { piece };
            let piece: String = piece.chars().take(room).map(|c| shown(c, ink.glyphs)).collect();
            room -= piece.chars().count();
            match tone.code().filter(|_| ink.colour && !piece.is_empty()) {
                Some(code) => text.extend(["\x1b[", code, "m", &piece, "\x1b[0m"]),
                None => text.push_str(&piece),
            }
        }
        text
    }
}

/// One for one, so that widths stay.
fn shown(character: char, glyphs: Glyphs) -> char {
    match (glyphs, character) {
        (Glyphs::Blocks, c) => c,
        (Glyphs::Ascii, c) if c.is_ascii() => c,
        (Glyphs::Ascii, '█' | '▶') => '>',
        (Glyphs::Ascii, '\u{202f}') => ' ',
        (Glyphs::Ascii, '·') => '|',
        (Glyphs::Ascii, '×') => 'x',
        (Glyphs::Ascii, 'µ') => 'u',
        (Glyphs::Ascii, '░' | '…') => '.',
        (Glyphs::Ascii, '–') => '-',
        (Glyphs::Ascii, _) => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Ink = Ink { glyphs: Glyphs::Blocks, colour: false };

    #[test]
    fn a_line_is_cut_by_what_is_seen_and_ends_in_no_blank() {
        let line = Line::of(Tone::Strong, "ab ").and(Tone::Bad, "cd").and(Tone::Plain, "   ");
        assert_eq!((line.width(), line.write(80, PLAIN).as_str()), (8, "ab cd"));
        assert_eq!(line.write(4, PLAIN), "ab c");
        let coloured = line.write(4, Ink { colour: true, ..PLAIN });
        assert_eq!(coloured, "\x1b[1mab \x1b[0m\x1b[31mc\x1b[0m");
    }

    #[test]
    fn ascii_has_as_many_columns() {
        let line = Line::of(Tone::Plain, "2\u{202f}000/s · ██░ × 3 µs – ▶ …");
        let ascii = line.write(80, Ink { glyphs: Glyphs::Ascii, ..PLAIN });
        assert!(ascii.is_ascii() && ascii.len() == line.width(), "{ascii}");
        assert!(!ascii.contains('?'), "{ascii}");
    }
}
