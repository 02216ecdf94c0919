//! The least that h2 needs to answer a POST, with the library at its best: the settings are the
//! pipeline's, all requests that were read are answered before anything is written, and no
//! request gets a task of its own unless its body is not there yet.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::server::{Builder, Connection, SendResponse};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use tokio::net::TcpStream;

/// The pipeline's: the largest body on a stream, a few of them on the connection.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
const STREAMS_MAX: u32 = 256;
const HEAD_BYTES_MAX: u32 = 16 << 10;

type Served = Connection<TcpStream, Bytes>;
type Arrived = (Request<RecvStream>, SendResponse<Bytes>);

pub(super) async fn connection(socket: TcpStream, codec: bool) {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX);
    let Ok(mut served) = builder.handshake(socket).await else { return };
    let mut arrived = Vec::new();
    // The generator closes its connections when it is done; that is not worth a word.
    while poll_fn(|cx| take(&mut served, &mut arrived, cx)).await {
        for (request, respond) in arrived.drain(..) {
            serve(request.into_body(), respond, codec).await;
        }
    }
}

/// Writes the answers of the turn before and collects all requests that can be read. False at
/// the end.
fn take(served: &mut Served, arrived: &mut Vec<Arrived>, cx: &mut Context<'_>) -> Poll<bool> {
    loop {
        match served.poll_accept(cx) {
            Poll::Ready(Some(Ok(request))) => arrived.push(request),
            Poll::Ready(_) => return Poll::Ready(false),
            Poll::Pending if arrived.is_empty() => return Poll::Pending,
            Poll::Pending => return Poll::Ready(true),
        }
    }
}

/// Answers at once where the whole body is there, which with bodies of one frame it is.
async fn serve(mut body: RecvStream, respond: SendResponse<Bytes>, codec: bool) {
    let first = poll_fn(|cx| Poll::Ready(body.poll_data(cx))).await;
    match first {
        Poll::Ready(Some(Ok(bytes))) if body.is_end_stream() => answer(&bytes, respond, codec),
        Poll::Ready(Some(Ok(bytes))) => drop(tokio::spawn(rest(bytes, body, respond, codec))),
        Poll::Pending => drop(tokio::spawn(rest(Bytes::new(), body, respond, codec))),
        Poll::Ready(_) => {}
    }
}

/// The rest of a body in several pieces.
async fn rest(first: Bytes, mut body: RecvStream, respond: SendResponse<Bytes>, codec: bool) {
    let mut whole = BytesMut::from(first);
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
        whole.extend_from_slice(&piece);
    }
    answer(&whole, respond, codec);
}

fn answer(body: &[u8], mut respond: SendResponse<Bytes>, codec: bool) {
    let valid = !codec || super::decodes(body);
    let mut head = Response::new(());
    *head.status_mut() = if valid { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
    head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(mut stream) = respond.send_response(head, false) {
        let _ = stream.send_data(Bytes::from_static(b"{\"accepted\":1}"), true);
    }
}
