//! How much a tenant may ask for, and who counts it. The rule is the generic cell rate algorithm
//! (ITU-T I.371): one time stands for a whole bucket, the moment at which it would be full again.
//! It lacks knowledge of tenants and routes; the gate names the buckets.

use serde::{Deserialize, Serialize};

use crate::BoxFuture;

/// A rate with room for bursts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests a second in the long run.
    pub rate_per_s: f64,
    /// Requests at once after a pause, at least 1.
    pub burst: u32,
}

/// The answer of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Requests that may be made, from none to as many as were wanted.
    pub granted: u32,
    /// Further requests that would be granted now.
    pub remaining: u32,
    /// When one more would be granted, in microseconds from now; 0 when at once.
    pub retry_us: u64,
    /// When all of the burst would be there again, in microseconds from now.
    pub reset_us: u64,
}

/// Buckets by name, each as full as its quota allows when it is first heard of.
pub trait Buckets: Send + Sync {
    /// Takes up to `wanted` requests, at least 1, out of a bucket.
    fn take(
        &self,
        bucket: &str,
        quota: Quota,
        wanted: u32,
    ) -> BoxFuture<'static, Result<Grant, BucketsError>>;
}

/// Nobody counts now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the limits that servers share cannot be counted: {cause}")]
pub struct BucketsError {
    /// What was seen.
    pub cause: String,
}

impl Quota {
    /// Microseconds that one request takes at this rate.
    pub fn interval_us(self) -> f64 {
        1e6 / self.rate_per_s
    }

    /// Takes up to `wanted` out of a bucket that will be full at `full_us` by the same clock as
    /// `now_us`; answers when it will be full then. Redis computes the same in its script.
    pub fn take(self, full_us: f64, now_us: f64, wanted: u32) -> (f64, Grant) {
        let interval = self.interval_us();
        let burst_us = interval * f64::from(self.burst);
        // What lies further ahead than a burst was written for another quota.
        let full = full_us.clamp(now_us, now_us + burst_us);
        // Rounding must not refuse what is exactly due: a thousandth of a request is given.
        let room = ((now_us + burst_us - full) / interval + 1e-3).floor().max(0.0) as u32;
        let granted = room.min(wanted);
        let full = full + interval * f64::from(granted);
        let retry = if room > granted { 0.0 } else { full + interval - burst_us - now_us };
        let grant = Grant {
            granted,
            remaining: room - granted,
            retry_us: retry.max(0.0).ceil() as u64,
            reset_us: (full - now_us).max(0.0).ceil() as u64,
        };
        (full, grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let quota = Quota { rate_per_s: 10.0, burst: 3 };
        let (full, grant) = quota.take(0.0, 1e6, 2);
        assert_eq!((grant.granted, grant.remaining, grant.retry_us), (2, 1, 0));
        let (full, grant) = quota.take(full, 1e6, 5);
        assert_eq!((grant.granted, grant.remaining), (1, 0));
        assert_eq!((grant.retry_us, grant.reset_us), (100_000, 300_000));
        let (full, grant) = quota.take(full, 1e6 + 99_000.0, 1);
        assert_eq!((grant.granted, grant.retry_us), (0, 1_000));
        let (_, grant) = quota.take(full, 1e6 + 100_000.0, 1);
        assert_eq!(grant.granted, 1);
    }

    #[test]
    fn never_more_than_burst_and_rate_allow() {
        let quota = Quota { rate_per_s: 333.3, burst: 7 };
        let (mut full, mut granted) = (0.0, 0);
        for step in 0..100_000_u32 {
            let (next, grant) = quota.take(full, f64::from(step) * 100.0, 3);
            full = next;
            granted += grant.granted;
        }
        // Ten seconds.
        assert!((3_330..=3_341).contains(&granted), "{granted}");
    }
}
