//! Questions and their answers, on few rows that show where each may go wrong.

use std::sync::Arc;

use tailrace_contract::history::{Filter, MetricsQuery, NameFilter, Range};
use tailrace_contract::{AttributeValue, Store, StoreError};

use crate::made::{
    ALWAYS, HOUR_MS, MINUTE_MS, NOON_MS, SECOND_MS, aggregate, at, batch, beginning, commit,
    having, metric, named, question, stored, tenant, text, values, walk, with,
};

type Fresh = Arc<dyn Store>;

pub(crate) async fn every_filter_finds_its_rows(store: Fresh) {
    let number = |n: u64| AttributeValue::Number(n.into());
    let flag = AttributeValue::Flag;
    stored(
        &*store,
        0,
        vec![
            with("code", number(200), with("zone", text("eu"), metric("event.view", 1.0))),
            with("code", text("200"), with("zone", text("us"), metric("event.view", 2.0))),
            with("ok", flag(true), metric("event.click", 3.0)),
            with("ok", text("true"), metric("eventual", 4.0)),
            metric("cpu", 5.0),
        ],
    )
    .await;
    assert_eq!(values(&*store, &Filter::default()).await, [5.0, 4.0, 3.0, 2.0, 1.0]);
    assert_eq!(values(&*store, &named("event.view")).await, [2.0, 1.0]);
    assert_eq!(values(&*store, &named("event")).await, [] as [f64; 0]);
    assert_eq!(values(&*store, &beginning("event.")).await, [3.0, 2.0, 1.0]);
    assert_eq!(values(&*store, &beginning("event")).await, [4.0, 3.0, 2.0, 1.0]);
    assert_eq!(values(&*store, &beginning("")).await.len(), 5);
    assert_eq!(values(&*store, &beginning("z")).await, [] as [f64; 0]);
    // A number or flag matches as it is written in JSON, and so does the same text.
    assert_eq!(values(&*store, &having(&[("code", "200")])).await, [2.0, 1.0]);
    assert_eq!(values(&*store, &having(&[("ok", "true")])).await, [4.0, 3.0]);
    assert_eq!(values(&*store, &having(&[("code", "200"), ("zone", "eu")])).await, [1.0]);
    assert_eq!(values(&*store, &having(&[("code", "20")])).await, [] as [f64; 0]);
    assert_eq!(values(&*store, &having(&[("absent", "")])).await, [] as [f64; 0]);
    let both =
        Filter { name: beginning("event.").name, ..having(&[("code", "200"), ("zone", "us")]) };
    assert_eq!(values(&*store, &both).await, [2.0]);
    let sums = aggregate(&*store, &question(ALWAYS, both)).await;
    assert_eq!((sums[0].count, sums[0].sum), (1, 2.0));
    let none = Filter { name: named("cpu").name, ..having(&[("zone", "eu")]) };
    assert_eq!(aggregate(&*store, &question(ALWAYS, none)).await, []);
}

/// Keys and texts that break whoever builds a path or a query from them.
const NASTY: [&str; 12] = [
    "a.b",
    "a\"b",
    "a'b",
    "$",
    "$.x",
    "[0]",
    "a\\",
    "*",
    "%",
    "a b; drop table metrics --",
    "{}",
    "é\u{10ffff}",
];

pub(crate) async fn a_filter_with_nasty_keys_finds_its_rows(store: Fresh) {
    let metrics = NASTY.iter().enumerate().map(|(n, &nasty)| {
        with(nasty, text(&format!("{nasty}\n")), metric(&format!("{nasty}.name"), n as f64))
    });
    stored(&*store, 0, metrics.collect()).await;
    for (n, nasty) in NASTY.into_iter().enumerate() {
        let (key, value) = (nasty, format!("{nasty}\n"));
        assert_eq!(values(&*store, &having(&[(key, &value)])).await, [n as f64], "{nasty}");
        assert_eq!(values(&*store, &having(&[(key, nasty)])).await, [] as [f64; 0], "{nasty}");
        assert!(values(&*store, &beginning(nasty)).await.contains(&(n as f64)), "{nasty}");
        let mut grouped = question(ALWAYS, Filter::default());
        grouped.group_by = Some(key.into());
        let groups: Vec<_> =
            aggregate(&*store, &grouped).await.into_iter().map(|a| (a.group, a.count)).collect();
        let others = NASTY.len() as u64 - 1;
        assert_eq!(groups, [(None, others), (Some(value.as_str().into()), 1)], "{nasty}");
    }
}

pub(crate) async fn a_walk_over_equal_times_meets_every_row_once(store: Fresh) {
    for seq in 0..7 {
        let metrics = (0..5).map(|n| metric(["a", "b"][n % 2], (seq * 5) as f64 + n as f64));
        stored(&*store, seq, metrics.collect()).await;
    }
    let expected: Vec<f64> = (0..35).rev().map(f64::from).collect();
    for limit in [1, 2, 5, 7, 34, 35, 36] {
        for filter in [Filter::default(), beginning("")] {
            let rows = walk(&*store, &tenant(), ALWAYS, &filter, limit).await;
            let seen: Vec<f64> = rows.iter().map(|row| row.metric.value).collect();
            assert_eq!(seen, expected, "in pages of {limit}");
            assert!(rows.iter().all(|row| row.time_ms == NOON_MS && row.metric.time_ms.is_none()));
        }
    }
}

pub(crate) async fn a_walk_is_stable_while_metrics_come_in(store: Fresh) {
    let timed = |n: u64| at(NOON_MS + n, metric("a", n as f64));
    stored(&*store, 0, (0..6).map(timed).collect()).await;
    let query = |after| MetricsQuery { range: ALWAYS, filter: named("a"), limit: 2, after };
    let first = store.metrics(tenant(), query(None)).await.unwrap();
    // A newer one, one at the cursor's own time, and a late one.
    stored(&*store, 1, vec![timed(9), timed(4), timed(1)]).await;
    let second = store.metrics(tenant(), query(first.next)).await.unwrap();
    let third = store.metrics(tenant(), query(second.next)).await.unwrap();
    let of = |page: &tailrace_contract::history::MetricsPage| {
        page.rows.iter().map(|row| (row.metric.value, row.id.seq)).collect::<Vec<_>>()
    };
    assert_eq!(of(&first), [(5.0, 0), (4.0, 0)]);
    assert_eq!(of(&second), [(3.0, 0), (2.0, 0)]);
    assert_eq!(of(&third), [(1.0, 1), (1.0, 0)]);
}

pub(crate) async fn many_names_with_one_prefix_come_newest_first(store: Fresh) {
    // Fewer names than are read one by one, and more.
    for names in [5, 80] {
        let prefix = format!("event.{names}.");
        let metrics = (0..100_u64)
            .map(|n| at(NOON_MS + n, metric(&format!("{prefix}{}", n % names), n as f64)));
        stored(&*store, names, metrics.collect()).await;
        let seen = values(&*store, &beginning(&prefix)).await;
        assert_eq!(seen, (0..100).rev().map(f64::from).collect::<Vec<_>>());
    }
}

pub(crate) async fn a_range_has_its_first_millisecond_and_not_its_end(store: Fresh) {
    let day_ms = 24 * HOUR_MS;
    let day = NOON_MS / day_ms * day_ms;
    let times = [day - 1, day, day + day_ms - 1, day + day_ms];
    stored(&*store, 0, times.iter().map(|&time| at(time, metric("a", 1.0))).collect()).await;
    let range = Range { from_ms: day, to_ms: day + day_ms };
    let rows = walk(&*store, &tenant(), range, &Filter::default(), 1).await;
    let seen: Vec<u64> = rows.iter().map(|row| row.time_ms).collect();
    assert_eq!(seen, [day + day_ms - 1, day]);
    for percentiles in [false, true] {
        let query = tailrace_contract::history::AggregateQuery {
            percentiles,
            ..question(range, named("a"))
        };
        let answer = aggregate(&*store, &query).await;
        assert_eq!((answer[0].start_ms, answer[0].count), (day, 2));
    }
    let empty = Range { from_ms: day, to_ms: day };
    assert_eq!(walk(&*store, &tenant(), empty, &Filter::default(), 1).await, []);
    assert_eq!(aggregate(&*store, &question(empty, named("a"))).await, []);
    let backwards = Range { from_ms: day + 5, to_ms: day };
    assert_eq!(walk(&*store, &tenant(), backwards, &Filter::default(), 1).await, []);
    assert_eq!(aggregate(&*store, &question(backwards, named("a"))).await, []);
}

pub(crate) async fn buckets_are_as_wide_as_they_say(store: Fresh) {
    let times = [0, 59_999, 60_000, 119_999, 120_000, 3_599_999, 3_600_000];
    let metrics = times.iter().map(|&time| at(NOON_MS + time, metric("a", 1.0)));
    stored(&*store, 0, metrics.collect()).await;
    let counts = async |bucket_ms| {
        let mut query = question(ALWAYS, named("a"));
        query.bucket_ms = Some(bucket_ms);
        let answer = aggregate(&*store, &query).await;
        answer.iter().map(|a| (a.start_ms - NOON_MS, a.count)).collect::<Vec<_>>()
    };
    let minutes = [(0, 2), (60_000, 2), (120_000, 1), (3_540_000, 1), (3_600_000, 1)];
    assert_eq!(counts(MINUTE_MS).await, minutes);
    assert_eq!(counts(HOUR_MS).await, [(0, 6), (HOUR_MS, 1)]);
    assert_eq!(counts(5 * MINUTE_MS).await, [(0, 5), (3_300_000, 1), (HOUR_MS, 1)]);
    assert_eq!(counts(SECOND_MS).await.len(), 7);
    assert_eq!(counts(1).await.len(), 7);
}

pub(crate) async fn percentiles_are_exact_by_group(store: Fresh) {
    let metrics = (1..=100).map(|n| {
        let group = if n <= 90 { "many" } else { "few" };
        with("group", text(group), metric("a", f64::from(n)))
    });
    stored(&*store, 0, metrics.collect()).await;
    stored(&*store, 1, vec![metric("a", 7.0)]).await;
    let mut query = question(ALWAYS, named("a"));
    query.percentiles = true;
    let all = aggregate(&*store, &query).await;
    // 101 values with 7 twice: ranks 51, 96 and 100.
    assert_eq!(all[0].percentiles, Some([50.0, 95.0, 99.0]));
    query.group_by = Some("group".into());
    let groups: Vec<_> = aggregate(&*store, &query)
        .await
        .into_iter()
        .map(|a| (a.group.map(|group| group.to_string()), a.count, a.percentiles.unwrap()))
        .collect();
    assert_eq!(
        groups,
        [
            (None, 1, [7.0, 7.0, 7.0]),
            (Some("few".into()), 10, [95.0, 100.0, 100.0]),
            (Some("many".into()), 90, [45.0, 86.0, 90.0]),
        ]
    );
}

pub(crate) async fn one_answer_too_many_is_refused(store: Fresh) {
    let minutes = (0..4).map(|n| at(NOON_MS + n * MINUTE_MS, metric("a", 1.0)));
    stored(&*store, 0, minutes.collect()).await;
    let mut query = question(ALWAYS, named("a"));
    query.bucket_ms = Some(MINUTE_MS);
    for percentiles in [false, true] {
        query.percentiles = percentiles;
        query.limit = 4;
        assert_eq!(aggregate(&*store, &query).await.len(), 4);
        query.limit = 3;
        let refused = store.aggregate(tenant(), query.clone()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused { .. }), "{refused}");
    }
}

pub(crate) async fn rollups_at_the_ends_of_a_range_count_what_is_in_it(store: Fresh) {
    let times = [
        NOON_MS - HOUR_MS + 1,
        NOON_MS - MINUTE_MS - 1,
        NOON_MS - 1,
        NOON_MS,
        NOON_MS + HOUR_MS,
        NOON_MS + HOUR_MS + 30 * SECOND_MS,
    ];
    let metrics = times.iter().map(|&time| at(time, metric("a", 1.0)));
    stored(&*store, 0, metrics.collect()).await;
    for from in times {
        for to in times.iter().map(|time| time + 1).filter(|&to| to > from) {
            let range = Range { from_ms: from, to_ms: to };
            let answer = aggregate(&*store, &question(range, named("a"))).await;
            let expected = times.iter().filter(|&&time| (from..to).contains(&time)).count();
            assert_eq!(answer[0].count, expected as u64, "{range:?}");
            assert_eq!(answer[0].start_ms, from);
        }
    }
}

pub(crate) async fn a_summary_has_every_name_once(store: Fresh) {
    let metrics = vec![
        at(NOON_MS, metric("b", 1.0)),
        at(NOON_MS + 3 * MINUTE_MS + 5, metric("b", 5.0)),
        at(NOON_MS + 2 * HOUR_MS, metric("b", -9.0)),
        at(NOON_MS + 59_999, metric("a", 2.0)),
    ];
    stored(&*store, 0, metrics).await;
    // From the middle of one minute to the middle of another: both count whole.
    let range = Range { from_ms: NOON_MS + 30_000, to_ms: NOON_MS + 3 * MINUTE_MS + 1 };
    let summary: Vec<_> = store
        .summary(tenant(), range)
        .await
        .unwrap()
        .into_iter()
        .map(|s| (s.name.to_string(), s.count, s.sum, s.min, s.max, s.last_ms))
        .collect();
    assert_eq!(
        summary,
        [
            ("a".into(), 1, 2.0, 2.0, 2.0, NOON_MS),
            ("b".into(), 2, 6.0, 1.0, 5.0, NOON_MS + 3 * MINUTE_MS),
        ]
    );
}

pub(crate) async fn an_empty_store_answers_with_nothing(store: Fresh) {
    assert_eq!(walk(&*store, &tenant(), ALWAYS, &Filter::default(), 10).await, []);
    assert_eq!(aggregate(&*store, &question(ALWAYS, Filter::default())).await, []);
    assert_eq!(store.summary(tenant(), ALWAYS).await.unwrap(), []);
    assert_eq!(store.dead(0, 10).await.unwrap(), []);
    let reconciled = store.reconcile().await.unwrap();
    assert_eq!((reconciled.batches, reconciled.metrics, reconciled.rollups), (0, 0, 0));
    // A commit of nothing is no error.
    let nothing = commit(&*store, Vec::new()).await;
    assert_eq!((nothing.new, nothing.duplicate), (0, 0));
    let name = Some(NameFilter::Exactly("a".into()));
    let filter = Filter { name, attributes: Vec::new() };
    assert_eq!(aggregate(&*store, &question(ALWAYS, filter)).await, []);
    stored(&*store, 0, vec![batch(0, vec![metric("a", 1.0)]).metrics.remove(0)]).await;
}
