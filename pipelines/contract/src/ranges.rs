//! A set of sequence numbers kept as ranges, so that a million batches that arrived cost as
//! much memory as ten. Used by audits and ledgers. It does not count how often.

use serde::{Deserialize, Serialize};

/// Sorted, disjoint, inclusive ranges that never touch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RangeSet {
    ranges: Vec<(u64, u64)>,
}

impl RangeSet {
    /// Adds one number. False when it was there already. Numbers that come nearly in order
    /// cost constant time; the search starts at the end.
    pub fn insert(&mut self, n: u64) -> bool {
        let after = self.index_after(n);
        if after > 0 && self.ranges[after - 1].1 >= n {
            return false;
        }
        let joins_left = after > 0 && self.ranges[after - 1].1 + 1 == n;
        let joins_right = self.ranges.get(after).is_some_and(|r| n + 1 == r.0);
        match (joins_left, joins_right) {
            (true, true) => {
                self.ranges[after - 1].1 = self.ranges[after].1;
                self.ranges.remove(after);
            }
            (true, false) => self.ranges[after - 1].1 = n,
            (false, true) => self.ranges[after].0 = n,
            (false, false) => self.ranges.insert(after, (n, n)),
        }
        true
    }

    /// Index of the first range that starts above `n`.
    fn index_after(&self, n: u64) -> usize {
        match self.ranges.last() {
            None => 0,
            Some(last) if last.0 <= n => self.ranges.len(),
            Some(_) => self.ranges.partition_point(|r| r.0 <= n),
        }
    }

    /// Whether the number is in the set.
    pub fn contains(&self, n: u64) -> bool {
        let after = self.index_after(n);
        after > 0 && self.ranges[after - 1].1 >= n
    }

    /// How many numbers are in the set.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The ranges, sorted, both ends included.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// The numbers of this set that the other one lacks, in order.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        let mut cuts = other.ranges.iter().peekable();
        for &(first, last) in &self.ranges {
            let mut from = first;
            while let Some(&&(cut_first, cut_last)) = cuts.peek() {
                if cut_first > last {
                    break;
                }
                if cut_first > from {
                    rest.ranges.push((from, cut_first - 1));
                }
                from = from.max(cut_last.saturating_add(1));
                if cut_last > last {
                    break;
                }
                cuts.next();
            }
            if from <= last {
                rest.ranges.push((from, last));
            }
        }
        rest
    }
}

impl FromIterator<u64> for RangeSet {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut set = Self::default();
        for n in numbers {
            set.insert(n);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the plain set of the standard library, for any order of arrival.
        #[test]
        fn agrees_with_a_plain_set(a in prop::collection::vec(0u64..60, 0..80),
                                   b in prop::collection::vec(0u64..60, 0..80)) {
            let (mut ranges, mut plain) = (RangeSet::default(), BTreeSet::new());
            for &n in &a {
                prop_assert_eq!(ranges.insert(n), plain.insert(n));
            }
            let other: RangeSet = b.iter().copied().collect();
            let plain_other: BTreeSet<u64> = b.into_iter().collect();
            prop_assert_eq!(ranges.count(), plain.len() as u64);
            for n in 0..60 {
                prop_assert_eq!(ranges.contains(n), plain.contains(&n));
            }
            let expected: RangeSet = plain.difference(&plain_other).copied().collect();
            prop_assert_eq!(ranges.difference(&other), expected);
            for pair in ranges.ranges().windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0);
            }
        }
    }
}
