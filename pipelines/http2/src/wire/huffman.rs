//! Huffman's code of header fields (RFC 7541, appendix B), as far as a client needs it that
//! looks at short texts only. The code is canonical: it follows from the lengths of its words.
//! There is no encoder; request heads are sent as they are, once. Read next: `hpack.rs`.

/// Bits of the word for each byte, and of the end mark behind them.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const LONGEST: usize = 30;
const END_MARK: u16 = 256;

/// Words of one length are consecutive numbers, in the order of their bytes.
#[derive(Clone, Copy)]
struct Words {
    first: u32,
    count: u32,
    /// Where their bytes stand in [`BYTES`].
    at: u32,
}

const WORDS: [Words; LONGEST + 1] = words();
const BYTES: [u16; 257] = bytes();

const fn words() -> [Words; LONGEST + 1] {
    let mut all = [Words { first: 0, count: 0, at: 0 }; LONGEST + 1];
    let mut byte = 0;
    while byte < LENGTHS.len() {
        all[LENGTHS[byte] as usize].count += 1;
        byte += 1;
    }
    let mut length = 1;
    while length <= LONGEST {
        let before = all[length - 1];
        all[length].first = (before.first + before.count) << 1;
        all[length].at = before.at + before.count;
        length += 1;
    }
    all
}

const fn bytes() -> [u16; 257] {
    let mut all = [0; 257];
    let (mut length, mut at) = (1, 0);
    while length <= LONGEST {
        let mut byte = 0;
        while byte < LENGTHS.len() {
            if LENGTHS[byte] as usize == length {
                all[at] = byte as u16;
                at += 1;
            }
            byte += 1;
        }
        length += 1;
    }
    all
}

/// The text, if it fits into `room`; else nothing, as for a text that breaks the code's rules.
pub(super) fn decode<'r>(coded: &[u8], room: &'r mut [u8]) -> Option<&'r [u8]> {
    let (mut word, mut length, mut filled) = (0_u32, 0_usize, 0);
    for bit in coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)) {
        word = word << 1 | u32::from(bit);
        length += 1;
        let words = WORDS[length];
        if word.wrapping_sub(words.first) < words.count {
            let byte = BYTES[(words.at + word - words.first) as usize];
            if byte == END_MARK {
                return None;
            }
            *room.get_mut(filled)? = byte as u8;
            filled += 1;
            (word, length) = (0, 0);
        } else if length == LONGEST {
            return None;
        }
    }
    // What is left over is the beginning of the end mark, which is ones, and less than a byte.
    let is_padding = length < 8 && word + 1 == 1 << length;
    is_padding.then(|| &room[..filled])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(coded: &[u8], expect: Option<&str>) {
        let mut room = [0; 32];
        assert_eq!(decode(coded, &mut room), expect.map(str::as_bytes), "{coded:x?}");
    }

    /// The examples of RFC 7541, appendix C.4 and C.6.
    #[test]
    fn the_examples_of_the_standard() {
        let www = b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        check(www, Some("www.example.com"));
        check(b"\xa8\xeb\x10\x64\x9c\xbf", Some("no-cache"));
        check(b"\x64\x02", Some("302"));
        check(b"\x64\x0e\xff", Some("307"));
        check(b"\xae\xc3\x77\x1a\x4b", Some("private"));
        check(b"", Some(""));
    }

    #[test]
    fn what_breaks_the_rules_is_nothing() {
        check(b"\x64", None); // padded with zeros
        check(b"\x64\x0e\xff\xff", None); // a whole byte of padding
        check(b"\xff\xff\xff\xff", None); // the end mark
        assert_eq!(decode(b"\xa8\xeb\x10\x64\x9c\xbf", &mut [0; 7]), None);
        assert_eq!(decode(b"\xa8\xeb\x10\x64\x9c\xbf", &mut [0; 8]), Some(&b"no-cache"[..]));
    }

    #[test]
    fn every_byte_has_its_word() {
        for byte in 0..=255_u8 {
            let length = usize::from(LENGTHS[usize::from(byte)]);
            let words = WORDS[length];
            let at = BYTES.iter().position(|&other| other == u16::from(byte)).unwrap();
            let word = u64::from(words.first) + at as u64 - u64::from(words.at);
            let padded = word << (64 - length) | (u64::MAX >> length);
            let coded = &padded.to_be_bytes()[..length.div_ceil(8)];
            assert_eq!(decode(coded, &mut [0; 4]), Some(&[byte][..]));
        }
    }
}
