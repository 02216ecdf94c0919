//! Answers of a store as JSON or CSV. What is made here is kept in the cache, so it holds nothing
//! about how it came to be: that is added by [`Told::response`].

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tailrace_contract::history::{
    AggregateQuery, Aggregated, MetricRow, MetricsPage, NameSummary, Range,
};

use super::csv;
use super::question::{Asked, Figures, Format};

/// Names of one summary; further ones are counted.
const NAMES_MAX: usize = 5_000;

/// An answer as it is kept: where the next page is, then the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) next: Option<String>,
    pub(crate) text: Bytes,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// The cache.
    Hit,
    /// The store; the cache had none.
    Miss,
    /// The store; the cache was not asked.
    Skip,
    /// The cache, after something had made the answer stale.
    Stale,
    /// The store; there is no cache.
    Off,
}

/// Why an answer is worse than it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Degraded {
    /// For people.
    pub(crate) why: String,
    /// How old the answer is, where that is what is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_ms: Option<u64>,
}

/// An answer with how it came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) source: Source,
    pub(crate) age: Duration,
    pub(crate) degraded: Option<Degraded>,
}

impl Source {
    /// As it is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Skip => "skip",
            Self::Stale => "stale",
            Self::Off => "off",
        }
    }
}

impl Answer {
    /// As the cache keeps it: one line, then the text.
    pub(crate) fn to_kept(&self) -> Bytes {
        let next = self.next.as_deref().unwrap_or_default();
        [next.as_bytes(), b"\n", &self.text].concat().into()
    }

    /// From what the cache kept.
    pub(crate) fn from_kept(kept: &Bytes) -> Option<Self> {
        let end = kept.iter().position(|&byte| byte == b'\n')?;
        let next = std::str::from_utf8(&kept[..end]).ok()?;
        let next = (!next.is_empty()).then(|| next.to_owned());
        Some(Self { next, text: kept.slice(end + 1..) })
    }

    /// A page of metrics; `asked` is the question that it answers.
    pub(crate) fn metrics(asked: &Asked, page: &MetricsPage, format: Format) -> Self {
        let next = page.next.and_then(|cursor| asked.next_page(cursor));
        if format == Format::Csv {
            return Self { next, text: csv::metrics(&page.rows).into() };
        }
        let Asked::Metrics { query, .. } = asked else { return Self { next, text: Bytes::new() } };
        let rows: Vec<_> = page.rows.iter().map(Row::of).collect();
        let cursor =
            page.next.map(|cursor| super::cursor::write(query.range, &query.filter, cursor));
        let body = Page { range: query.range, rows, next: next.as_deref(), cursor };
        Self { text: json_text(&body), next }
    }

    /// Aggregates.
    pub(crate) fn aggregates(
        query: &AggregateQuery,
        figures: Figures,
        found: &[Aggregated],
        format: Format,
    ) -> Self {
        if format == Format::Csv {
            return Self { next: None, text: csv::aggregates(found, figures).into() };
        }
        let rows: Vec<_> = found.iter().map(|one| aggregate(one, figures)).collect();
        let body = json!({"range": query.range, "bucket_ms": query.bucket_ms, "rows": rows});
        Self { next: None, text: json_text(&body) }
    }

    /// What each name came to.
    pub(crate) fn summary(range: Range, found: &[NameSummary], format: Format) -> Self {
        if format == Format::Csv {
            return Self { next: None, text: csv::summary(found).into() };
        }
        Self { next: None, text: json_text(&summary(range, found)) }
    }
}

/// The body of a summary, also of the stream of summaries.
fn summary(range: Range, found: &[NameSummary]) -> Value {
    let count: u64 = found.iter().map(|name| name.count).sum();
    let name = |of: &NameSummary| {
        json!({
            "name": of.name, "count": of.count, "sum": of.sum, "avg": of.sum / of.count as f64,
            "min": of.min, "max": of.max, "last": of.last_ms,
        })
    };
    let names: Vec<_> = found.iter().take(NAMES_MAX).map(name).collect();
    let events = || {
        found.iter().filter_map(|of| Some((of.name.strip_prefix(super::EVENT_PREFIX)?, of.count)))
    };
    let all: u64 = events().map(|(_, count)| count).sum();
    let kinds: Vec<_> = events()
        .take(NAMES_MAX)
        .map(|(kind, n)| json!({"type": kind, "count": n, "share": n as f64 / all as f64}))
        .collect();
    json!({
        "range": range, "count": count, "names": names,
        "names_left_out": found.len().saturating_sub(NAMES_MAX),
        "events": {"count": all, "types": kinds},
    })
}

/// A metric with its origin; its own time or that of its batch.
#[derive(Serialize)]
struct Row<'a> {
    time: u64,
    name: &'a str,
    value: f64,
    attributes: Map<String, Value>,
    run: tailrace_contract::RunId,
    producer: &'a str,
    seq: u64,
}

impl<'a> Row<'a> {
    fn of(row: &'a MetricRow) -> Self {
        let attributes =
            row.metric.attributes.iter().map(|(key, value)| {
                (key.to_string(), serde_json::to_value(value).unwrap_or_default())
            });
        Self {
            time: row.time_ms,
            name: &row.metric.name,
            value: row.metric.value,
            attributes: attributes.collect(),
            run: row.id.run,
            producer: &row.id.producer.0,
            seq: row.id.seq,
        }
    }
}

#[derive(Serialize)]
struct Page<'a> {
    range: Range,
    rows: Vec<Row<'a>>,
    /// The address of the next page.
    next: Option<&'a str>,
    /// The same place for `cursor=`.
    cursor: Option<String>,
}

/// Value of one figure.
pub(super) fn figure(of: &Aggregated, name: &str) -> Option<Value> {
    let [p50, p95, p99] = of.percentiles.map_or([None; 3], |all| all.map(Some));
    match name {
        "avg" => Some(json!(of.sum / of.count as f64)),
        "min" => Some(json!(of.min)),
        "max" => Some(json!(of.max)),
        "sum" => Some(json!(of.sum)),
        "count" => Some(json!(of.count)),
        "p50" => p50.map(|p| json!(p)),
        "p95" => p95.map(|p| json!(p)),
        "p99" => p99.map(|p| json!(p)),
        _ => None,
    }
}

fn aggregate(of: &Aggregated, figures: Figures) -> Value {
    let mut row = Map::new();
    row.insert("start".into(), of.start_ms.into());
    row.insert("group".into(), json!(of.group));
    for name in figures.names() {
        row.insert(name.into(), figure(of, name).unwrap_or_default());
    }
    row.into()
}

fn json_text(body: &impl Serialize) -> Bytes {
    // Numbers of a store are finite or null, keys are texts: this cannot fail.
    serde_json::to_vec(body).unwrap_or_else(|_| b"{}".to_vec()).into()
}

impl Degraded {
    /// For a reason that is no age.
    pub(super) fn because(why: &str) -> Self {
        Self { why: why.to_owned(), age_ms: None }
    }
}

impl Told {
    /// A new answer.
    pub(super) fn of(answer: Answer, source: Source) -> Self {
        Self { answer, source, age: Duration::ZERO, degraded: None }
    }

    /// As HTTP: how it came to be stands in headers, and in the body of JSON.
    pub(crate) fn response(self, format: Format) -> Response {
        let Self { answer, source, age, degraded } = self;
        let (kind, body) = match format {
            Format::Json => {
                let text = with_source(&answer.text, source, age, degraded.as_ref());
                ("application/json", text)
            }
            Format::Csv => ("text/csv; charset=utf-8; header=present", answer.text),
        };
        let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
        let headers = response.headers_mut();
        headers.insert("tailrace-cache", HeaderValue::from_static(source.name()));
        headers.insert(header::AGE, age.as_secs().into());
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        let degraded = degraded.and_then(|degraded| HeaderValue::from_str(&degraded.why).ok());
        if let Some(why) = degraded {
            headers.insert("tailrace-degraded", why);
        }
        let next = answer.next.and_then(|next| format!("<{next}>; rel=\"next\"").parse().ok());
        if let Some(next) = next {
            headers.insert(header::LINK, next);
        }
        response
    }
}

/// The members of an answer with those that tell how it came to be before them.
pub(super) fn with_source(
    text: &[u8],
    source: Source,
    age: Duration,
    degraded: Option<&Degraded>,
) -> Bytes {
    let mut out = format!("{{\"cache\":\"{}\",\"age_ms\":{}", source.name(), age.as_millis());
    if let Some(degraded) = degraded {
        // Writing to a string cannot fail, nor can texts and numbers be written in vain.
        let _ =
            write!(out, ",\"degraded\":{}", serde_json::to_string(degraded).unwrap_or_default());
    }
    out.push(',');
    let mut out = out.into_bytes();
    out.extend_from_slice(text.get(1..).unwrap_or(b"}"));
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for next in [None, Some("/v1/metrics?cursor=1".to_owned())] {
            let answer = Answer { next, text: Bytes::from_static(b"{\"rows\":[]}\n") };
            assert_eq!(Answer::from_kept(&answer.to_kept()), Some(answer));
        }
        assert_eq!(Answer::from_kept(&Bytes::from_static(b"no line")), None);
    }

    #[test]
    fn how_it_came_to_be_stands_before_the_answer() {
        let degraded = Degraded { why: "\"x\"".into(), age_ms: Some(9) };
        let age = Duration::from_millis(7);
        let text = with_source(b"{\"rows\":[1]}", Source::Stale, age, Some(&degraded));
        let value: Value = serde_json::from_slice(&text).unwrap();
        let degraded = json!({"why": "\"x\"", "age_ms": 9});
        assert_eq!(
            value,
            json!({"cache": "stale", "age_ms": 7, "degraded": degraded, "rows": [1]})
        );
    }
}
