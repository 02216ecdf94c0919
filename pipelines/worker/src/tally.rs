//! What a detector did so far, for Prometheus and for a row of the CSV. Its group has a lag of its
//! own: a detector that is behind tells of spikes when they are over.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tailrace_contract::Lag;

use crate::options::DETECTOR_GROUP;
use crate::page::Page;

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Tally {
    pub(crate) judged: AtomicU64,
    pub(crate) unwatched: AtomicU64,
    pub(crate) found: AtomicU64,
    pub(crate) alerts: AtomicU64,
    pub(crate) leads: AtomicBool,
}

impl Tally {
    /// Values that were judged.
    pub fn judged(&self) -> u64 {
        self.judged.load(Relaxed)
    }

    /// Values of series that there was no room for.
    pub fn unwatched(&self) -> u64 {
        self.unwatched.load(Relaxed)
    }

    /// Spikes that were found.
    pub fn found(&self) -> u64 {
        self.found.load(Relaxed)
    }

    /// Alerts that were published; spikes of one metric and second share one.
    pub fn alerts(&self) -> u64 {
        self.alerts.load(Relaxed)
    }

    /// Whether it reads the log; another one of its group does otherwise.
    pub fn leads(&self) -> bool {
        self.leads.load(Relaxed)
    }

    /// Appends the text for Prometheus, with what the log says of the group now.
    pub fn prometheus(&self, lag: Option<Lag>, out: &mut String) {
        let mut page = Page::new("tailrace_detector", DETECTOR_GROUP, out);
        page.counter("values_total", "Values that were looked at.", self.judged());
        let help = "Values of series that there was no room for.";
        page.counter("unwatched_total", help, self.unwatched());
        page.counter("spikes_total", "Spikes that were found.", self.found());
        page.counter("alerts_total", "Alerts that were published.", self.alerts());
        let help = "1 while this detector reads the log, 0 while another one does.";
        page.gauge("leads", help, self.leads().into());
        page.lag(lag);
    }

    /// The columns of [`crate::progress::CSV_HEAD`] that are a detector's.
    pub(crate) fn columns(&self, lag: Option<Lag>) -> String {
        let lag = lag.map_or(",".to_owned(), |lag| format!("{},{}", lag.unread, lag.pending));
        let counts = [self.judged(), self.found(), self.alerts()].map(|count| count.to_string());
        format!("{},{},{lag}", u64::from(self.leads()), counts.join(","))
    }
}
