//! Numbers of rows: that of the batch, and behind it the row's place in its batch.

use tailrace_contract::limits::BATCH_METRICS_MAX;

/// Bits for the place. The schema's generated columns and the audit's SQL hold the same number.
pub(super) const PLACE_BITS: u32 = 10;

const _: () = assert!(BATCH_METRICS_MAX <= 1 << PLACE_BITS);

pub(super) fn row(batch: i64, place: u32) -> i64 {
    batch << PLACE_BITS | i64::from(place)
}

pub(super) fn batch(row: i64) -> i64 {
    row >> PLACE_BITS
}

pub(super) fn place(row: i64) -> u32 {
    (row & ((1 << PLACE_BITS) - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_knows_its_batch_and_place() {
        for (number, index) in [(1, 0), (1, 999), (7, 1_023), (1 << 50, 3)] {
            let row = row(number, index);
            assert_eq!((batch(row), place(row)), (number, index));
        }
        assert!(row(1, 1_023) < row(2, 0));
    }
}
