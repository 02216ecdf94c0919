//! How much room a terminal has, and prose that keeps within it. A pipe has no width: what goes
//! there is never cut or wrapped, so that other programs can read it.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// Where a terminal does not tell its size.
const SIZE_UNKNOWN: (usize, usize) = (80, 24);

/// Columns and lines of a terminal; none: it is not one.
pub fn size(of: &(impl AsFd + IsTerminal)) -> Option<(usize, usize)> {
    let told = terminal_size::terminal_size_of(of);
    let told = told.map(|(width, height)| (width.0.into(), height.0.into()));
    of.is_terminal().then(|| told.unwrap_or(SIZE_UNKNOWN))
}

/// Columns of standard output, if it is a terminal.
pub fn output_width() -> Option<usize> {
    size(&std::io::stdout()).map(|(width, _)| width)
}

/// The text with line breaks between words, none of its lines wider than `width` unless one word
/// is. Lines that it breaks go on after `indent` blanks; without a width it breaks none.
pub fn wrap(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width else { return text.to_owned() };
    let lines: Vec<String> = text.split('\n').map(|line| wrap_line(line, width, indent)).collect();
    lines.join("\n")
}

fn wrap_line(line: &str, width: usize, indent: usize) -> String {
    let (mut text, mut column) = (String::new(), 0);
    for (place, word) in line.split(' ').enumerate() {
        let wide = word.chars().count();
        if place > 0 && column + 1 + wide > width {
            text.truncate(text.trim_end().len());
            text = text + "\n" + &" ".repeat(indent);
            column = indent;
        } else if place > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += wide;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_breaks_between_words_and_goes_on_indented() {
        let text = "! one two three\n\nfour incomprehensibility";
        assert_eq!(wrap(text, Some(9), 2), "! one two\n  three\n\nfour\n  incomprehensibility");
        assert_eq!(wrap(text, None, 2), text);
        assert_eq!(wrap(text, Some(80), 2), text);
    }
}
