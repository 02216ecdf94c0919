//! What an answer's body must hold to be believed, found however the bytes are cut. Nothing of a
//! body is kept: only how much of the text its end so far could be the beginning of. Knuth, Morris
//! and Pratt, "Fast Pattern Matching in Strings", 1977. Read next: [`crate::wire`].

use std::sync::Arc;

/// A text that is looked for in bodies. Clones share it. By default nothing is expected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    text: Arc<[u8]>,
    /// For each length that may match: the next shorter one that may.
    shorter: Arc<[usize]>,
}

/// How far one body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matched(usize);

impl Expected {
    /// Looks for this text; every body holds an empty one.
    pub fn new(text: &[u8]) -> Self {
        let mut shorter = vec![0; text.len()];
        let mut matched = 0;
        for at in 1..text.len() {
            while matched > 0 && text[at] != text[matched] {
                matched = shorter[matched - 1];
            }
            matched += usize::from(text[at] == text[matched]);
            shorter[at] = matched;
        }
        Self { text: text.into(), shorter: shorter.into() }
    }

    /// Looks at the next bytes of a body.
    pub fn look(&self, Matched(matched): &mut Matched, bytes: &[u8]) {
        for byte in bytes {
            if *matched == self.text.len() {
                return;
            }
            while *matched > 0 && *byte != self.text[*matched] {
                *matched = self.shorter[*matched - 1];
            }
            *matched += usize::from(*byte == self.text[*matched]);
        }
    }

    /// Whether a body that has come so far holds the text.
    pub fn is_met(&self, Matched(matched): Matched) -> bool {
        matched == self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<'a>(text: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> bool {
        let (expected, mut matched) = (Expected::new(text.as_bytes()), Matched::default());
        for piece in pieces {
            expected.look(&mut matched, piece);
        }
        expected.is_met(matched)
    }

    #[test]
    fn what_repeats_itself_is_found_where_it_begins_late() {
        assert!(found("aab", [&b"aaab"[..]]));
        assert!(found("abcabd", [&b"abcabcabd"[..]]));
        assert!(found("abab", [&b"aba"[..], b"", b"b", b"x"]), "stays found");
        assert!(!found("abab", [&b"abba"[..], b"bba"]));
        assert!(found("", []) && found("", [&b"x"[..]]) && !found("x", []));
        assert_eq!(Expected::default(), Expected::new(b""));
    }

    proptest! {
        /// Few letters, so that beginnings look like ends.
        #[test]
        fn as_the_standard_library_finds_it(
            text in "[ab]{0,5}",
            body in "[ab]{0,40}",
            length in 1_usize..9,
        ) {
            prop_assert_eq!(found(&text, body.as_bytes().chunks(length)), body.contains(&text));
        }
    }
}
