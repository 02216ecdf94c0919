//! `GET /metrics` in Prometheus' text format, version 0.0.4. Nothing here is used for
//! measuring; the load generator has its own clock and its own books.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::behind;
use crate::health::ask_log;
use crate::observer::Shared;
use crate::query;

pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let log = ask_log(&shared).await.ok();
    let mut page = Page::new(&shared.pipeline);
    page.gauge("subscribers", "Live subscribers of the feed.", shared.subscribers() as u64);
    let sent = shared.feed.sent.load(Ordering::Relaxed);
    page.counter("feed_notices_sent_total", "Notices handed to subscribers.", sent);
    let missed = shared.feed.missed.load(Ordering::Relaxed);
    page.counter("feed_notices_missed_total", "Notices that were too many for one.", missed);
    page.gauge("log_up", "1 when the log answered in time.", log.is_some().into());
    if let Some(log) = log {
        page.gauge("log_entries", "Batches in the log.", log.entries);
        page.gauge("log_waiting", "Batches that wait to be flushed.", log.waiting);
    }
    if let Some(counts) = &shared.counts {
        page.counter("ingest_batches_total", "Batches acknowledged.", counts.batches());
        page.counter("ingest_metrics_total", "Metrics acknowledged.", counts.metrics());
        page.head("ingest_refused_total", "Batches refused, by status.", "counter");
        for (status, count) in counts.refused() {
            page.sample("ingest_refused_total", &[("status", &status.to_string())], count);
        }
    }
    query::prometheus(&shared, &mut page);
    behind::prometheus(&shared, &mut page.text).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.text)
}

/// A page that is being written.
pub(crate) struct Page<'a> {
    pipeline: &'a str,
    text: String,
}

impl<'a> Page<'a> {
    fn new(pipeline: &'a str) -> Self {
        Self { pipeline, text: String::with_capacity(2_048) }
    }

    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "gauge");
        self.sample(name, &[], value);
    }

    pub(crate) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.sample(name, &[], value);
    }

    pub(crate) fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP tailrace_{name} {help}");
        let _ = writeln!(self.text, "# TYPE tailrace_{name} {kind}");
    }

    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let _ = write!(self.text, "tailrace_{name}{{pipeline=\"{}\"", escape(self.pipeline));
        for (label, text) in labels {
            let _ = write!(self.text, ",{label}=\"{}\"", escape(text));
        }
        let _ = writeln!(self.text, "}} {value}");
    }
}

/// A label's value: the format escapes the backslash, the quote and the line break.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let mut page = Page::new("a\\b\"c\nd");
        page.gauge("x", "Help.", 7);
        assert!(page.text.ends_with("tailrace_x{pipeline=\"a\\\\b\\\"c\\nd\"} 7\n"));
        assert_eq!(page.text.lines().count(), 3);
    }
}
