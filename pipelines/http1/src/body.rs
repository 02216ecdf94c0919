//! Reading a body within its limits of bytes and time. A body that came in one piece, as
//! nearly all do, is handed on without a copy. Read next: `server.rs`.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tailrace_contract::limits::BODY_BYTES_MAX;
use tailrace_contract::{Problem, ProblemKind};
use tokio::time::Sleep;

/// The whole body.
///
/// # Errors
/// Too large (known from its declared length before a byte is read), too slow, or broken.
pub(crate) async fn read(body: Incoming, timeout: Duration) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let reading = pin!(read_all(body));
    match (InTime { reading, polls: 0, alarm: None, timeout }).await {
        Some(result) => result,
        None => Err(Problem::new(
            ProblemKind::Timeout,
            format!("the body was not complete after {} s", timeout.as_secs_f32()),
        )),
    }
}

async fn read_all(mut body: Incoming) -> Result<Bytes, Problem> {
    let first = next(&mut body).await?.unwrap_or_default();
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = BytesMut::from(first);
    while !body.is_end_stream() {
        let Some(piece) = next(&mut body).await? else { break };
        if whole.len() + piece.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The next piece of data; none at the end. Trailers are read over.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|fault| {
            let detail = format!("the body broke off: {fault}");
            Problem::new(ProblemKind::BadRequest, detail)
        })?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn too_large() -> Problem {
    let detail = format!("at most {BODY_BYTES_MAX} bytes are allowed; split the batch");
    Problem::new(ProblemKind::TooLarge, detail)
}

/// A timeout that arms its timer only for bodies that really are late. hyper hands a body
/// over between two polls even when it is there already, so the first wait means nothing:
/// we ask for another poll and arm at the second wait.
struct InTime<F> {
    reading: F,
    polls: u32,
    alarm: Option<Pin<Box<Sleep>>>,
    timeout: Duration,
}

impl<F: Future + Unpin> Future for InTime<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(result) = Pin::new(&mut this.reading).poll(cx) {
            return Poll::Ready(Some(result));
        }
        this.polls += 1;
        if this.polls == 1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let timeout = this.timeout;
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        alarm.as_mut().poll(cx).map(|()| None)
    }
}
