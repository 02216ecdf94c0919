//! Names to small numbers, with a guess: a fleet sends its names in the same order again and
//! again, so what followed a name last time is tried before the hash table.

use std::collections::HashMap;
use std::sync::Arc;

/// Numbers for names, from 0, never taken back. It hashes with the standard library's keyed
/// hash: names come from strangers.
#[derive(Debug, Default)]
pub(super) struct Index {
    numbers: HashMap<Arc<str>, usize>,
    names: Vec<Arc<str>>,
    /// The number that came after each number last time.
    followers: Vec<usize>,
    last: usize,
}

impl Index {
    /// The number of a name; a new one while there are fewer than `max`, else none.
    pub(super) fn number(&mut self, name: &str, max: usize) -> Option<usize> {
        let guess = self.followers.get(self.last).copied().unwrap_or(0);
        if self.names.get(guess).is_some_and(|known| **known == *name) {
            self.last = guess;
            return Some(guess);
        }
        let number = match self.numbers.get(name) {
            Some(&number) => number,
            None if self.names.len() < max => self.insert(name),
            None => return None,
        };
        self.followers[self.last] = number;
        self.last = number;
        Some(number)
    }

    fn insert(&mut self, name: &str) -> usize {
        let (number, name) = (self.names.len(), Arc::<str>::from(name));
        self.numbers.insert(Arc::clone(&name), number);
        self.names.push(name);
        self.followers.push(0);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_in_any_order_and_bounded() {
        let mut index = Index::default();
        for round in [["a", "b", "c"], ["a", "b", "c"], ["c", "a", "b"], ["b", "b", "a"]] {
            for name in round {
                let expected = name.as_bytes()[0] - b'a';
                assert_eq!(index.number(name, 3), Some(expected.into()), "{round:?}");
            }
        }
        assert_eq!(index.number("d", 3), None);
        assert_eq!(index.number("b", 3), Some(1));
        assert_eq!(Index::default().number("a", 0), None);
    }
}
