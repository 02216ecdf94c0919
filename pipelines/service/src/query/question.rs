//! A question as the rest of this folder handles it, with the text that names it: two that mean
//! the same have the same one. It is the address of the next page and the key in the cache.

use std::fmt::Write as _;

use tailrace_contract::cache::About;
use tailrace_contract::history::{AggregateQuery, Cursor, Filter, MetricsQuery, NameFilter, Range};
use tailrace_contract::{CacheKey, Tenant};

use super::EVENT_PREFIX;
use super::time::span_text;

/// Whose history is asked, and what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    pub(crate) tenant: Tenant,
    pub(crate) asked: Asked,
    pub(crate) format: Format,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    /// Pages of metrics, or of events by their route.
    Metrics { query: MetricsQuery, path: &'static str },
    /// Aggregates.
    Aggregate(AggregateQuery, Figures),
    /// Names and what they came to.
    Summary(Range),
}

/// Figures that an answer about aggregates tells, in the order of [`Figures::NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures(u8);

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
}

/// The route of events.
pub(super) const EVENTS: &str = "/v1/events";

/// Buckets that rollups of hours and of minutes answer.
const COARSE_MS: [u64; 2] = [60_000, 3_600_000];

/// Ranges from here on are answered by the hour when coarser answers are wanted.
const HOURS_FROM_MS: u64 = 6 * 3_600_000;

impl Figures {
    /// As they are asked for and told.
    pub(crate) const NAMES: [&'static str; 8] =
        ["avg", "min", "max", "sum", "count", "p50", "p95", "p99"];
    /// Those that rollups hold.
    pub(crate) const ROLLED_UP: Self = Self(0b0001_1111);

    /// A list such as `avg,p95`.
    pub(super) fn read(text: &str) -> Option<Self> {
        text.split(',').try_fold(Self(0), |figures, name| {
            let at = Self::NAMES.iter().position(|known| *known == name)?;
            Some(Self(figures.0 | 1 << at))
        })
    }

    /// Whether the figure of this name is told.
    pub(crate) fn have(self, name: &str) -> bool {
        Self::NAMES.iter().position(|known| *known == name).is_some_and(|at| self.0 >> at & 1 == 1)
    }

    /// Whether the raw rows are needed.
    pub(crate) fn percentiles(self) -> bool {
        self.0 & !Self::ROLLED_UP.0 != 0
    }

    /// Names of what is told.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |name| self.have(name))
    }

    /// Without percentiles; where nothing else was asked for, everything that rollups hold.
    fn rolled_up(self) -> Self {
        match self.0 & Self::ROLLED_UP.0 {
            0 => Self::ROLLED_UP,
            some => Self(some),
        }
    }
}

impl Question {
    /// Its key in the cache.
    pub(crate) fn key(&self) -> CacheKey {
        let format = if self.format == Format::Csv { "csv " } else { "" };
        let question = format!("{format}{}", self.asked.address()).into();
        CacheKey { tenant: self.tenant.clone(), question }
    }

    /// What makes its answer stale.
    pub(crate) fn about(&self) -> About {
        match &self.asked {
            Asked::Metrics { query, .. } => about(&query.filter, query.range),
            Asked::Aggregate(query, _) => about(&query.filter, query.range),
            Asked::Summary(range) => About { name: None, range: *range },
        }
    }

    /// The same question in wider buckets and without percentiles, which the rollups answer at
    /// a small part of the cost. None: it is answered by rollups already, or cannot be.
    pub(crate) fn coarser(&self) -> Option<Self> {
        let Asked::Aggregate(query, figures) = &self.asked else { return None };
        let rolled_up = query.filter.attributes.is_empty() && query.group_by.is_none();
        let length = query.range.to_ms - query.range.from_ms;
        let wide = COARSE_MS[usize::from(length >= HOURS_FROM_MS)];
        let narrow = query.bucket_ms.is_some_and(|bucket| bucket < wide);
        if !rolled_up || !(narrow || query.percentiles) {
            return None;
        }
        let bucket_ms = query.bucket_ms.map(|bucket| bucket.max(wide));
        let query = AggregateQuery { bucket_ms, percentiles: false, ..query.clone() };
        let figures = figures.rolled_up();
        Some(Self { asked: Asked::Aggregate(query, figures), ..self.clone() })
    }
}

impl Asked {
    /// The address of the page behind a row.
    pub(crate) fn next_page(&self, cursor: Cursor) -> Option<String> {
        let Self::Metrics { query, path } = self else { return None };
        let query = MetricsQuery { after: Some(cursor), ..query.clone() };
        Some(Self::Metrics { query, path }.address())
    }

    /// Path and query, without a cursor's page.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Metrics { query, path } => {
                let words = Words::default().range(query.range);
                let words = if *path == EVENTS {
                    words.event(&query.filter)
                } else {
                    words.filter(&query.filter)
                };
                let words = words.word("limit", &query.limit.to_string());
                let write = |after| super::cursor::write(query.range, &query.filter, after);
                let page = query.after.map(write);
                format!("{path}?{}", words.maybe("cursor", page.as_deref()).text())
            }
            Self::Aggregate(query, figures) => {
                let words = Words::default().range(query.range).filter(&query.filter);
                let bucket = query.bucket_ms.map(span_text);
                let words = words.maybe("bucket", bucket.as_deref());
                let words = words.maybe("group_by", query.group_by.as_deref());
                let words = words.word("limit", &query.limit.to_string());
                let words = words.word("values", &figures.names().collect::<Vec<_>>().join(","));
                format!("/v1/metrics/aggregate?{}", words.text())
            }
            Self::Summary(range) => {
                format!("/v1/summary?{}", Words::default().range(*range).text())
            }
        }
    }
}

fn about(filter: &Filter, range: Range) -> About {
    About { name: filter.name.clone(), range }
}

/// Parameters of an address, escaped.
#[derive(Default)]
pub(super) struct Words(String);

impl Words {
    fn range(self, range: Range) -> Self {
        self.word("from", &range.from_ms.to_string()).word("to", &range.to_ms.to_string())
    }

    pub(super) fn filter(self, filter: &Filter) -> Self {
        let named = match &filter.name {
            None => self,
            Some(NameFilter::Exactly(name)) => self.word("name", name),
            Some(NameFilter::Prefix(prefix)) => self.word("name", &format!("{prefix}*")),
        };
        named.attributes(filter)
    }

    /// A filter as the route of events knows it: names have their prefix anyway.
    fn event(self, filter: &Filter) -> Self {
        let kind = match &filter.name {
            Some(NameFilter::Exactly(name)) => name.strip_prefix(EVENT_PREFIX),
            Some(NameFilter::Prefix(_)) | None => None,
        };
        self.maybe("type", kind).attributes(filter)
    }

    fn attributes(mut self, filter: &Filter) -> Self {
        for (key, value) in &filter.attributes {
            self = self.word(&format!("attr.{key}"), value);
        }
        self
    }

    fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.word(name, value),
            None => self,
        }
    }

    fn word(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        escape(name, &mut self.0);
        self.0.push('=');
        escape(value, &mut self.0);
        self
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// Source: RFC 3986, section 2.3: all but the unreserved characters,
/// and two that mean something to us only.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~*,".contains(&byte) {
            out.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate(bucket_ms: Option<u64>, length_ms: u64, percentiles: bool) -> Question {
        let range = Range { from_ms: 0, to_ms: length_ms };
        let filter =
            Filter { name: Some(NameFilter::Prefix("a&b".into())), attributes: Vec::new() };
        let query =
            AggregateQuery { range, filter, bucket_ms, group_by: None, percentiles, limit: 9 };
        let figures = Figures::read(if percentiles { "p95,avg" } else { "avg" }).unwrap();
        let asked = Asked::Aggregate(query, figures);
        Question { tenant: Tenant::open(), asked, format: Format::Json }
    }

    #[test]
    fn an_address_holds_everything_and_is_escaped() {
        assert_eq!(
            aggregate(Some(60_000), 100, true).asked.address(),
            "/v1/metrics/aggregate?from=0&to=100&name=a%26b*&bucket=1m&limit=9&values=avg,p95"
        );
    }

    #[test]
    fn coarser_is_what_rollups_answer() {
        let coarser = |bucket, length, percentiles| {
            let coarser = aggregate(bucket, length, percentiles).coarser()?.asked;
            let Asked::Aggregate(query, _) = coarser else { panic!("another question") };
            Some((query.bucket_ms, query.percentiles))
        };
        assert_eq!(coarser(Some(1_000), 3_600_000, true), Some((Some(60_000), false)));
        assert_eq!(coarser(Some(60_000), 7 * 3_600_000, false), Some((Some(3_600_000), false)));
        assert_eq!(coarser(Some(60_000), 3_600_000, false), None);
        assert_eq!(coarser(None, 3_600_000, false), None);
        assert_eq!(coarser(None, 3_600_000, true), Some((None, false)));
    }
}
