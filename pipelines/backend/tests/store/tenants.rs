//! Two tenants that use the same names, times, runs, producers and sequences.

use std::sync::Arc;

use tailrace_contract::history::{Filter, MetricsQuery, NameFilter};
use tailrace_contract::{Batch, RunId, Store, Tenant};

use crate::made::{
    ALWAYS, HOUR_MS, MINUTE_MS, batch, commit, is_whole, metric, question, text, walk, with,
};

/// One metric that both have, one that only this one has.
fn of(tenant: &Tenant, value: f64) -> Batch {
    let own = format!("event.{}", tenant.0);
    let metrics =
        vec![with("who", text(&tenant.0), metric("event.both", value)), metric(&own, value)];
    let mut batch = batch(0, metrics);
    batch.id.tenant = tenant.clone();
    batch
}

pub(crate) async fn two_tenants_never_see_each_other(store: Arc<dyn Store>) {
    // One's name begins with the other's: an index in the order of bytes holds them side by side.
    let tenants =
        [("acme", 1.0), ("acme2", 10.0)].map(|(name, value)| (Tenant(name.into()), value));
    for (tenant, value) in &tenants {
        assert_eq!(commit(&*store, vec![of(tenant, *value)]).await.new, 1);
    }
    for (tenant, value) in &tenants {
        for name in [
            None,
            Some(NameFilter::Prefix("event.".into())),
            Some(NameFilter::Exactly("event.both".into())),
        ] {
            let filter = Filter { name, attributes: Vec::new() };
            let rows = walk(&*store, tenant, ALWAYS, &filter, 1).await;
            assert!(rows.iter().all(|row| row.id.tenant == *tenant && row.metric.value == *value));
            let bucketed = |bucket_ms, percentiles, group_by: Option<&str>| {
                let mut query = question(ALWAYS, filter.clone());
                (query.bucket_ms, query.percentiles) = (bucket_ms, percentiles);
                query.group_by = group_by.map(Into::into);
                store.aggregate(tenant.clone(), query)
            };
            for answer in [
                bucketed(None, false, None).await,
                bucketed(Some(MINUTE_MS), false, None).await,
                bucketed(Some(HOUR_MS), false, None).await,
                bucketed(None, true, None).await,
            ] {
                let answer = answer.unwrap();
                assert_eq!(answer.len(), 1);
                assert_eq!((answer[0].count, answer[0].max), (rows.len() as u64, *value));
            }
            let groups = bucketed(None, false, Some("who")).await.unwrap();
            let others = groups.iter().filter_map(|answer| answer.group.as_deref());
            assert!(others.into_iter().all(|group| group == &*tenant.0));
        }
        let names: Vec<_> = store.summary(tenant.clone(), ALWAYS).await.unwrap();
        assert_eq!(names.len(), 2);
        assert!(names.iter().all(|name| name.sum == *value));
        let account = store.audit(RunId(1), Some(tenant.clone())).await.unwrap();
        assert_eq!((account.producers.len(), account.producers[0].metrics), (1, 2));
    }
    a_cursor_opens_nothing(&*store, &tenants[0].0, &tenants[1].0).await;
    let all = store.audit(RunId(1), None).await.unwrap();
    assert!(all.producers.iter().all(|account| account.repeated.count() == 0));
    assert_eq!(all.producers.iter().map(|account| account.metrics).sum::<u64>(), 4);
    is_whole(&*store).await;
}

/// The place of another tenant's row is only a place.
async fn a_cursor_opens_nothing(store: &dyn Store, one: &Tenant, other: &Tenant) {
    let query = |after| MetricsQuery { range: ALWAYS, filter: Filter::default(), limit: 1, after };
    let foreign = store.metrics(other.clone(), query(None)).await.unwrap().next;
    let page = store.metrics(one.clone(), query(foreign)).await.unwrap();
    assert!(page.rows.iter().all(|row| row.id.tenant == *one));
    let nobody = store.metrics(Tenant("nobody".into()), query(None)).await.unwrap();
    assert_eq!(nobody.rows, []);
}
