//! Reading a body within its limits of bytes and time. A body that came in one piece, as nearly
//! all do, is handed on without a copy, without a timer and without a task. Windows are given
//! back as data is read: what is bounded by us need not be bounded twice. Read next:
//! `session.rs`.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use tailrace_contract::limits::BODY_BYTES_MAX;
use tailrace_contract::{Problem, ProblemKind};

use crate::head;
use crate::watch::Watch;

/// Bytes of a body that are thrown away after it was refused: many times the largest one, so
/// that whoever sends it can read the answer.
const DISCARD_BYTES_MAX: usize = 16 << 20;

/// Why there is no body.
#[derive(Debug)]
pub(crate) enum Fault {
    /// This is to be answered.
    Refused(Problem),
    /// The client took the request back, or the connection is over.
    Gone,
}

/// A body on its way.
pub(crate) struct Body {
    stream: RecvStream,
    watch: Arc<Watch>,
    incomplete_bytes_max: usize,
    first: Bytes,
    /// All pieces, once there are several.
    joined: BytesMut,
    /// Bytes that are counted as incomplete.
    held: usize,
    /// Bytes of a body that came whole, for which the windows have not been given back.
    unreleased: usize,
}

impl Body {
    pub(crate) fn new(stream: RecvStream, watch: Arc<Watch>, incomplete_bytes_max: usize) -> Self {
        let (first, joined) = (Bytes::new(), BytesMut::new());
        Self { stream, watch, incomplete_bytes_max, first, joined, held: 0, unreleased: 0 }
    }

    /// The whole body. Once it was ready it must not be asked again.
    pub(crate) fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Fault>> {
        while !self.stream.is_end_stream() {
            let Some(piece) = ready!(self.stream.poll_data(cx)) else { break };
            let Ok(piece) = piece else { return Poll::Ready(Err(Fault::Gone)) };
            if let Err(problem) = self.take(piece) {
                return Poll::Ready(Err(Fault::Refused(problem)));
            }
        }
        let is_joined = !self.joined.is_empty();
        Poll::Ready(Ok(if is_joined {
            std::mem::take(&mut self.joined).freeze()
        } else {
            std::mem::take(&mut self.first)
        }))
    }

    /// The whole body, if it comes in time.
    pub(crate) async fn whole_in_time(&mut self, limit: Duration) -> Result<Bytes, Fault> {
        let whole = poll_fn(|cx| self.poll_whole(cx));
        tokio::time::timeout(limit, whole).await.unwrap_or_else(|_elapsed| {
            let detail = format!("the body was not complete after {} s", limit.as_secs_f32());
            Err(Fault::Refused(Problem::new(ProblemKind::Timeout, detail)))
        })
    }

    /// Whether nothing of it is to come.
    pub(crate) fn is_over(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// Throws away what the client is still sending, for as long as `limit`. It has been
    /// answered already; some clients read that only when they have sent all, and lose it if the
    /// stream is reset before.
    pub(crate) async fn discard(mut self, limit: Duration) {
        let discarding = async {
            let mut discarded = 0;
            while let Some(Ok(piece)) = poll_fn(|cx| self.stream.poll_data(cx)).await {
                self.release(piece.len());
                discarded += piece.len();
                if discarded > DISCARD_BYTES_MAX {
                    return;
                }
            }
        };
        // One that goes on for longer is reset, which is no error (RFC 9113, section 8.1).
        let _ = tokio::time::timeout(limit, discarding).await;
    }

    fn take(&mut self, piece: Bytes) -> Result<(), Problem> {
        if piece.is_empty() {
            return Ok(());
        }
        if self.first.is_empty() && self.stream.is_end_stream() {
            self.unreleased = piece.len();
            self.first = piece;
            return Ok(());
        }
        if self.length() + piece.len() > BODY_BYTES_MAX {
            return Err(head::too_large());
        }
        if !self.watch.hold(piece.len(), self.incomplete_bytes_max) {
            return Err(too_many(self.incomplete_bytes_max));
        }
        self.held += piece.len();
        self.release(piece.len());
        if self.first.is_empty() {
            self.first = piece;
        } else {
            if self.joined.is_empty() {
                self.joined.extend_from_slice(&self.first);
            }
            self.joined.extend_from_slice(&piece);
        }
        Ok(())
    }

    fn length(&self) -> usize {
        self.first.len().max(self.joined.len())
    }

    /// Gives back what is left. h2 does so by itself when a stream is over, which is sooner for
    /// a batch that is answered at once; one that waits for the log must not take the
    /// connection's window away from others.
    pub(crate) fn release_rest(&mut self) {
        let rest = std::mem::take(&mut self.unreleased);
        if rest > 0 {
            self.release(rest);
        }
    }

    /// Gives the client its windows back.
    fn release(&mut self, bytes: usize) {
        // It fails only where more is released than was read.
        let _ = self.stream.flow_control().release_capacity(bytes);
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.watch.let_go(self.held);
    }
}

fn too_many(bytes: usize) -> Problem {
    let detail = format!(
        "{bytes} bytes of incomplete bodies are the limit of one connection; send fewer large \
         batches at once, or use more connections"
    );
    Problem::new(ProblemKind::TooManyClients, detail)
}
