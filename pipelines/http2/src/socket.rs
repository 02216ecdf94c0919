//! The socket as h2 sees it. It counts frames as they come, notes what the session must know
//! about waiting, and says goodbye slowly enough that a client can read it.
//!
//! It does not collect answers: h2 keeps what is written until it has nothing more to read, so
//! that the answers to all that was readable leave in one write (`session.rs` sees to that).
//! Read next: the crate `tailrace_socket`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tailrace_socket::Patience;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::budget::Budget;
use crate::server::Limits;
use crate::watch::Watch;

/// Bytes that are read and thrown away after the last word, so that a client that is still
/// sending can read it. Closing with unread bytes would reset the connection. Twice what its
/// windows let a client have under way.
const LINGER_BYTES_MAX: usize = 8 << 20;

/// One connection's socket.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: S,
    /// What was read before h2 came, from the preface on.
    first: Vec<u8>,
    watch: Arc<Watch>,
    budget: Budget,
    limits: Limits,
    lingering: Patience,
    lingered: usize,
    is_shut: bool,
    /// The client has said its last word too.
    has_ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(crate) fn new(stream: S, first: Vec<u8>, watch: Arc<Watch>, limits: Limits) -> Self {
        Self {
            stream,
            first,
            watch,
            budget: Budget::new(limits),
            limits,
            lingering: Patience::new(),
            lingered: 0,
            is_shut: false,
            has_ended: false,
        }
    }

    /// Throws away what the client is still sending. Ready at its end or at the limit.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waste = [0; 16 << 10];
        while !self.has_ended && self.lingered < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut waste);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.lingered += buffer.filled().len();
                }
                Poll::Ready(_) => break,
                Poll::Pending => return self.lingering.poll_exhausted(self.limits.linger, cx),
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.watch.is_flooded() {
            // Nothing more is read; the session, which is polled next, ends the connection.
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if this.first.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        } else {
            let taken = this.first.len().min(buffer.remaining());
            buffer.put_slice(&this.first[..taken]);
            this.first.drain(..taken);
        }
        let bytes = &buffer.filled()[before..];
        this.has_ended = bytes.is_empty();
        if !this.budget.pass(bytes) {
            this.watch.note_flood();
        }
        this.watch.note_read(this.budget.frames(), this.budget.is_partial());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch.note_write(written.is_pending());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.watch.note_write(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // A TLS session keeps bytes of its own, which only a flush moves.
        if flushed.is_pending() || self.watch.is_write_blocked() {
            self.watch.note_write(flushed.is_pending());
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.is_shut = true;
        }
        if !self.watch.is_agreed() {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
