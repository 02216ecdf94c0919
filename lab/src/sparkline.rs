//! A distribution in one line: block characters over columns whose edges lie at equal ratios, with
//! the ends of the axis named. For watching, not for reading off figures: those stand beside it.

use tailrace_loadgen::gauge::Cell;
use tailrace_render::format::latency;

/// The axis spans at least this ratio, so that a single value does not fill the whole line.
const SPAN_MIN: f64 = 2.0;

/// Which characters a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Unicode's block elements.
    Blocks,
    /// For a locale that is not UTF-8.
    Ascii,
}

impl Glyphs {
    /// What the locale of this process says: `LC_ALL`, else `LC_CTYPE`, else `LANG`.
    pub fn of_locale() -> Self {
        Self::of_names(["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).ok()))
    }

    /// The first that is set decides, as for the C library; an empty one is not set.
    fn of_names(names: [Option<String>; 3]) -> Self {
        let name = names.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default();
        let name = name.to_ascii_lowercase();
        if name.contains("utf-8") || name.contains("utf8") { Self::Blocks } else { Self::Ascii }
    }

    /// From nearly nothing to the highest column.
    fn levels(self) -> [char; 8] {
        match self {
            Self::Blocks => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Self::Ascii => ['.', ':', '-', '=', '+', '*', '#', '@'],
        }
    }
}

/// `0.04 ms ▁▃█▆▂▁ ▁ 12 ms`, at most `width` characters; `None` when there is nothing to draw, or
/// no room. Heights are in proportion to counts, but for one thing: a column that holds anything
/// at all is drawn, because the few slow answers are what one looks for.
pub fn histogram(cells: &[Cell], width: usize, glyphs: Glyphs) -> Option<String> {
    let (low, high) = ends(cells)?;
    let (left, right) = (latency(Some(low as u64)), latency(Some(high as u64)));
    let columns = width.checked_sub(left.chars().count() + right.chars().count() + 2)?;
    let bars = bars(&columns_of(cells, (low, high), columns), glyphs);
    (columns > 0).then(|| format!("{left} {bars} {right}"))
}

/// The edges of what holds anything, nanoseconds, at least [`SPAN_MIN`] apart.
fn ends(cells: &[Cell]) -> Option<(f64, f64)> {
    let mut held = cells.iter().filter(|cell| cell.count > 0);
    let first = held.next()?;
    let last = held.next_back().unwrap_or(first);
    let (low, high) = (first.low_ns.max(1) as f64, last.high_ns.max(2) as f64);
    let missing = (SPAN_MIN * low / high).max(1.0).sqrt();
    Some((low / missing, high * missing))
}

/// How much of all cells falls into each column; what a cell holds is spread over its width.
fn columns_of(cells: &[Cell], (low, high): (f64, f64), columns: usize) -> Vec<f64> {
    let mut heights = vec![0.0; columns];
    let place = |ns: f64| (ns.max(low) / low).ln() / (high / low).ln() * columns as f64;
    for cell in cells.iter().filter(|cell| cell.count > 0) {
        let from = place(cell.low_ns as f64);
        let to = place(cell.high_ns as f64).max(from + f64::EPSILON * columns as f64);
        for (column, height) in heights.iter_mut().enumerate() {
            let overlap = to.min((column + 1) as f64) - from.max(column as f64);
            *height += cell.count as f64 * overlap.max(0.0) / (to - from);
        }
    }
    heights
}

fn bars(heights: &[f64], glyphs: Glyphs) -> String {
    let levels = glyphs.levels();
    let highest = heights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let bar = |height: f64| {
        let level = (height / highest * levels.len() as f64).ceil() as usize;
        level.checked_sub(1).map_or(' ', |level| levels[level.min(levels.len() - 1)])
    };
    heights.iter().map(|&height| bar(height)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(low_ns: u64, high_ns: u64, count: u64) -> Cell {
        Cell { low_ns, high_ns, count }
    }

    fn doublings(counts: &[u64]) -> Vec<Cell> {
        let of = |(place, &count): (u32, &u64)| cell(1_000_000 << place, 2_000_000 << place, count);
        (0..).zip(counts).map(of).collect()
    }

    #[test]
    fn a_doubling_is_a_column_and_what_holds_anything_is_drawn() {
        let cells = doublings(&[1, 400, 800, 100, 0, 1]);
        let width = "1.0 ms  64 ms".len() + 6;
        let line = histogram(&cells, width, Glyphs::Blocks).unwrap();
        assert_eq!(line, "1.0 ms ▁▄█▁ ▁ 64 ms");
        assert_eq!(histogram(&cells, width, Glyphs::Ascii).unwrap(), "1.0 ms .=@. . 64 ms");
    }

    #[test]
    fn what_a_cell_holds_is_spread_over_its_columns_and_nothing_is_lost() {
        let cells = doublings(&[0, 7, 30, 0, 5, 0]);
        for columns in [1, 3, 4, 9, 50, 200] {
            let heights = columns_of(&cells, ends(&cells).unwrap(), columns);
            let sum: f64 = heights.iter().sum();
            assert!((sum - 42.0).abs() < 1e-6, "{columns} columns: {sum}");
        }
        let eight = columns_of(&cells, ends(&cells).unwrap(), 8);
        let eight: Vec<i64> = eight.iter().map(|height| height.round() as i64).collect();
        assert_eq!(eight, [4, 4, 15, 15, 0, 0, 3, 3]);
    }

    #[test]
    fn no_values_no_line_and_one_value_does_not_fill_it() {
        assert_eq!(histogram(&[], 80, Glyphs::Blocks), None);
        assert_eq!(histogram(&doublings(&[0, 0]), 80, Glyphs::Blocks), None);
        let line = histogram(&[cell(1_000_000, 1_090_000, 9)], 40, Glyphs::Blocks).unwrap();
        assert!(line.contains('█') && line.matches(' ').count() > 12, "{line}");
    }

    #[test]
    fn it_is_as_wide_as_it_may_be_or_absent() {
        let cells = doublings(&[5, 0, 9]);
        for width in 0..120 {
            let line = histogram(&cells, width, Glyphs::Blocks);
            assert_eq!(line.is_some(), width > "1.0 ms  8.0 ms".len(), "{width}");
            assert!(line.is_none_or(|line| line.chars().count() == width));
        }
    }

    #[test]
    fn the_first_name_of_the_locale_that_is_set_decides() {
        let of = |names: [&str; 3]| Glyphs::of_names(names.map(|name| Some(name.to_owned())));
        assert_eq!(of(["", "", "en_GB.UTF-8"]), Glyphs::Blocks);
        assert_eq!(of(["", "C.utf8", "C"]), Glyphs::Blocks);
        assert_eq!(of(["C", "", "en_GB.UTF-8"]), Glyphs::Ascii);
        assert_eq!(Glyphs::of_names([None, None, None]), Glyphs::Ascii);
    }
}
