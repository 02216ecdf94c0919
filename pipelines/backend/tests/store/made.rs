//! Batches made for the cases, and what is asked most often.

use std::sync::Arc;

use tailrace_contract::history::{
    AggregateQuery, Aggregated, Cursor, Filter, MetricRow, MetricsQuery, NameFilter, Range,
};
use tailrace_contract::{
    AttributeValue, Batch, BatchId, Committed, Metric, Producer, RunId, Store, Tenant,
};

/// All times that a metric may have.
pub(crate) const ALWAYS: Range = Range { from_ms: 0, to_ms: u64::MAX };
/// When made batches arrive: the beginning of an hour.
pub(crate) const NOON_MS: u64 = 1_767_268_800_000;
pub(crate) const SECOND_MS: u64 = 1_000;
pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;

pub(crate) fn tenant() -> Tenant {
    Tenant("acme".into())
}

/// A metric without a time of its own, and with no attributes.
pub(crate) fn metric(name: &str, value: f64) -> Metric {
    Metric { name: name.into(), value, time_ms: None, attributes: Vec::new() }
}

pub(crate) fn at(time_ms: u64, metric: Metric) -> Metric {
    Metric { time_ms: Some(time_ms), ..metric }
}

pub(crate) fn with(key: &str, value: AttributeValue, mut metric: Metric) -> Metric {
    metric.attributes.push((key.into(), value));
    metric
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.into())
}

/// A batch of the tenant's first run.
pub(crate) fn batch(seq: u64, metrics: Vec<Metric>) -> Batch {
    let id = BatchId { tenant: tenant(), run: RunId(1), producer: Producer("p".into()), seq };
    Batch { id, received_ms: NOON_MS, metrics }
}

pub(crate) async fn commit(store: &dyn Store, batches: Vec<Batch>) -> Committed {
    store.commit(Arc::new(batches)).await.unwrap()
}

/// Stores metrics as one batch.
pub(crate) async fn stored(store: &dyn Store, seq: u64, metrics: Vec<Metric>) {
    let count = metrics.len() as u64;
    let committed = commit(store, vec![batch(seq, metrics)]).await;
    assert_eq!(committed, Committed { new: 1, duplicate: 0, metrics: count });
}

pub(crate) fn named(name: &str) -> Filter {
    Filter { name: Some(NameFilter::Exactly(name.into())), attributes: Vec::new() }
}

pub(crate) fn beginning(prefix: &str) -> Filter {
    Filter { name: Some(NameFilter::Prefix(prefix.into())), attributes: Vec::new() }
}

pub(crate) fn having(pairs: &[(&str, &str)]) -> Filter {
    let attributes = pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect();
    Filter { name: None, attributes }
}

/// All rows that pass, walked in pages of `limit`.
pub(crate) async fn walk(
    store: &dyn Store,
    tenant: &Tenant,
    range: Range,
    filter: &Filter,
    limit: usize,
) -> Vec<MetricRow> {
    let (mut rows, mut after) = (Vec::new(), None::<Cursor>);
    loop {
        let query = MetricsQuery { range, filter: filter.clone(), limit, after };
        let page = store.metrics(tenant.clone(), query).await.unwrap();
        assert!(page.rows.len() <= limit);
        assert!(page.next.is_none() || page.rows.len() == limit, "a page in the middle is full");
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

/// The values of all rows that pass, newest first.
pub(crate) async fn values(store: &dyn Store, filter: &Filter) -> Vec<f64> {
    let rows = walk(store, &tenant(), ALWAYS, filter, 3).await;
    rows.into_iter().map(|row| row.metric.value).collect()
}

/// Asks for the plainest aggregate: everything in one.
pub(crate) fn question(range: Range, filter: Filter) -> AggregateQuery {
    AggregateQuery {
        range,
        filter,
        bucket_ms: None,
        group_by: None,
        percentiles: false,
        limit: 1_000,
    }
}

pub(crate) async fn aggregate(store: &dyn Store, query: &AggregateQuery) -> Vec<Aggregated> {
    store.aggregate(tenant(), query.clone()).await.unwrap()
}

/// Whether every rollup is the sum of its rows and every batch has its rows.
pub(crate) async fn is_whole(store: &dyn Store) {
    let reconciled = store.reconcile().await.unwrap();
    assert_eq!(reconciled.wrong, 0, "{reconciled:?}");
    assert_eq!(reconciled.metrics, reconciled.metrics_promised, "{reconciled:?}");
}
