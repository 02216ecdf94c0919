//! Alerts in one process: the last ones of each tenant, and whoever listens. A server that shares
//! a Redis with others has one of these behind [`crate::RedisAlerts`].

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use futures_util::stream;
use tailrace_contract::{Alert, AlertStream, Alerts, BoxFuture, Tenant};
use tokio::sync::broadcast::{self, error::RecvError};

/// Alerts kept of one tenant: more than a person reads.
const KEPT_MAX: usize = 100;
/// Tenants whose alerts are kept; beyond it the one that was quiet the longest is forgotten.
const TENANTS_MAX: usize = 1_000;
/// Alerts that wait for one listener; a slower one misses some.
const WAITING_MAX: usize = 256;

/// The last alerts of this process.
#[derive(Debug)]
pub struct LocalAlerts {
    kept: Mutex<HashMap<Tenant, VecDeque<Alert>>>,
    sender: broadcast::Sender<Alert>,
}

impl Default for LocalAlerts {
    fn default() -> Self {
        Self { kept: Mutex::default(), sender: broadcast::Sender::new(WAITING_MAX) }
    }
}

impl LocalAlerts {
    /// Keeps and tells; what [`Alerts::publish`] does, without the future.
    pub(crate) fn tell(&self, alerts: Vec<Alert>) {
        for alert in alerts {
            self.keep(alert.clone());
            // Fails only when nobody listens: nobody misses it.
            let _ = self.sender.send(alert);
        }
    }

    fn keep(&self, alert: Alert) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains_key(&alert.tenant) && kept.len() >= TENANTS_MAX {
            let newest = |alerts: &VecDeque<Alert>| alerts.back().map(|alert| alert.time_ms);
            let quiet = kept.iter().min_by_key(|(_, alerts)| newest(alerts));
            if let Some(tenant) = quiet.map(|(tenant, _)| tenant.clone()) {
                kept.remove(&tenant);
            }
        }
        let alerts = kept.entry(alert.tenant.clone()).or_default();
        // A second of a metric may be found in parts; it stays one line.
        if let Some(same) = alerts.iter_mut().rev().find(|other| other.joins(&alert)) {
            same.join(alert);
            return;
        }
        if alerts.len() == KEPT_MAX {
            alerts.pop_front();
        }
        alerts.push_back(alert);
    }
}

impl Alerts for LocalAlerts {
    fn publish(&self, alerts: Vec<Alert>) -> BoxFuture<'static, ()> {
        self.tell(alerts);
        Box::pin(std::future::ready(()))
    }

    fn recent(&self, tenant: Option<&Tenant>, limit: usize) -> Vec<Alert> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut alerts: Vec<Alert> = match tenant {
            Some(tenant) => kept.get(tenant).into_iter().flatten().cloned().collect(),
            None => kept.values().flatten().cloned().collect(),
        };
        alerts.sort_by_key(|alert| std::cmp::Reverse(alert.time_ms));
        alerts.truncate(limit);
        alerts
    }

    fn subscribe(&self) -> AlertStream {
        Box::pin(stream::unfold(self.sender.subscribe(), |mut receiver| async {
            loop {
                match receiver.recv().await {
                    Ok(alert) => return Some((alert, receiver)),
                    // What was missed is among the recent ones still.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn alert(tenant: &str, name: &str, second: u64) -> Alert {
        Alert {
            tenant: Tenant(tenant.into()),
            name: name.into(),
            host: "h".into(),
            hosts: 1,
            value: 9.0,
            usual: 1.0,
            score: 8.5,
            time_ms: second * 1_000,
        }
    }

    #[tokio::test]
    async fn the_newest_are_kept_by_tenant_and_told_as_they_come() {
        let alerts = LocalAlerts::default();
        let mut stream = alerts.subscribe();
        alerts.publish(vec![alert("a", "cpu", 1), alert("b", "cpu", 1)]).await;
        alerts.publish(vec![alert("a", "mem", 2), alert("a", "mem", 2)]).await;
        let a = Tenant("a".into());
        let names = |list: Vec<Alert>| {
            list.into_iter().map(|alert| (alert.name.to_string(), alert.hosts)).collect::<Vec<_>>()
        };
        assert_eq!(names(alerts.recent(Some(&a), 9)), [("mem".into(), 2), ("cpu".into(), 1)]);
        assert_eq!(names(alerts.recent(Some(&a), 1)), [("mem".into(), 2)]);
        assert_eq!(alerts.recent(None, 9).len(), 3);
        for expected in ["cpu", "cpu", "mem", "mem"] {
            assert_eq!(stream.next().await.unwrap().name, expected);
        }
    }

    #[test]
    fn memory_is_bounded_and_no_tenant_pushes_out_another() {
        let alerts = LocalAlerts::default();
        alerts.tell(vec![alert("quiet", "cpu", 5)]);
        alerts.tell((0..1_000).map(|second| alert("loud", "cpu", second)).collect());
        assert_eq!(alerts.recent(Some(&Tenant("loud".into())), 9_999).len(), KEPT_MAX);
        assert_eq!(alerts.recent(Some(&Tenant("quiet".into())), 9_999).len(), 1);
        for number in 0..2_000 {
            alerts.tell(vec![alert(&format!("t{number}"), "cpu", 10 + number)]);
        }
        assert!(alerts.kept.lock().unwrap().len() <= TENANTS_MAX);
    }
}
