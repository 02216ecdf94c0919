//! The second group.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tailrace_contract::{
    Alert, AlertStream, Alerts, AttributeValue, Batch, BoxFuture, Metric, Tenant,
};
use tailrace_worker::{Detector, DetectorOptions, Drained};

use crate::doubles::{Stage, append, id, until};

#[derive(Default)]
struct Told(Mutex<Vec<Alert>>);

impl Alerts for Told {
    fn publish(&self, alerts: Vec<Alert>) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().extend(alerts);
        Box::pin(std::future::ready(()))
    }

    fn recent(&self, _: Option<&Tenant>, _: usize) -> Vec<Alert> {
        self.0.lock().unwrap().clone()
    }

    fn subscribe(&self) -> AlertStream {
        Box::pin(futures_util::stream::empty())
    }
}

fn reading(seq: u64, name: &str, hosts: &[(&str, f64)]) -> Batch {
    let metric = |&(host, value): &(&str, f64)| Metric {
        name: name.into(),
        value,
        time_ms: Some(seq * 1_000),
        attributes: vec![("host".into(), AttributeValue::Text(host.into()))],
    };
    Batch { id: id(seq), received_ms: 1, metrics: hosts.iter().map(metric).collect() }
}

#[tokio::test(start_paused = true)]
async fn a_spike_of_any_size_is_told_once_a_metric_and_second() {
    let stage = Stage::new();
    let told = Arc::new(Told::default());
    let alerts = Arc::clone(&told) as Arc<dyn Alerts>;
    for seq in 0..30 {
        let usual = 20.0 + (seq % 5) as f64;
        append(&*stage.log, reading(seq, "cpu", &[("a", usual), ("b", usual)])).await;
        append(&*stage.log, reading(seq + 100, "event.click", &[("a", 1.0)])).await;
    }
    // Old entries too: a new group begins with the oldest.
    let detector =
        Detector::start(&stage.log, Arc::clone(&alerts), DetectorOptions::default()).await.unwrap();
    append(&*stage.log, reading(30, "cpu", &[("a", 95.0), ("b", f64::MAX)])).await;
    append(&*stage.log, reading(31, "event.click", &[("a", 1e9)])).await;
    until("an alert", async || !told.0.lock().unwrap().is_empty()).await;
    let tally = detector.tally();
    assert_eq!(detector.drain(Duration::from_secs(5)).await, Drained::Whole);

    let alerts = alerts.recent(None, 10);
    let [alert] = alerts.as_slice() else { panic!("one alert, not {alerts:?}") };
    assert_eq!((alert.name.as_str(), alert.host.as_str(), alert.hosts), ("cpu", "b", 2));
    assert_eq!((alert.value, alert.usual, alert.time_ms), (f64::MAX, 22.0, 30_000));
    assert!(alert.score.is_finite() && alert.score > 8.0);
    assert_eq!((tally.judged(), tally.found(), tally.alerts()), (62, 2, 1));
    let lag = stage.log.group("detector").await.unwrap().lag().await.unwrap();
    assert_eq!((lag.unread, lag.pending, lag.members), (0, 0, 0));
}

/// Two that shared the entries would each see half of every series.
#[tokio::test(start_paused = true)]
async fn one_of_two_sees_everything_and_the_other_takes_over() {
    let stage = Stage::new();
    let alerts: Arc<dyn Alerts> = Arc::new(Told::default());
    let start = async || {
        Detector::start(&stage.log, Arc::clone(&alerts), DetectorOptions::default()).await.unwrap()
    };
    let (first, second) = (start().await, start().await);
    until("a leader", async || first.tally().leads()).await;
    for seq in 0..300 {
        append(&*stage.log, reading(seq, "cpu", &[("a", 1.0)])).await;
    }
    until("all values", async || first.tally().judged() == 300).await;
    // Longer than a lease: the one that reads goes on reading.
    tokio::time::sleep(Duration::from_secs(60)).await;
    append(&*stage.log, reading(300, "cpu", &[("a", 1.0)])).await;
    until("one more", async || first.tally().judged() == 301).await;
    assert!(first.tally().leads() && !second.tally().leads());
    assert_eq!(second.tally().judged(), 0);

    // It dies, and says nothing.
    drop(first);
    append(&*stage.log, reading(301, "cpu", &[("a", 1.0)])).await;
    until("the other one", async || second.tally().judged() == 1).await;
    assert!(second.tally().leads());

    // It leaves: nobody has to wait for its lease.
    let third = start().await;
    assert_eq!(second.drain(Duration::from_secs(5)).await, Drained::Whole);
    append(&*stage.log, reading(302, "cpu", &[("a", 1.0)])).await;
    until("the third", async || third.tally().judged() == 1).await;
}
