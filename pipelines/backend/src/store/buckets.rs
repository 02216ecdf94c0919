//! Time in buckets, and which rollups answer a question. A stretch of time is cut into whole
//! hours, whole minutes around them and rows at its ends, so that a year costs no more than its
//! hours and the answer is still exact to the millisecond.

use tailrace_contract::history::{AggregateQuery, Range};
use tailrace_contract::limits::TIME_MS_MAX;

/// Milliseconds of a minute.
pub(super) const MINUTE_MS: u64 = 60_000;
/// Milliseconds of an hour.
pub(super) const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Start of the bucket that holds a time.
pub(super) fn floor(time_ms: u64, width_ms: u64) -> u64 {
    time_ms - time_ms % width_ms
}

/// Where an answer is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The metrics themselves.
    Rows,
    /// Rollups of minutes.
    Minutes,
    /// Rollups of hours.
    Hours,
}

/// A range without the times that nothing can have, so that it fits the integers of every store.
pub(super) fn bounded(range: Range) -> Range {
    let end = TIME_MS_MAX + 1;
    Range { from_ms: range.from_ms.min(end), to_ms: range.to_ms.min(end) }
}

/// Start of the answer's bucket that holds a time.
pub(super) fn bucket_start(query: &AggregateQuery, time_ms: u64) -> u64 {
    query.bucket_ms.map_or(query.range.from_ms, |width| floor(time_ms, width.max(1)))
}

/// The disjoint parts of a question's range with the source of each, in no order. Rollups know
/// neither attributes nor single values, and are of use only if each lies in one bucket.
pub(super) fn pieces(query: &AggregateQuery) -> Vec<(Source, Range)> {
    let range = bounded(query.range);
    if range.from_ms >= range.to_ms {
        return Vec::new();
    }
    let needs_rows =
        query.percentiles || query.group_by.is_some() || !query.filter.attributes.is_empty();
    let fits = |width| query.bucket_ms.is_none_or(|bucket| bucket % width == 0);
    if needs_rows || !fits(MINUTE_MS) {
        return vec![(Source::Rows, range)];
    }
    let mut pieces = Vec::new();
    let (minutes, edges) = cut(range, MINUTE_MS);
    pieces.extend(edges.into_iter().map(|edge| (Source::Rows, edge)));
    if !fits(HOUR_MS) {
        pieces.extend(minutes.map(|minutes| (Source::Minutes, minutes)));
        return pieces;
    }
    pieces.extend(minutes.into_iter().flat_map(by_hours));
    pieces
}

/// The parts of a range of whole minutes, where one rollup an hour will do for its middle.
pub(super) fn by_hours(minutes: Range) -> impl Iterator<Item = (Source, Range)> {
    let (hours, edges) = cut(minutes, HOUR_MS);
    let edges = edges.into_iter().map(|edge| (Source::Minutes, edge));
    edges.chain(hours.map(|hours| (Source::Hours, hours)))
}

/// The part of a range that is whole buckets, and what is left over around it.
fn cut(range: Range, width_ms: u64) -> (Option<Range>, Vec<Range>) {
    let (from_ms, to_ms) = (range.from_ms.next_multiple_of(width_ms), floor(range.to_ms, width_ms));
    if from_ms >= to_ms {
        return (None, vec![range]);
    }
    let before = Range { to_ms: from_ms, ..range };
    let behind = Range { from_ms: to_ms, ..range };
    let edges = [before, behind].into_iter().filter(|edge| edge.from_ms < edge.to_ms).collect();
    (Some(Range { from_ms, to_ms }), edges)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailrace_contract::history::Filter;

    use super::*;

    fn query(from_ms: u64, to_ms: u64, bucket_ms: Option<u64>) -> AggregateQuery {
        AggregateQuery {
            range: Range { from_ms, to_ms },
            filter: Filter::default(),
            bucket_ms,
            group_by: None,
            percentiles: false,
            limit: 10,
        }
    }

    fn sources(query: &AggregateQuery) -> Vec<Source> {
        pieces(query).into_iter().map(|(source, _)| source).collect()
    }

    #[test]
    fn a_minute_has_sixty_thousand_milliseconds() {
        assert_eq!(floor(59_999, MINUTE_MS), 0);
        assert_eq!(floor(60_000, MINUTE_MS), 60_000);
        assert_eq!(floor(3_599_999, HOUR_MS), 0);
        assert_eq!(floor(3_600_000, HOUR_MS), 3_600_000);
    }

    #[test]
    fn whole_hours_and_minutes_need_no_rows() {
        use Source::{Hours, Minutes, Rows};
        assert_eq!(sources(&query(0, HOUR_MS, None)), [Hours]);
        assert_eq!(sources(&query(0, HOUR_MS, Some(MINUTE_MS))), [Minutes]);
        assert_eq!(sources(&query(0, HOUR_MS, Some(HOUR_MS))), [Hours]);
        assert_eq!(sources(&query(MINUTE_MS, 2 * HOUR_MS, Some(HOUR_MS))), [Minutes, Hours]);
        assert_eq!(sources(&query(1, MINUTE_MS, None)), [Rows]);
        assert_eq!(sources(&query(0, HOUR_MS, Some(90_000))), [Rows]);
        assert_eq!(sources(&query(5, 5, None)), []);
        assert_eq!(sources(&query(6, 5, None)), []);
        for spoil in [
            |query: &mut AggregateQuery| query.percentiles = true,
            |query: &mut AggregateQuery| query.group_by = Some("zone".into()),
            |query: &mut AggregateQuery| query.filter.attributes.push(("a".into(), "b".into())),
        ] {
            let mut query = query(0, HOUR_MS, None);
            spoil(&mut query);
            assert_eq!(sources(&query), [Rows]);
        }
    }

    proptest! {
        /// Every millisecond is covered once, rollups only by whole buckets.
        #[test]
        fn pieces_cover_the_range_once(
            from in 0..3 * HOUR_MS, length in 1..5 * HOUR_MS,
            bucket in prop::option::of(prop::sample::select(vec![1_000, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS])),
        ) {
            let mut pieces = pieces(&query(from, from + length, bucket));
            pieces.sort_by_key(|(_, range)| range.from_ms);
            let mut at = from;
            for (source, range) in pieces {
                prop_assert_eq!(range.from_ms, at);
                at = range.to_ms;
                let width = match source {
                    Source::Rows => 1,
                    Source::Minutes => MINUTE_MS,
                    Source::Hours => HOUR_MS,
                };
                prop_assert!(range.from_ms.is_multiple_of(width) && at.is_multiple_of(width));
                if source == Source::Rows && bucket.is_none_or(|b| b % MINUTE_MS == 0) {
                    prop_assert!(range.to_ms - range.from_ms < 2 * MINUTE_MS);
                }
            }
            prop_assert_eq!(at, from + length);
        }
    }
}
