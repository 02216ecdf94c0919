//! From a request to a question and back: `GET /v1/metrics`, `/v1/events`,
//! `/v1/metrics/aggregate` and `/v1/summary`.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use tailrace_contract::history::{AggregateQuery, MetricsQuery, NameFilter, Range};
use tailrace_contract::{Problem, ProblemKind, Tenant};

use super::EVENT_PREFIX;
use super::answer::Told;
use super::ask::Parameters;
use super::history::{History, now_ms};
use super::question::{Asked, EVENTS, Figures, Format, Question};
use super::time::{span_ms, span_text};
use crate::Visitor;
use crate::gate::Role;
use crate::observer::Shared;
use crate::refusal::{Refusal, no_store};

/// Rows of a page where the question does not say: some screens.
const ROWS: usize = 100;
/// Rows of a page at most: what one answer of the cache may hold, see
/// [`tailrace_contract::cache::ANSWER_BYTES_MAX`].
const ROWS_MAX: usize = 1_000;
/// Aggregates of one answer where the question does not say: a bucket a pixel.
const AGGREGATES: usize = 1_000;
/// Aggregates of one answer at most.
const AGGREGATES_MAX: usize = 10_000;
/// The smallest bucket: producers send by the second.
const BUCKET_MS_MIN: u64 = 1_000;

const STORE_AWAY: &str = "the store cannot be asked now; a key with the role \"admin\" is told why";

pub(super) type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// What every question has beside itself.
struct Manner {
    format: Format,
    skip: bool,
}

pub(crate) async fn metrics(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::new(pairs?.0);
    let manner = manner(&mut parameters, &headers);
    let asked = page(&mut parameters, "/v1/metrics", None);
    parameters.finish("from, to, name, attr.KEY, limit, cursor, format, cache")?;
    answer(&shared, &visitor, asked, manner).await
}

pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::new(pairs?.0);
    let manner = manner(&mut parameters, &headers);
    let kind = event_name(&mut parameters);
    let asked = page(&mut parameters, EVENTS, Some(kind));
    parameters.finish("from, to, type, attr.KEY, limit, cursor, format, cache")?;
    answer(&shared, &visitor, asked, manner).await
}

pub(crate) async fn aggregate(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::new(pairs?.0);
    let manner = manner(&mut parameters, &headers);
    let asked = aggregated(&mut parameters);
    parameters
        .finish("from, to, name, attr.KEY, values, bucket, group_by, limit, format, cache")?;
    answer(&shared, &visitor, asked, manner).await
}

pub(crate) async fn summary(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::new(pairs?.0);
    let manner = manner(&mut parameters, &headers);
    let asked = Asked::Summary(parameters.range(now_ms()));
    parameters.finish("from, to, format, cache")?;
    answer(&shared, &visitor, asked, manner).await
}

async fn answer(
    shared: &Shared,
    visitor: &Visitor,
    asked: Asked,
    Manner { format, skip }: Manner,
) -> Result<Response, Refusal> {
    let question = Question { tenant: visitor.tenant().clone(), asked, format };
    let told = history(shared)?.answer(&question, skip).await;
    let told = if visitor.may(Role::Admin) { told } else { in_short(told) };
    Ok(told.map_err(Refusal)?.response(format))
}

/// What failed may name addresses behind this server: that is told to whom it belongs.
fn in_short(told: Result<Told, Problem>) -> Result<Told, Problem> {
    let mut told = told.map_err(without_cause)?;
    if let Some(degraded) = told.degraded.as_mut().filter(|degraded| degraded.age_ms.is_some()) {
        degraded.why = STORE_AWAY.into();
    }
    Ok(told)
}

/// The same problem without what was seen behind this server.
pub(super) fn without_cause(problem: Problem) -> Problem {
    match problem.kind {
        ProblemKind::StoreUnreachable | ProblemKind::Internal => {
            Problem::new(problem.kind, STORE_AWAY)
        }
        _ => problem,
    }
}

pub(super) fn history(shared: &Shared) -> Result<&Arc<History>, Refusal> {
    shared.history.as_ref().ok_or_else(no_store)
}

/// The question of a summary, for its stream.
pub(super) fn summary_of(tenant: Tenant, range: Range) -> Question {
    Question { tenant, asked: Asked::Summary(range), format: Format::Json }
}

/// `format` or `Accept`; `cache=skip` or `Cache-Control: no-cache`.
fn manner(parameters: &mut Parameters, headers: &HeaderMap) -> Manner {
    let format = parameters.read("format", "json or csv", |text| match text {
        "json" => Some(Format::Json),
        "csv" => Some(Format::Csv),
        _ => None,
    });
    let skip = parameters.read("cache", "skip", |text| (text == "skip").then_some(()));
    let names = |header, name: &str| {
        let values = headers.get_all(header).into_iter().map(HeaderValue::as_bytes);
        let mut parts = values.flat_map(|value| value.split(|&byte| byte == b',' || byte == b';'));
        parts.any(|part| part.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    };
    let by_header = if names(header::ACCEPT, "text/csv") { Format::Csv } else { Format::Json };
    Manner {
        format: format.unwrap_or(by_header),
        skip: skip.is_some() || names(header::CACHE_CONTROL, "no-cache"),
    }
}

/// `type`: the name of an event without its prefix.
fn event_name(parameters: &mut Parameters) -> NameFilter {
    match parameters.take("type") {
        Some(kind) => NameFilter::Exactly(format!("{EVENT_PREFIX}{kind}").into()),
        None => NameFilter::Prefix(EVENT_PREFIX.into()),
    }
}

/// A page of metrics. The range of a cursor wins: it is the one that its first page had.
fn page(parameters: &mut Parameters, path: &'static str, name: Option<NameFilter>) -> Asked {
    let mut range = parameters.range(now_ms());
    let mut filter = match &name {
        Some(_) => parameters.filter_of_attributes(),
        None => parameters.filter(),
    };
    filter.name = name.or(filter.name);
    let limit = parameters.limit(ROWS, ROWS_MAX);
    let expected = "a cursor of this very question; ask for the first page again";
    let place = parameters.read("cursor", expected, |text| super::cursor::read(text, &filter));
    if let Some((first, _)) = place {
        range = first;
    }
    let after = place.map(|(_, cursor)| cursor);
    Asked::Metrics { query: MetricsQuery { range, filter, limit, after }, path }
}

fn aggregated(parameters: &mut Parameters) -> Asked {
    let range = parameters.range(now_ms());
    let filter = parameters.filter();
    let expected = "some of avg,min,max,sum,count,p50,p95,p99";
    let figures = parameters.read("values", expected, Figures::read).unwrap_or(Figures::ROLLED_UP);
    let bucket_ms = parameters.read("bucket", "1s, 10s, 1m, 5m, 1h, 1d or the like", |text| {
        span_ms(text).filter(|&ms| ms >= BUCKET_MS_MIN)
    });
    let group_by = parameters.attribute_key("group_by");
    let limit = parameters.limit(AGGREGATES, AGGREGATES_MAX);
    if let Some(bucket_ms) = bucket_ms {
        check_buckets(parameters, range, bucket_ms, limit);
    }
    let percentiles = figures.percentiles();
    let query = AggregateQuery { range, filter, bucket_ms, group_by, percentiles, limit };
    Asked::Aggregate(query, figures)
}

/// Refuses a question whose buckets alone would be too many if each had a metric, unless it did
/// not say since when: then there may be far fewer, and the store counts.
fn check_buckets(parameters: &mut Parameters, range: Range, bucket_ms: u64, limit: usize) {
    let buckets = range.to_ms.saturating_sub(range.from_ms).div_ceil(bucket_ms);
    if range.from_ms > 0 && buckets > limit as u64 {
        let fitting =
            span_text((range.to_ms - range.from_ms).div_ceil(limit as u64).div_ceil(1_000) * 1_000);
        let detail = format!(
            "of {} makes {buckets} buckets, and limit is {limit}; take {fitting} or wider, a \
             shorter range, or a limit up to {AGGREGATES_MAX}",
            span_text(bucket_ms)
        );
        parameters.fault("bucket", &detail);
    }
}
