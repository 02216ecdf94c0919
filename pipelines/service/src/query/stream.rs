//! `GET /v1/summary/live`: the summary of the last while as `text/event-stream`, told again every
//! second in which something was committed. All who watch the same share one question a second.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tailrace_contract::{Notice, Problem, ProblemKind, Tenant};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::MissedTickBehavior;

use super::answer::with_source;
use super::ask::Parameters;
use super::history::{History, now_ms};
use super::routes::{Pairs, history, summary_of, without_cause};
use super::time::{DAY_MS, Moment, span_ms, span_text};
use crate::Visitor;
use crate::observer::Shared;
use crate::refusal::Refusal;

/// How often a summary is told at most.
const BEAT: Duration = Duration::from_secs(1);
/// The while that is summed up where the question does not say.
const WINDOW_MS: u64 = 3_600_000;
/// Shows that the subscription stands, and asks to come back after a second.
const HELLO: &str = "retry: 1000\n\n";
/// A sign of life.
const QUIET: &str = ": quiet\n\n";

/// What is being told, by tenant and window. Each has a task that ends with its last watcher.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<Watched, watch::Sender<Event>>>);

type Watched = (Tenant, u64);
/// The last event; none before the first.
type Event = Option<Bytes>;

pub(crate) async fn live(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    pairs: Pairs,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::new(pairs?.0);
    let expected = "a length of time up to 1d, such as 5m or 1h";
    let window_ms = parameters
        .read("window", expected, |text| span_ms(text).filter(|ms| (60_000..=DAY_MS).contains(ms)));
    parameters.finish("window")?;
    let history = Arc::clone(history(&shared)?);
    let seat = Arc::clone(&shared.seats).try_acquire_owned().map_err(|_| {
        let most = shared.limits.subscribers_max;
        let detail = format!("{most} subscribers are connected, which is the limit");
        Refusal(Problem::new(ProblemKind::TooManyClients, detail))
    })?;
    let watched = (visitor.tenant().clone(), window_ms.unwrap_or(WINDOW_MS));
    let events = watch_one(&shared, &history, watched);
    Ok(event_stream(Watching { shared, events, _seat: seat }, visitor))
}

/// One watcher. Dropping it gives its seat back.
struct Watching {
    shared: Arc<Shared>,
    events: watch::Receiver<Event>,
    _seat: OwnedSemaphorePermit,
}

fn event_stream(watching: Watching, visitor: Visitor) -> Response {
    let (ending, gate) = (watching.shared.ending.clone(), watching.shared.gate.clone());
    let over = Box::pin(async move {
        tokio::select! {
            () = ending.cancelled() => {}
            () = visitor.over(gate.as_ref()) => {}
        }
    });
    let hello = stream::iter([Bytes::from_static(HELLO.as_bytes())]);
    let told = stream::unfold(watching, |mut watching| async move {
        let text = watching.next().await?;
        Some((text, watching))
    });
    let body = Body::from_stream(hello.chain(told.take_until(over)).map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

impl Watching {
    /// The newest event that was not told yet, or a sign of life.
    async fn next(&mut self) -> Option<Bytes> {
        let heartbeat = self.shared.limits.heartbeat;
        match tokio::time::timeout(heartbeat, self.events.changed()).await {
            Ok(Ok(())) => Some(self.events.borrow_and_update().clone().unwrap_or_default()),
            Ok(Err(_)) => None,
            Err(_) => Some(Bytes::from_static(QUIET.as_bytes())),
        }
    }
}

/// Joins those who watch the same, or is the first of them.
fn watch_one(
    shared: &Arc<Shared>,
    history: &Arc<History>,
    watched: Watched,
) -> watch::Receiver<Event> {
    let mut streams = shared.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = streams.get(&watched) {
        let mut events = sender.subscribe();
        // What was told last is new to this watcher.
        if events.borrow().is_some() {
            events.mark_changed();
        }
        return events;
    }
    let (sender, events) = watch::channel(None);
    streams.insert(watched.clone(), sender);
    tokio::spawn(tell(Arc::clone(shared), Arc::clone(history), watched));
    events
}

/// Tells the summary whenever something was committed, until nobody watches.
async fn tell(shared: Arc<Shared>, history: Arc<History>, watched: Watched) {
    let mut notices = shared.bus.subscribe();
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut changed = true;
    loop {
        tokio::select! {
            biased;
            () = shared.ending.cancelled() => return shared.streams.end(&watched),
            _ = beat.tick() => {
                if changed {
                    let event = event(&history, &watched).await;
                    changed = event.is_err();
                    shared.streams.tell(&watched, event.unwrap_or_else(|event| event));
                }
                if shared.streams.is_deserted(&watched) {
                    return;
                }
            }
            notice = notices.next() => match notice {
                Some(Notice::Durable { id }) => changed |= id.tenant == watched.0,
                Some(Notice::Lagged { .. }) => changed = true,
                Some(Notice::Live { .. }) => {}
                None => return shared.streams.end(&watched),
            },
        }
    }
}

/// The summary now; or the problem, as an event of its own.
async fn event(history: &Arc<History>, (tenant, window_ms): &Watched) -> Result<Bytes, Bytes> {
    let when = super::ask::When { from: Some(Moment::Ago(*window_ms)), to: None };
    let question = summary_of(tenant.clone(), when.range(now_ms()));
    // Not from the cache: it may be a second behind the commit that is to be told.
    match history.answer(&question, true).await {
        Ok(told) => {
            let text = with_source(&told.answer.text, told.source, told.age, None);
            Ok([b"event: summary\ndata: ", &text[..], b"\n\n"].concat().into())
        }
        Err(problem) => {
            tracing::debug!(problem.detail, window = span_text(*window_ms), "no summary to tell");
            let problem = without_cause(problem).to_json();
            Err([b"event: problem\ndata: ", &problem[..], b"\n\n"].concat().into())
        }
    }
}

impl Streams {
    fn tell(&self, watched: &Watched, event: Bytes) {
        let streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = streams.get(watched) {
            sender.send_replace(Some(event));
        }
    }

    /// Whether nobody watches any more; then it is off the list as well.
    fn is_deserted(&self, watched: &Watched) -> bool {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let deserted = streams.get(watched).is_none_or(|sender| sender.receiver_count() == 0);
        if deserted {
            streams.remove(watched);
        }
        deserted
    }

    fn end(&self, watched: &Watched) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(watched);
    }
}
