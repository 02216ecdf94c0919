//! Questions and their answers, held against what was stored.

use serde_json::{Value, json};
use tailrace_contract::Tenant;
use tailrace_service::Limits;

use crate::bench::{Bench, bench, metric, without_store};

/// 2026-01-01T00:00:00Z, and a day.
const START: u64 = 1_767_225_600_000;
const DAY: u64 = 86_400_000;

/// One hundred values of `cpu`, one a second, by turns of two hosts; events; another tenant.
async fn filled() -> Bench {
    let bench = bench(Limits::default()).await;
    let cpu = |i: u64| {
        let host = if i.is_multiple_of(2) { "even" } else { "odd" };
        metric("cpu", START + i * 1_000, (i * 37 % 100) as f64, &[("host", host)])
    };
    bench.add((0..100).map(cpu).collect()).await;
    let event = |i: u64| {
        let name = if i < 3 { "event.click" } else { "event.view" };
        metric(name, START + DAY + i, 1.0, &[("user", &i.to_string())])
    };
    bench.add((0..4).map(event).collect()).await;
    let other = Tenant("other".into());
    bench.commit(&other, vec![metric("cpu", START + 1, 1e9, &[])]).await;
    bench
}

fn names(answer: &Value) -> Vec<&str> {
    answer["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn pages_hold_every_row_once_newest_first() {
    let bench = filled().await;
    let mut target = "/v1/metrics?name=cpu&limit=7".to_owned();
    let (mut times, mut pages) = (Vec::new(), 0);
    loop {
        let seen = bench.get(&target).await;
        let page = seen.json();
        let rows = page["rows"].as_array().unwrap();
        times.extend(rows.iter().map(|row| row["time"].as_u64().unwrap()));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(seen.headers["link"], format!("<{next}>; rel=\"next\""));
        // What comes in meanwhile belongs to no page of an older question.
        bench.add(vec![metric("cpu", START + 500 + pages, 0.0, &[])]).await;
        target = next.to_owned();
    }
    let own: Vec<_> = times.iter().copied().filter(|time| time % 1_000 == 0).collect();
    let expected: Vec<_> = (0..100).rev().map(|i| START + i * 1_000).collect();
    assert_eq!(own, expected);
    assert!(times.is_sorted_by(|a, b| a >= b));
    assert!(pages >= 15, "{pages}");
}

#[tokio::test]
async fn a_row_tells_where_it_came_from() {
    let bench = filled().await;
    let answer = bench.json(&format!("/v1/metrics?from={START}&to={}", START + 1)).await;
    assert_eq!(
        answer["rows"],
        json!([{
            "time": START, "name": "cpu", "value": 0.0, "attributes": {"host": "even"},
            "run": format!("{:032x}", 0xabc), "producer": "p", "seq": 0,
        }])
    );
    assert_eq!(answer["range"], json!({"from_ms": START, "to_ms": START + 1}));
}

#[tokio::test]
async fn filters_choose_by_name_prefix_and_attributes() {
    let bench = filled().await;
    let count = async |query: &str| names(&bench.json(&format!("/v1/metrics?{query}")).await).len();
    assert_eq!(count("name=cpu&limit=1000").await, 100);
    assert_eq!(count("name=event.*").await, 4);
    assert_eq!(count("attr.host=odd&limit=1000").await, 50);
    assert_eq!(count("attr.host=odd&attr.user=1").await, 0);
    assert_eq!(count("attr.user=1").await, 1);
    assert_eq!(count("name=nothing").await, 0);
}

#[tokio::test]
async fn a_range_of_dates_includes_its_last_day() {
    let bench = filled().await;
    let count = async |query: &str| names(&bench.json(&format!("/v1/metrics?{query}")).await).len();
    assert_eq!(count("name=event.*&from=2026-01-02&to=2026-01-02").await, 4);
    assert_eq!(count("name=event.*&from=2026-01-01&to=2026-01-01").await, 0);
    assert_eq!(count("name=event.*&to=2026-01-02T00:00:00.002Z").await, 2);
    assert_eq!(count("name=event.*&from=-1d").await, 0);
}

#[tokio::test]
async fn aggregates_are_those_of_the_values() {
    let bench = filled().await;
    let all = "avg,min,max,sum,count,p50,p95,p99";
    let answer = bench.json(&format!("/v1/metrics/aggregate?name=cpu&values={all}")).await;
    // The values are 0 to 99 in another order.
    assert_eq!(
        answer["rows"],
        json!([{
            "start": 0, "group": null, "avg": 49.5, "min": 0.0, "max": 99.0, "sum": 4950.0,
            "count": 100, "p50": 49.0, "p95": 94.0, "p99": 98.0,
        }])
    );
    let grouped = "/v1/metrics/aggregate?name=cpu&group_by=host&values=count,min";
    let even = json!({"start": 0, "group": "even", "count": 50, "min": 0.0});
    let odd = json!({"start": 0, "group": "odd", "count": 50, "min": 1.0});
    assert_eq!(bench.json(grouped).await["rows"], json!([even, odd]));
}

#[tokio::test]
async fn buckets_are_as_wide_as_they_were_asked_for() {
    let bench = filled().await;
    for (bucket, width_ms) in [("1s", 1_000), ("10s", 10_000), ("1m", 60_000), ("1h", 3_600_000)] {
        let target = format!(
            "/v1/metrics/aggregate?name=cpu&bucket={bucket}&values=count&from={START}&to={}",
            START + 120_000
        );
        let answer = bench.json(&target).await;
        assert_eq!(answer["bucket_ms"], width_ms);
        let rows = answer["rows"].as_array().unwrap();
        assert_eq!(rows.len() as u64, 100_000_u64.div_ceil(width_ms), "{bucket}");
        let fits = |row: &Value| row["start"].as_u64().unwrap().is_multiple_of(width_ms);
        assert!(rows.iter().all(fits), "{bucket}");
        let count: u64 = rows.iter().map(|row| row["count"].as_u64().unwrap()).sum();
        assert_eq!(count, 100, "{bucket}");
    }
}

#[tokio::test]
async fn events_and_summary_tell_each_type() {
    let bench = filled().await;
    let clicks = bench.json("/v1/events?type=click").await;
    assert_eq!(names(&clicks), ["event.click"; 3]);
    let page = bench.json("/v1/events?limit=3").await;
    assert_eq!(names(&page), ["event.view", "event.click", "event.click"]);
    let rest = bench.json(page["next"].as_str().unwrap()).await;
    assert_eq!(names(&rest), ["event.click"]);
    let summary = bench.json("/v1/summary").await;
    assert_eq!(summary["count"], 104);
    assert_eq!(
        summary["events"],
        json!({"count": 4, "types": [
            {"type": "click", "count": 3, "share": 0.75},
            {"type": "view", "count": 1, "share": 0.25},
        ]})
    );
    let cpu = &summary["names"][0];
    assert_eq!(
        (&cpu["name"], &cpu["count"], &cpu["avg"]),
        (&json!("cpu"), &json!(100), &json!(49.5))
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_all_of_it() {
    let bench = filled().await;
    let problem = bench.problem("/v1/metrics?from=x&to=1&limit=0&nmae=cpu&cursor=abc", 400).await;
    let fields = problem["fields"].as_array().unwrap();
    let pointers: Vec<_> = fields.iter().map(|field| field["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["?from", "?limit", "?cursor", "?nmae"]);
    let check = async |target: &str, part: &str| {
        let problem = bench.problem(target, 400).await;
        assert!(problem["detail"].as_str().unwrap().contains(part), "{target}: {problem}");
    };
    check("/v1/metrics?from=5&to=5", "not before").await;
    check("/v1/metrics/aggregate?values=mean", "avg,min").await;
    check("/v1/metrics/aggregate?bucket=1000", "10s").await;
    let narrow = format!("/v1/metrics/aggregate?bucket=1s&from={START}&to={}", START + DAY);
    check(&narrow, "makes 86400 buckets").await;
    check("/v1/metrics/aggregate?bucket=1s&limit=10", "more than 10 answers").await;
    check("/v1/summary/live?window=1y", "window").await;
    let page = bench.json("/v1/metrics?name=cpu&limit=1").await;
    let cursor = page["cursor"].as_str().unwrap();
    check(&format!("/v1/metrics?name=mem&cursor={cursor}"), "of this very question").await;
    assert_eq!(bench.get(&format!("/v1/metrics?name=cpu&cursor={cursor}")).await.status, 200);
}

#[tokio::test]
async fn csv_is_harmless_and_complete() {
    let bench = filled().await;
    bench.add(vec![metric("=1+1", START + 2 * DAY, -1.5, &[("a", "x,\"y\"")])]).await;
    let by_name = bench.get("/v1/metrics?format=csv&limit=1").await;
    assert_eq!(by_name.headers["content-type"], "text/csv; charset=utf-8; header=present");
    let run = format!("{:032x}", 0xabc);
    let line = format!(
        "{},'=1+1,-1.5,\"{{\"\"a\"\":\"\"x,\\\"\"y\\\"\"\"\"}}\",{run},p,3\r\n",
        START + 2 * DAY
    );
    assert_eq!(by_name.body, format!("time,name,value,attributes,run,producer,seq\r\n{line}"));
    assert!(by_name.headers.contains_key("link"));
    let by_header = bench.ask("GET", "/v1/summary", "accept: text/csv\r\n").await;
    let lines: Vec<_> = by_header.body.lines().collect();
    assert_eq!(lines[0], "name,count,sum,avg,min,max,last");
    assert!(lines[1].starts_with("'=1+1,1,-1.5,-1.5,-1.5,-1.5,"), "{}", lines[1]);
    assert_eq!(lines.len(), 5);
    let aggregate = "/v1/metrics/aggregate?format=csv&name=cpu&group_by=host&values=count,p50";
    let body = bench.get(aggregate).await.body;
    assert_eq!(body, "start,group,count,p50\r\n0,even,50,48.0\r\n0,odd,50,49.0\r\n");
}

#[tokio::test]
async fn without_a_store_there_is_no_history() {
    let bench = without_store().await;
    for path in ["/v1/metrics", "/v1/summary/live", "/v1/cache"] {
        let problem = bench.problem(path, 404).await;
        assert!(problem["detail"].as_str().unwrap().contains("--store"), "{problem}");
    }
}
