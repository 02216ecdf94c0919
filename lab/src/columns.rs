//! Text in columns, with headings between the rows: as wide as its widest cell, never wrapped,
//! so that a table can be read, pasted and cut by other programs.

/// One line of a table.
pub enum Line {
    /// Cells, one a column; the first is set left, the others right.
    Cells(Vec<String>),
    /// Text over all columns.
    Heading(String),
}

/// Between two columns.
const GAP: &str = "  ";

/// The whole table, lines separated by line breaks.
pub fn align(lines: &[Line]) -> String {
    draw_all(lines, |column, cell, width| match column {
        0 => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    })
}

/// The same for words: every column is set left.
pub fn align_left(lines: &[Line]) -> String {
    draw_all(lines, |_, cell, width| format!("{cell:<width$}"))
}

/// Columns that the cells of [`align`]'s table take; its headings may be longer.
pub fn width(lines: &[Line]) -> usize {
    let widths = widths(lines);
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

fn draw_all(lines: &[Line], set: impl Fn(usize, &str, usize) -> String) -> String {
    let widths = widths(lines);
    let text: Vec<String> = lines.iter().map(|line| draw(line, &widths, &set)).collect();
    text.join("\n")
}

fn widths(lines: &[Line]) -> Vec<usize> {
    let mut widths = Vec::new();
    for line in lines {
        let Line::Cells(cells) = line else { continue };
        widths.resize(widths.len().max(cells.len()), 0);
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

fn draw(line: &Line, widths: &[usize], set: &impl Fn(usize, &str, usize) -> String) -> String {
    let cells = match line {
        Line::Heading(text) => return text.clone(),
        Line::Cells(cells) => cells,
    };
    let columns: Vec<String> = cells
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(column, (cell, &width))| set(column, cell, width))
        .collect();
    columns.join(GAP).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let cells = |words: &[&str]| Line::Cells(words.iter().map(|&w| w.to_owned()).collect());
        let lines = [
            cells(&["arm", "µs"]),
            Line::Heading("a heading as long as it likes".into()),
            cells(&["http1", "12.5"]),
        ];
        let table = align(&lines);
        assert_eq!(width(&lines), "http1  12.5".len());
        assert_eq!(table, "arm      µs\na heading as long as it likes\nhttp1  12.5");
    }
}
