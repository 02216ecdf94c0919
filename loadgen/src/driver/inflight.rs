//! Batches that were handed to a connection and are not answered: a slab, so that a key finds
//! its batch at once and nothing is allocated for each of them.

use tailrace_measure::clock::Stamp;

/// One unanswered batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub seq: u64,
    pub intended: Stamp,
    pub released: Stamp,
    /// Set when the first byte went to the socket; until then equal to `released`.
    pub sent: Stamp,
    pub connection: usize,
}

/// All of them.
#[derive(Default)]
pub(super) struct InFlight {
    slots: Vec<Option<Pending>>,
    free: Vec<usize>,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Takes a batch in; the key comes back with its answer.
    pub(super) fn insert(&mut self, pending: Pending) -> u64 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot] = Some(pending);
            return slot as u64;
        }
        self.slots.push(Some(pending));
        (self.slots.len() - 1) as u64
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut Pending> {
        self.slots.get_mut(key as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<Pending> {
        let pending = self.slots.get_mut(key as usize)?.take()?;
        self.free.push(key as usize);
        Some(pending)
    }

    /// Takes out everything that one connection had in flight, or everything.
    pub(super) fn take(&mut self, connection: Option<usize>) -> Vec<Pending> {
        let matches = |p: &Pending| connection.is_none_or(|c| p.connection == c);
        let keys: Vec<u64> = (0u64..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.as_ref().is_some_and(matches))
            .map(|(key, _)| key)
            .collect();
        keys.into_iter().filter_map(|key| self.remove(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_reused_only_after_their_answer() {
        let pending = |seq, connection| Pending {
            seq,
            intended: Stamp(0),
            released: Stamp(0),
            sent: Stamp(0),
            connection,
        };
        let mut in_flight = InFlight::default();
        let keys: Vec<u64> = (0..3).map(|n| in_flight.insert(pending(n, n as usize % 2))).collect();
        assert_eq!(in_flight.remove(keys[1]).unwrap().seq, 1);
        assert!(in_flight.remove(keys[1]).is_none());
        assert_eq!(in_flight.insert(pending(9, 0)), keys[1]);
        let taken: Vec<u64> = in_flight.take(Some(0)).iter().map(|p| p.seq).collect();
        assert_eq!((taken, in_flight.len()), (vec![0, 9, 2], 0));
    }
}
