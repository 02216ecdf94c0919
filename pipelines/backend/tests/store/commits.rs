//! Committing: once, whole, and nothing that cannot be stored.

use std::sync::Arc;

use tailrace_contract::{
    AttributeValue, Batch, Committed, Producer, RunId, Store, StoreError, Tenant,
};

use crate::made::{
    ALWAYS, NOON_MS, aggregate, at, batch, commit, is_whole, metric, named, question, stored,
    tenant, text, values, walk, with,
};

type Fresh = Arc<dyn Store>;

pub(crate) async fn a_batch_takes_effect_once(store: Fresh) {
    let batch = batch(0, vec![metric("a", 1.0), metric("a", 2.0)]);
    let first = commit(&*store, vec![batch.clone()]).await;
    assert_eq!(first, Committed { new: 1, duplicate: 0, metrics: 2 });
    for _ in 0..3 {
        let again = commit(&*store, vec![batch.clone()]).await;
        assert_eq!(again, Committed { new: 0, duplicate: 1, metrics: 0 });
    }
    assert_eq!(values(&*store, &named("a")).await, [2.0, 1.0]);
    let sums = aggregate(&*store, &question(ALWAYS, named("a"))).await;
    assert_eq!((sums[0].count, sums[0].sum), (2, 3.0));
    is_whole(&*store).await;
}

pub(crate) async fn a_batch_that_one_call_holds_twice_counts_once(store: Fresh) {
    let twice = batch(0, vec![metric("a", 1.0)]);
    let other = batch(1, vec![metric("a", 4.0)]);
    let committed = commit(&*store, vec![twice.clone(), other, twice]).await;
    assert_eq!(committed, Committed { new: 2, duplicate: 1, metrics: 2 });
    let sums = aggregate(&*store, &question(ALWAYS, named("a"))).await;
    assert_eq!((sums[0].count, sums[0].sum), (2, 5.0));
    is_whole(&*store).await;
}

pub(crate) async fn one_batch_from_four_tasks_is_stored_once(store: Fresh) {
    for seq in 0..20 {
        let batches = Arc::new(vec![batch(seq, vec![metric("a", 1.0)])]);
        let tasks: Vec<_> =
            (0..4).map(|_| tokio::spawn(store.commit(Arc::clone(&batches)))).collect();
        let mut total = Committed::default();
        for task in tasks {
            let committed = task.await.unwrap().unwrap();
            total.new += committed.new;
            total.duplicate += committed.duplicate;
            total.metrics += committed.metrics;
        }
        assert_eq!(total, Committed { new: 1, duplicate: 3, metrics: 1 });
    }
    assert_eq!(aggregate(&*store, &question(ALWAYS, named("a"))).await[0].count, 20);
    is_whole(&*store).await;
}

pub(crate) async fn what_differs_in_one_part_of_its_identity_is_another_batch(store: Fresh) {
    let one = batch(0, vec![metric("a", 1.0)]);
    let differing = |change: fn(&mut Batch)| {
        let mut other = one.clone();
        change(&mut other);
        other
    };
    let batches = vec![
        one.clone(),
        differing(|batch| batch.id.tenant = Tenant("other".into())),
        differing(|batch| batch.id.run = RunId(u128::MAX)),
        differing(|batch| batch.id.producer = Producer("q".into())),
        differing(|batch| batch.id.seq = tailrace_contract::limits::SEQ_MAX),
    ];
    let committed = commit(&*store, batches).await;
    assert_eq!(committed, Committed { new: 5, duplicate: 0, metrics: 5 });
    is_whole(&*store).await;
}

pub(crate) async fn a_dropped_commit_is_stored_whole_or_not_at_all(store: Fresh) {
    for seq in 0..10 {
        let metrics = (0..50).map(|n| metric("a", f64::from(n))).collect();
        let mut commit = store.commit(Arc::new(vec![batch(seq, metrics)]));
        // Polled once: on its way. Then nobody waits for it any more.
        let _ = futures_util::poll!(&mut commit);
        drop(commit);
    }
    // A later commit comes after whatever became of the earlier ones.
    commit(&*store, vec![batch(100, vec![metric("a", 1.0)])]).await;
    let audit = store.audit(RunId(1), None).await.unwrap();
    let account = &audit.producers[0];
    assert_eq!(account.metrics, (account.present.count() - 1) * 50 + 1);
    is_whole(&*store).await;
}

pub(crate) async fn poison_is_refused_and_nothing_of_its_call_is_stored(store: Fresh) {
    let spoilt = |change: fn(&mut Batch)| {
        let mut spoilt = batch(1, vec![metric("a", 1.0)]);
        change(&mut spoilt);
        spoilt
    };
    for poison in [
        spoilt(|batch| batch.metrics[0].value = f64::NAN),
        spoilt(|batch| batch.metrics[0].value = f64::INFINITY),
        spoilt(|batch| batch.metrics[0].time_ms = Some(u64::MAX)),
        spoilt(|batch| batch.metrics[0].name = "a\0b".into()),
        spoilt(|batch| batch.metrics[0].attributes.push(("k".into(), text("\0")))),
        spoilt(|batch| batch.id.seq = u64::MAX),
        spoilt(|batch| batch.metrics.clear()),
    ] {
        let call = Arc::new(vec![batch(0, vec![metric("a", 1.0)]), poison]);
        let refused = store.commit(call).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused { .. }), "{refused}");
    }
    assert_eq!(walk(&*store, &tenant(), ALWAYS, &named("a"), 9).await, []);
    stored(&*store, 0, vec![metric("a", 1.0)]).await;
    is_whole(&*store).await;
}

pub(crate) async fn odd_values_come_back_as_they_were(store: Fresh) {
    let odd = [
        0.0,
        -0.0,
        -1.5,
        0.1 + 0.2,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        9_007_199_254_740_993.0,
        1e-300,
        f64::MAX,
        f64::MIN,
    ];
    let metrics = odd.iter().enumerate().map(|(n, &value)| metric(&format!("odd.{n}"), value));
    stored(&*store, 0, metrics.collect()).await;
    for (n, value) in odd.into_iter().enumerate() {
        // Compared as numbers: a store may drop the sign of a zero.
        assert_eq!(values(&*store, &named(&format!("odd.{n}"))).await, [value]);
    }
    let number = |text: &str| AttributeValue::Number(serde_json::from_str(text).unwrap());
    let mut strange = at(NOON_MS, metric("é \"quoted\" \u{1f600}", 1.0));
    for (key, value) in [
        ("z", text("")),
        ("a.b", text("line\nbreak \\ \"quote\" 'single' \u{7f} \u{10ffff}")),
        ("$[0]", AttributeValue::Flag(true)),
        ("large", number("18446744073709551615")),
        ("small", number("-9223372036854775808")),
        ("fraction", number("0.1")),
        ("like a number", text("200")),
        ("a", AttributeValue::Flag(false)),
    ] {
        strange = with(key, value, strange);
    }
    stored(&*store, 1, vec![strange.clone()]).await;
    let rows = walk(&*store, &tenant(), ALWAYS, &named(&strange.name), 9).await;
    assert_eq!(rows.len(), 1);
    let by_key = |metric: &tailrace_contract::Metric| {
        let mut attributes = metric.attributes.clone();
        attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
        attributes
    };
    assert_eq!(by_key(&rows[0].metric), by_key(&strange));
    assert_eq!((rows[0].time_ms, rows[0].metric.time_ms), (NOON_MS, Some(NOON_MS)));
    is_whole(&*store).await;
}

pub(crate) async fn sums_beyond_the_largest_number_break_nothing(store: Fresh) {
    for seq in 0..3 {
        stored(&*store, seq, vec![metric("huge", 1e308), metric("huge", 1e308)]).await;
    }
    stored(&*store, 3, vec![metric("small", 2.0), metric("low", -1e308), metric("low", -1e308)])
        .await;
    let mut rows = question(ALWAYS, named("huge"));
    assert_eq!(aggregate(&*store, &rows).await[0].sum, f64::MAX);
    rows.percentiles = true;
    let answer = aggregate(&*store, &rows).await;
    assert_eq!((answer[0].count, answer[0].sum, answer[0].max), (6, f64::MAX, 1e308));
    assert_eq!(aggregate(&*store, &question(ALWAYS, named("low"))).await[0].sum, f64::MIN);
    assert_eq!(aggregate(&*store, &question(ALWAYS, named("small"))).await[0].sum, 2.0);
    let summary = store.summary(tenant(), ALWAYS).await.unwrap();
    assert_eq!(summary.len(), 3);
    assert!(summary.iter().all(|name| name.sum.is_finite()));
    // More may come after the sum has stopped to grow.
    stored(&*store, 4, vec![metric("huge", -1e308)]).await;
    is_whole(&*store).await;
}

pub(crate) async fn an_audit_finds_what_is_missing(store: Fresh) {
    let of = |producer: &str, seq| {
        let mut batch = batch(seq, vec![metric("a", 1.0), metric("b", 1.0)]);
        batch.id.producer = Producer(producer.into());
        batch
    };
    let mut other_run = of("p", 7);
    other_run.id.run = RunId(2);
    commit(&*store, vec![of("p", 0), of("p", 1), of("p", 4), of("p", 3), of("o", 0), other_run])
        .await;
    commit(&*store, vec![of("p", 4)]).await;
    let audit = store.audit(RunId(1), Some(tenant())).await.unwrap();
    assert_eq!(audit.run, RunId(1));
    let accounts: Vec<_> = audit
        .producers
        .iter()
        .map(|a| {
            (&*a.producer.0, a.present.ranges(), a.repeated.count(), a.metrics, a.out_of_order)
        })
        .collect();
    assert_eq!(accounts, [("o", &[(0, 0)][..], 0, 2, 0), ("p", &[(0, 1), (3, 4)][..], 0, 8, 1)]);
    assert_eq!(store.audit(RunId(1), None).await.unwrap(), audit);
    assert_eq!(store.audit(RunId(9), None).await.unwrap().producers, []);
}

pub(crate) async fn a_store_says_that_it_works(store: Fresh) {
    let health = store.health().await.unwrap();
    assert!(!health.description.is_empty());
    assert_eq!(store.dead(0, 10).await.unwrap(), [], "asking leaves nothing behind");
}
