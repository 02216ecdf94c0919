//! The feed as `text/event-stream`. Source of the format: WHATWG HTML, "Server-sent events".
//! Events are plain messages, so that `onmessage` of a browser's `EventSource` gets them; the
//! position is the event's id, so that the browser asks for the rest when it comes back.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::event::Event;
use super::feed::{Feed, Step};

/// Sent first: shows that the subscription stands, and asks to come back after a second.
const HELLO: &str = "retry: 1000\n\n";

pub(super) fn response(feed: Feed) -> Response {
    let hello = stream::iter([Ok::<_, Infallible>(Bytes::from_static(HELLO.as_bytes()))]);
    let events = stream::unfold(feed, |mut feed| async move {
        let step = feed.next().await?;
        Some((Ok(encode(&step)), feed))
    });
    let body = Body::from_stream(hello.chain(events));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// One chunk for everything that was ready.
fn encode(step: &Step) -> Bytes {
    let Step::Events(events) = step else { return Bytes::from_static(b": quiet\n\n") };
    let mut text = String::with_capacity(events.len() * 160);
    for event in events {
        write_event(event, &mut text);
    }
    text.into()
}

fn write_event(event: &Event, text: &mut String) {
    if let Some(position) = event.position() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "id: {position}");
    }
    text.push_str("data: ");
    event.write(text);
    text.push_str("\n\n");
}
