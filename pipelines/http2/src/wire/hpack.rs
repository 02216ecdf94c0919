//! Compressed header fields (RFC 7541), as far as a lean client needs them. Reading: the status
//! and nothing else; the other fields are stepped over. Since the client announces a header
//! table of size 0, a block means the same wherever it stands. Writing: integers and literals.
//! Read next: `head.rs`, which writes request heads.

use tailrace_contract::WireError;

use super::huffman;

/// Entries of the static table; larger indices would be in the dynamic one.
pub(super) const STATIC_ENTRIES: usize = 61;
/// The first of seven entries named `:status`.
const STATUS: usize = 8;
/// Their values (RFC 7541, appendix A).
const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
/// Longer integers than four bytes behind the first are no lengths of ours.
const INTEGER_BYTES_MAX: u32 = 4;

/// Where a field's name or value is.
#[derive(Debug, Clone, Copy)]
struct Text<'b> {
    bytes: &'b [u8],
    is_coded: bool,
}

/// The status of an answer's header block.
///
/// # Errors
/// The block breaks the format, refers to a dynamic table, or has no status in front.
pub(super) fn status(mut block: &[u8]) -> Result<u16, WireError> {
    let mut status = None;
    let mut is_begin = true;
    while let Some(&first) = block.first() {
        if first & 0xe0 == 0x20 {
            // A table size. We announced 0, so it may only be repeated.
            if integer(&mut block, 5)? != 0 || !is_begin {
                return Err(broken("a header table that was not offered"));
            }
            continue;
        }
        is_begin = false;
        let found = field(&mut block, first)?;
        status = status.or(found);
    }
    status.ok_or_else(|| broken("no :status"))
}

/// Steps over one field; its status, if it is one.
fn field(block: &mut &[u8], first: u8) -> Result<Option<u16>, WireError> {
    if first & 0x80 != 0 {
        let index = integer(block, 7)?;
        let status = index.checked_sub(STATUS).and_then(|at| STATUSES.get(at)).copied();
        return if (1..=STATIC_ENTRIES).contains(&index) {
            Ok(status)
        } else {
            Err(broken(&format!("the field {index} of a header table that was not offered")))
        };
    }
    let bits = if first & 0x40 != 0 { 6 } else { 4 };
    let index = integer(block, bits)?;
    let is_status = match index {
        0 => text(block)?.is(b":status"),
        1..=STATIC_ENTRIES => (STATUS..STATUS + STATUSES.len()).contains(&index),
        _ => return Err(broken(&format!("the name {index} of a header table that is empty"))),
    };
    let value = text(block)?;
    if !is_status {
        return Ok(None);
    }
    value.status().map(Some).ok_or_else(|| broken("a :status that is no number"))
}

impl Text<'_> {
    fn is(self, expect: &[u8]) -> bool {
        let mut room = [0; 8];
        if self.is_coded {
            huffman::decode(self.bytes, &mut room) == Some(expect)
        } else {
            self.bytes == expect
        }
    }

    fn status(self) -> Option<u16> {
        let mut room = [0; 4];
        let digits =
            if self.is_coded { huffman::decode(self.bytes, &mut room)? } else { self.bytes };
        match digits {
            [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
            }
            _ => None,
        }
    }
}

fn text<'b>(block: &mut &'b [u8]) -> Result<Text<'b>, WireError> {
    let is_coded = block.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer(block, 7)?;
    let (bytes, rest) = block.split_at_checked(length).ok_or_else(|| broken("a cut text"))?;
    *block = rest;
    Ok(Text { bytes, is_coded })
}

/// An integer with a prefix of so many bits (RFC 7541, section 5.1).
fn integer(block: &mut &[u8], bits: u32) -> Result<usize, WireError> {
    let mut take = || {
        let (&byte, rest) = block.split_first().ok_or_else(|| broken("a cut integer"))?;
        *block = rest;
        Ok(byte)
    };
    let prefix = usize::from(u8::MAX >> (8 - bits));
    let mut value = usize::from(take()?) & prefix;
    if value < prefix {
        return Ok(value);
    }
    for place in 0..INTEGER_BYTES_MAX {
        let byte = take()?;
        value += usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(broken("an endless integer"))
}

fn broken(what: &str) -> WireError {
    WireError::new(format!("the head of an answer is broken: {what}"))
}

/// Appends an integer behind the flags of its first byte.
pub(super) fn write_integer(flags: u8, bits: u32, value: usize, out: &mut Vec<u8>) {
    let prefix = usize::from(u8::MAX >> (8 - bits));
    if value < prefix {
        out.push(flags | value as u8);
        return;
    }
    out.push(flags | prefix as u8);
    let mut rest = value - prefix;
    while rest >= 0x80 {
        out.push(rest as u8 & 0x7f | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends a text as it is.
pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    write_integer(0, 7, text.len(), out);
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_found_however_they_are_written() {
        let check = |block: &[u8], expect: u16| {
            assert_eq!(status(block).unwrap(), expect, "{block:x?}");
        };
        check(b"\x88", 200);
        check(b"\x8e", 500);
        // RFC 7541, C.5.1 and C.6.1: 302, then three fields more.
        let fields =
            b"\x58\x07private\x61\x1dMon, 21 Oct 2013 20:13:21 GMT\x6e\x17https://www.example.com";
        check(&[&b"\x48\x03302"[..], fields].concat(), 302);
        check(&[&b"\x48\x82\x64\x02"[..], fields].concat(), 302);
        check(b"\x20\x08\x03\x32\x30\x32", 202); // a table size in front
        check(b"\x00\x07:status\x03418\x00\x01a\x01b", 418); // its name in letters
        check(b"\x10\x85\xb8\x84\x8d\x36\xa3\x03429", 429); // its name in Huffman's code
    }

    #[test]
    fn what_breaks_the_format_is_an_error() {
        for (block, expect) in [
            (&b"\xbe"[..], "not offered"),        // the first dynamic entry
            (b"\x80", "not offered"),             // index 0
            (b"\x7e\x01x", "empty"),              // a dynamic name
            (b"\x3f\xe1\x1f\x88", "not offered"), // a table of 4,096 bytes
            (b"\x88\x20", "not offered"),         // a table size behind a field
            (b"\x08\x0520", "cut text"),
            (b"\x08\x03abc", "no number"),
            (b"\x08\x042000", "no number"),
            (b"\x08", "cut integer"),
            (b"\x08\x7f\xff\xff\xff\xff\x7f", "endless"),
            (b"\x00\x01a\x01b", "no :status"),
            (b"", "no :status"),
        ] {
            let error = status(block).unwrap_err();
            assert!(error.what.contains(expect), "{block:x?}: {error} lacks {expect}");
        }
    }

    #[test]
    fn integers_come_back() {
        for value in [0, 1, 14, 15, 30, 31, 126, 127, 128, 1_337, 16_510, 1 << 20] {
            for bits in 4..=7 {
                let mut out = Vec::new();
                write_integer(0, bits, value, &mut out);
                let mut rest = &out[..];
                assert_eq!(integer(&mut rest, bits).unwrap(), value);
                assert!(rest.is_empty());
            }
        }
    }
}
