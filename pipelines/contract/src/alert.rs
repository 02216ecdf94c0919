//! An alert: a value far above what its series usually reports. Found by whoever reads the log
//! as a group of its own; told to people by the observers.

use std::pin::Pin;

use futures_core::Stream;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::{BoxFuture, Tenant};

/// The beginning of a spike. Hosts whose values of one metric spike in the same second share one
/// alert, so that a fault of a whole fleet is one line and not a thousand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Whose metric.
    pub tenant: Tenant,
    /// The metric's name.
    pub name: SmolStr,
    /// Its attribute `host` where it has one, otherwise the producer: of the worst of them.
    pub host: SmolStr,
    /// How many hosts share this alert.
    pub hosts: u64,
    /// The worst value. Finite, of any size.
    pub value: f64,
    /// What that host usually reports: a median.
    pub usual: f64,
    /// How many deviations the value is above it. Finite.
    pub score: f64,
    /// Time of the worst value, in milliseconds since 1970.
    pub time_ms: u64,
}

impl Alert {
    /// Whether both are about the same metric in the same second.
    pub fn joins(&self, other: &Self) -> bool {
        self.time_ms / 1_000 == other.time_ms / 1_000
            && self.name == other.name
            && self.tenant == other.tenant
    }

    /// Takes in another one of the same metric and second.
    pub fn join(&mut self, other: Self) {
        let hosts = self.hosts + other.hosts;
        if other.score > self.score {
            *self = other;
        }
        self.hosts = hosts;
    }
}

/// A subscription to alerts. Dropping it unsubscribes.
pub type AlertStream = Pin<Box<dyn Stream<Item = Alert> + Send>>;

/// Where alerts go and where they are read: a bounded memory of the last ones, shared by
/// everybody who looks at the same log as far as it reaches.
pub trait Alerts: Send + Sync {
    /// Tells everybody. Best effort: an alert is news, not a record.
    fn publish(&self, alerts: Vec<Alert>) -> BoxFuture<'static, ()>;

    /// The newest alerts of a tenant, or of all, newest first, at most `limit`.
    fn recent(&self, tenant: Option<&Tenant>, limit: usize) -> Vec<Alert>;

    /// Everything that is told from now on, of every tenant. A slow reader misses some.
    fn subscribe(&self) -> AlertStream;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_one_metric_is_one_alert_with_its_worst_host() {
        let alert = |host: &str, score, time_ms| Alert {
            tenant: Tenant::open(),
            name: "cpu".into(),
            host: host.into(),
            hosts: 1,
            value: score,
            usual: 1.0,
            score,
            time_ms,
        };
        let mut first = alert("a", 9.0, 1_000);
        assert!(first.joins(&alert("b", 1.0, 1_999)) && !first.joins(&alert("a", 1.0, 2_000)));
        first.join(alert("b", 12.0, 1_500));
        first.join(alert("c", 10.0, 1_600));
        assert_eq!((first.host.as_str(), first.hosts, first.score), ("b", 3, 12.0));
    }
}
