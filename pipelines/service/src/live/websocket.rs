//! The feed over WebSocket, one text message an event. The upgrade is done by hand, with the
//! tungstenite that the transports use; axum's own feature would bring a second one.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tailrace_contract::{Problem, ProblemKind};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::feed::{Feed, Step};
use crate::origin::same_site;
use crate::refusal::Refusal;

/// Bytes of a message from a subscriber: it has nothing to say but pings and farewells.
const INCOMING_BYTES_MAX: usize = 4 << 10;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Whether the request wants a WebSocket. An upgrade to anything else may be ignored.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    has_token(headers, &header::UPGRADE, "websocket")
}

/// A request that may be upgraded.
pub(super) struct Handshake {
    upgrade: OnUpgrade,
    accept_key: String,
}

impl Handshake {
    /// Checks what RFC 6455, section 4.2.1, asks of the client, and that no other site's
    /// page is asking: browsers let any page open one and read it.
    pub(super) fn check(mut request: Request) -> Result<Self, Refusal> {
        let headers = request.headers();
        same_site(headers)?;
        if !has_token(headers, &header::CONNECTION, "upgrade") {
            return Err(fault("the header Connection does not say upgrade"));
        }
        if !has_token(headers, &header::SEC_WEBSOCKET_VERSION, "13") {
            return Err(fault("only version 13 of WebSocket is spoken here"));
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| !key.is_empty());
        let accept_key = derive_accept_key(
            key.ok_or_else(|| fault("the header Sec-WebSocket-Key is missing"))?.as_bytes(),
        );
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let upgrade =
            upgrade.ok_or_else(|| fault("a WebSocket needs a GET request of HTTP/1.1"))?;
        Ok(Self { upgrade, accept_key })
    }

    /// The answer; the feed goes on in a task of its own once the answer was written.
    pub(super) fn accept(self, feed: Feed) -> Response {
        let Self { upgrade, accept_key } = self;
        let shared = feed.shared.clone();
        let cut = shared.cut.clone().cancelled_owned();
        shared.connections.spawn(async move {
            tokio::select! {
                () = cut => {}
                () = carry(upgrade, feed) => {}
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(value) = HeaderValue::from_str(&accept_key) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, value);
        }
        response
    }
}

fn fault(detail: &str) -> Refusal {
    Refusal(Problem::new(ProblemKind::BadRequest, format!("upgrade: {detail}")))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// Carries the feed until either side ends it.
async fn carry(upgrade: OnUpgrade, feed: Feed) {
    let Ok(upgraded) = upgrade.await else { return };
    let config = WebSocketConfig::default()
        .max_message_size(Some(INCOMING_BYTES_MAX))
        .max_frame_size(Some(INCOMING_BYTES_MAX));
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (sink, incoming) = socket.split();
    // Two futures and not one loop: a feed must not be cancelled because a ping came.
    let ended = tokio::select! {
        () = listen(incoming) => Ok(()),
        ended = tell(feed, sink) => ended,
    };
    if let Err(fault) = ended {
        tracing::debug!(%fault, "observer: a WebSocket broke");
    }
}

/// Reads, so that pings are answered and a farewell is seen.
async fn listen(mut incoming: SplitStream<Socket>) {
    while let Some(Ok(message)) = incoming.next().await {
        if message.is_close() {
            // Reading on flushes the reply to the farewell.
            while let Some(Ok(_)) = incoming.next().await {}
            return;
        }
    }
}

/// Writes what is ready with one flush.
async fn tell(mut feed: Feed, mut sink: SplitSink<Socket, Message>) -> Result<(), Error> {
    while let Some(step) = feed.next().await {
        sink.send_all(&mut stream::iter(messages(&step).into_iter().map(Ok))).await?;
    }
    let reason = "the server is shutting down".into();
    sink.send(Message::Close(Some(CloseFrame { code: CloseCode::Away, reason }))).await
}

fn messages(step: &Step) -> Vec<Message> {
    let Step::Events(events) = step else { return vec![Message::Ping(Bytes::new())] };
    let text = |event: &super::event::Event| {
        let mut text = String::with_capacity(160);
        event.write(&mut text);
        Message::text(text)
    };
    events.iter().map(text).collect()
}
