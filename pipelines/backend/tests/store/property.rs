//! Random batches: duplicates, late times, several names. Each case runs a few of them on one
//! store, since a store costs more to make than to use.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tailrace_contract::history::{
    AggregateQuery, Aggregated, Filter, NameFilter, NameSummary, Range,
};
use tailrace_contract::{Batch, Metric, SmolStr, Store};

use crate::made::{
    ALWAYS, HOUR_MS, MINUTE_MS, NOON_MS, aggregate, batch, commit, is_whole, tenant, text, walk,
    with,
};

/// Random questions of one kind of data.
const QUESTIONS: usize = 40;
/// Commits of one case.
const COMMITS: usize = 8;

fn metric() -> impl Strategy<Value = Metric> {
    let name = prop::sample::select(vec!["cpu", "event.a", "event.b", "mem"]);
    let time = prop::option::weighted(0.8, NOON_MS - 2 * HOUR_MS..NOON_MS + 2 * HOUR_MS);
    let zone = prop::option::of(prop::sample::select(vec!["eu", "us", "7"]));
    // Whole numbers: their sums are exact in any order.
    (name, -1_000..1_000_i32, time, zone).prop_map(|(name, value, time_ms, zone)| {
        let metric =
            Metric { name: name.into(), value: f64::from(value), time_ms, attributes: Vec::new() };
        zone.into_iter().fold(metric, |metric, zone| with("zone", text(zone), metric))
    })
}

/// A call: few sequences, so that many batches repeat, within a call and between calls.
fn call() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0_u64..25, 1..8)
}

/// The batch of a sequence is always the same.
fn batches(runner: &mut TestRunner) -> Vec<Batch> {
    let metrics = prop::collection::vec(prop::collection::vec(metric(), 1..20), 25);
    let all = metrics.new_tree(runner).unwrap().current();
    all.into_iter().enumerate().map(|(seq, metrics)| batch(seq as u64, metrics)).collect()
}

/// Commits random calls. Answers the rows that must be there: time, name, zone, value.
async fn filled(store: &dyn Store, runner: &mut TestRunner) -> Vec<Batch> {
    let all = batches(runner);
    let mut present = BTreeMap::new();
    for _ in 0..COMMITS {
        let seqs = call().new_tree(runner).unwrap().current();
        let call: Vec<Batch> = seqs.iter().map(|&seq| all[seq as usize].clone()).collect();
        let before = present.len();
        present.extend(call.iter().map(|batch| (batch.id.seq, batch.clone())));
        let committed = commit(store, call).await;
        assert_eq!(committed.new as usize, present.len() - before);
        assert_eq!((committed.new + committed.duplicate) as usize, seqs.len());
    }
    present.into_values().collect()
}

pub(crate) async fn rollups_are_the_sums_of_their_rows(store: Arc<dyn Store>) {
    let mut runner = TestRunner::deterministic();
    let present = filled(&*store, &mut runner).await;
    is_whole(&*store).await;
    let rows: usize = present.iter().map(|batch| batch.metrics.len()).sum();
    let reconciled = store.reconcile().await.unwrap();
    assert_eq!(reconciled.metrics as usize, rows);
    assert_eq!(reconciled.batches as usize, present.len());
    let whole = walk(&*store, &tenant(), ALWAYS, &Filter::default(), 100).await;
    assert_eq!(whole.len(), rows);
    assert!(whole.is_sorted_by(|a, b| a.time_ms >= b.time_ms));
}

/// What a plain loop over plain rows answers.
fn expected(batches: &[Batch], query: &AggregateQuery) -> Vec<Aggregated> {
    let mut found = BTreeMap::<(u64, Option<SmolStr>), Vec<f64>>::new();
    for (batch, metric) in batches.iter().flat_map(|b| b.metrics.iter().map(move |m| (b, m))) {
        let time = metric.time_ms.unwrap_or(batch.received_ms);
        let text_of = |key: &SmolStr| {
            let value = metric.attributes.iter().find(|(k, _)| k == key);
            value.map(|(_, value)| SmolStr::from(value.to_string()))
        };
        let named = match &query.filter.name {
            None => true,
            Some(NameFilter::Exactly(name)) => metric.name == *name,
            Some(NameFilter::Prefix(prefix)) => metric.name.starts_with(&**prefix),
        };
        let has = query.filter.attributes.iter().all(|(k, v)| text_of(k).as_ref() == Some(v));
        if named && has && (query.range.from_ms..query.range.to_ms).contains(&time) {
            let start = query.bucket_ms.map_or(query.range.from_ms, |width| time / width * width);
            let group = query.group_by.as_ref().and_then(text_of);
            found.entry((start, group)).or_default().push(metric.value);
        }
    }
    let answer = |((start_ms, group), mut values): ((u64, Option<SmolStr>), Vec<f64>)| {
        values.sort_unstable_by(f64::total_cmp);
        let rank = |share: f64| values[((share * values.len() as f64).ceil() as usize).max(1) - 1];
        Aggregated {
            start_ms,
            group,
            count: values.len() as u64,
            sum: values.iter().sum(),
            min: values[0],
            max: values[values.len() - 1],
            percentiles: query.percentiles.then(|| [rank(0.50), rank(0.95), rank(0.99)]),
        }
    };
    found.into_iter().map(answer).collect()
}

fn query() -> impl Strategy<Value = AggregateQuery> {
    let moment = prop_oneof![
        (0..24_u64).prop_map(|n| NOON_MS - 2 * HOUR_MS + n * 10 * MINUTE_MS),
        NOON_MS - 2 * HOUR_MS..NOON_MS + 2 * HOUR_MS,
    ];
    let name = prop::option::of(prop::sample::select(vec![
        NameFilter::Exactly("cpu".into()),
        NameFilter::Exactly("none".into()),
        NameFilter::Prefix("event.".into()),
        NameFilter::Prefix("event.b".into()),
    ]));
    let bucket = prop::option::of(prop::sample::select(vec![
        7_000,
        MINUTE_MS,
        10 * MINUTE_MS,
        HOUR_MS,
        90 * MINUTE_MS,
    ]));
    let zone = prop::option::weighted(0.3, prop::sample::select(vec!["eu", "7"]));
    let flags = (prop::bool::weighted(0.3), prop::bool::weighted(0.3));
    (moment.clone(), moment, name, bucket, zone, flags).prop_map(
        |(one, other, name, bucket_ms, zone, (grouped, percentiles))| AggregateQuery {
            range: Range { from_ms: one.min(other), to_ms: one.max(other) },
            filter: Filter {
                name,
                attributes: zone.map(|zone| ("zone".into(), zone.into())).into_iter().collect(),
            },
            bucket_ms,
            group_by: grouped.then(|| "zone".into()),
            percentiles,
            limit: 10_000,
        },
    )
}

/// Whether from rollups or rows: the answer is that of a plain loop.
pub(crate) async fn every_answer_is_that_of_the_plain_rows(store: Arc<dyn Store>) {
    let mut runner = TestRunner::deterministic();
    let present = filled(&*store, &mut runner).await;
    for _ in 0..QUESTIONS {
        let query = query().new_tree(&mut runner).unwrap().current();
        assert_eq!(aggregate(&*store, &query).await, expected(&present, &query), "{query:?}");
    }
}

/// By minutes or hours: a summary is that of a plain loop over whole minutes.
pub(crate) async fn every_summary_is_that_of_the_plain_rows(store: Arc<dyn Store>) {
    let mut runner = TestRunner::deterministic();
    let present = filled(&*store, &mut runner).await;
    for _ in 0..QUESTIONS {
        let range = query().new_tree(&mut runner).unwrap().current().range;
        let mut expected = BTreeMap::<SmolStr, NameSummary>::new();
        for (batch, metric) in present.iter().flat_map(|b| b.metrics.iter().map(move |m| (b, m))) {
            let minute = metric.time_ms.unwrap_or(batch.received_ms) / MINUTE_MS;
            let first = range.from_ms / MINUTE_MS;
            let is_empty = range.from_ms == range.to_ms;
            if is_empty || !(first..range.to_ms.div_ceil(MINUTE_MS)).contains(&minute) {
                continue;
            }
            let (name, value) = (metric.name.clone(), metric.value);
            let new = NameSummary {
                name: name.clone(),
                count: 0,
                sum: 0.0,
                min: value,
                max: value,
                last_ms: 0,
            };
            let summary = expected.entry(name).or_insert(new);
            summary.count += 1;
            summary.sum += value;
            summary.min = summary.min.min(value);
            summary.max = summary.max.max(value);
            summary.last_ms = summary.last_ms.max(minute * MINUTE_MS);
        }
        let expected: Vec<_> = expected.into_values().collect();
        assert_eq!(store.summary(tenant(), range).await.unwrap(), expected, "{range:?}");
    }
}
