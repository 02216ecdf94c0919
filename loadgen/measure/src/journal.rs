//! What a server of known behaviour says that it did: for each answer, when it could have read the
//! request and when it did, when its rule had the answer due and when it was handed to the kernel, on
//! the clock that the generator reads too. With it, an error of a
//! measurement can be told apart: what the server added, and what is left to the generator. Bytes
//! only; the server's side is `loadgen/targets/src/known/`. Read next: [`crate::simulate`].

use crate::clock::Stamp;
use crate::recorder::Window;
use crate::theory::Theory;

/// What a connection sends instead of a request to be told the journal. No protocol begins so.
pub const ASK: &[u8] = b"TAILRACE-JOURNAL\r\n";

/// Bytes of one entry: five numbers, the lowest byte first.
const ENTRY_BYTES: usize = 40;

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// Of its request.
    pub sequence: u64,
    /// When it was last looked for requests before this one was found: whatever came since then lay
    /// unread, because the server had no core or worked on others. The same as `read` where the server
    /// slept: then nobody knows when it came.
    pub looked: Stamp,
    /// When its request was read.
    pub read: Stamp,
    /// When the rule had it due.
    pub due: Stamp,
    /// When it was handed to the kernel.
    pub at: Stamp,
}

impl Given {
    /// Appends its bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        for number in [self.sequence, self.looked.0, self.read.0, self.due.0, self.at.0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Everything that a server answered in one trial.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// By sequence; none: not answered, or not written down.
    given: Vec<Option<Given>>,
}

impl Journal {
    /// Reads what a server sent.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let number =
            |bytes: &[u8]| bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let entries = bytes.chunks_exact(ENTRY_BYTES);
        // A sequence is never far above the number of answers: each has one, in the order of the
        // schedule.
        let most = entries.len().saturating_mul(2);
        let mut given = Vec::new();
        for entry in entries {
            let sequence = number(entry);
            let Some(place) = usize::try_from(sequence).ok().filter(|place| *place <= most) else {
                continue;
            };
            if given.len() <= place {
                given.resize(place + 1, None);
            }
            let [looked, read, due, at] = [8, 16, 24, 32].map(|from| Stamp(number(&entry[from..])));
            given[place] = Some(Given { sequence, looked, read, due, at });
        }
        Self { given }
    }

    /// What it wrote down of one answer.
    #[must_use]
    pub fn given(&self, sequence: u64) -> Option<&Given> {
        self.given.get(usize::try_from(sequence).ok()?)?.as_ref()
    }

    /// When a request that came at `at` was read: at once, or when the server looked again.
    #[must_use]
    pub fn read_at(&self, sequence: u64, at: Stamp) -> Stamp {
        let unread = self.given(sequence).filter(|given| given.looked <= at && at < given.read);
        unread.map_or(at, |given| given.read)
    }

    /// How long after its time an answer was given.
    #[must_use]
    pub fn late_ns(&self, sequence: u64) -> u64 {
        self.given(sequence).map_or(0, |given| given.at.since(given.due))
    }

    /// From due by the schedule to given, of the batches due in the window: what was over before the
    /// answer was on its way. None when one of them is not in it.
    #[must_use]
    pub fn witnessed(
        &self,
        due: impl IntoIterator<Item = Stamp>,
        window: Window,
    ) -> Option<Theory> {
        let inside = (0..).zip(due).filter(|(_, intended)| window.contains(*intended));
        let ack_ns = inside.map(|(seq, intended)| Some(self.given(seq)?.at.since(intended)));
        let mut ack_ns = ack_ns.collect::<Option<Vec<u64>>>()?;
        ack_ns.sort_unstable();
        Some(Theory { due: ack_ns.len() as u64, ack_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(entries: &[(u64, u64, u64)]) -> Journal {
        let mut bytes = Vec::new();
        for &(sequence, due, at) in entries {
            let [looked, read] = [due - 40, due - 10].map(Stamp);
            Given { sequence, looked, read, due: Stamp(due), at: Stamp(at) }.write(&mut bytes);
        }
        // What is cut off in the middle of an entry is none.
        bytes.extend([7; 5]);
        Journal::read(&bytes)
    }

    #[test]
    fn what_was_written_is_read_whatever_its_order() {
        let journal = journal(&[(1, 200, 230), (0, 100, 150), (u64::MAX, 60, 61)]);
        assert_eq!((journal.late_ns(0), journal.late_ns(1), journal.late_ns(2)), (50, 30, 0));
        let [looked, read, due, at] = [160, 190, 200, 230].map(Stamp);
        let expect = Given { sequence: 1, looked, read, due, at };
        assert_eq!((journal.given(1), journal.given(u64::MAX)), (Some(&expect), None));
    }

    #[test]
    fn what_came_while_nobody_looked_was_read_afterwards() {
        let journal = journal(&[(1, 200, 230)]);
        let read = |at| journal.read_at(1, Stamp(at)).0;
        assert_eq!([159, 160, 189, 190, 300].map(read), [159, 190, 190, 190, 300]);
        assert_eq!(journal.read_at(7, Stamp(170)), Stamp(170), "nothing is known of it");
    }

    #[test]
    fn a_witness_saw_all_of_the_window_or_is_none() {
        let journal = journal(&[(1, 200, 230), (2, 300, 390), (3, 400, 410)]);
        let due = [50, 180, 280, 399].map(Stamp);
        let inside = Window { start: Stamp(100), end: Stamp(390) };
        let seen = journal.witnessed(due, inside).unwrap();
        assert_eq!((seen.due, seen.ack_ns), (2, vec![50, 110]));
        assert!(journal.witnessed(due, Window { start: Stamp(0), end: Stamp(390) }).is_none());
    }
}
