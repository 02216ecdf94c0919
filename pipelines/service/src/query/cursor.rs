//! The place where a page ended, as a text that means nothing to anybody else. It holds the
//! stretch of time, because `-1h` is another one by the time of the next page, and a check over
//! itself and the filter, so that one that was shortened, made up, or brought to another question
//! is refused and not answered with a wrong page. It gives no right: whose rows are read never
//! depends on it.

use tailrace_contract::history::{Cursor, Filter, Range};

use super::question::Words;

const BYTES: usize = 8 * 6;

/// A cursor and the range that it belongs to, as hexadecimal digits.
pub(super) fn write(range: Range, filter: &Filter, cursor: Cursor) -> String {
    let numbers = numbers(range, cursor);
    let mut bytes = Vec::with_capacity(BYTES);
    for number in numbers.into_iter().chain([check(numbers, filter)]) {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.iter().fold(String::with_capacity(2 * BYTES), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a text holds, if it was written for this filter.
pub(super) fn read(text: &str, filter: &Filter) -> Option<(Range, Cursor)> {
    if text.len() != 2 * BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = |at: usize| u64::from_str_radix(&text[16 * at..16 * at + 16], 16).ok();
    let [from_ms, to_ms, time_ms, batch, index] =
        [number(0)?, number(1)?, number(2)?, number(3)?, number(4)?];
    let range = Range { from_ms, to_ms };
    let batch = i64::from_be_bytes(batch.to_be_bytes());
    let cursor = Cursor { time_ms, batch, index: index.try_into().ok()? };
    let fits = check(numbers(range, cursor), filter) == number(5)?
        && (range.from_ms..range.to_ms).contains(&time_ms);
    fits.then_some((range, cursor))
}

fn numbers(range: Range, cursor: Cursor) -> [u64; 5] {
    let batch = u64::from_be_bytes(cursor.batch.to_be_bytes());
    [range.from_ms, range.to_ms, cursor.time_ms, batch, cursor.index.into()]
}

/// Source: Fowler, Noll, Vo, FNV-1a. The same in every process and version.
fn check(numbers: [u64; 5], filter: &Filter) -> u64 {
    let words = Words::default().filter(filter).text();
    let bytes = numbers.into_iter().flat_map(u64::to_be_bytes).chain(words.into_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_question() {
        let range = Range { from_ms: 5, to_ms: 4_000 };
        let filter = Filter { name: None, attributes: vec![("a".into(), "b".into())] };
        let cursor = Cursor { time_ms: 77, batch: -3, index: 9 };
        let text = write(range, &filter, cursor);
        assert_eq!(read(&text, &filter), Some((range, cursor)));
        assert_eq!(read(&text, &Filter::default()), None);
        assert_eq!(read(&text[1..], &filter), None);
        assert_eq!(read("é", &filter), None);
        for at in 0..text.len() {
            let mut bent = text.clone().into_bytes();
            bent[at] = if bent[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(read(std::str::from_utf8(&bent).unwrap(), &filter), None, "{at}");
        }
    }
}
