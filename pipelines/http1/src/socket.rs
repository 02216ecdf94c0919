//! The socket as hyper sees it. It decides when bytes really move:
//!
//! 1. Answers are collected and leave in one write, before the next read or as soon as a
//!    request has to wait for the log. Sixteen pipelined requests cost one read and one write.
//!    (hyper's own `pipeline_flush` keeps finished answers for as long as its read buffer
//!    holds any byte, even half a request or one that waits for the log.)
//! 2. While a client takes no answers nothing is read from it: memory stays bounded.
//! 3. Waiting is limited: for a head, for anything at all, for a write. In the ordinary case
//!    this arms no timer; hyper's head timeout would arm one a request.
//!
//! It parses nothing. Read next: the crate `tailrace_socket`, whose patience this uses.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tailrace_contract::transport::Flush;
use tailrace_socket::{Patience, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::answers;
use crate::server::Limits;
use crate::session::{Phase, Session};

/// Bytes of answers that are collected before they are written: many times the answers to
/// one full read, small against the socket's own buffer.
const COLLECT_BYTES_MAX: usize = 64 << 10;
/// Bytes that are read and thrown away after an early refusal, so that a client that is
/// still sending can read it. Closing with unread bytes would reset the connection.
const LINGER_BYTES_MAX: usize = 16 << 20;

/// One connection's socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    session: Arc<Session>,
    limits: Limits,
    flush: Flush,
    collected: Vec<u8>,
    /// Bytes of `collected` that were written already.
    written: usize,
    /// The last read found nothing, so hyper waits to be woken and may not read again by
    /// itself: answers must not wait for that.
    starved: bool,
    reading: Patience,
    writing: Patience,
    /// A part of the next head has arrived.
    head_begun: bool,
    heads: u64,
    lingered: usize,
    is_shut: bool,
}

impl Socket {
    pub(crate) fn new(
        stream: Stream,
        session: Arc<Session>,
        (limits, flush): (Limits, Flush),
    ) -> Self {
        Self {
            stream,
            session,
            limits,
            flush,
            collected: Vec::new(),
            written: 0,
            starved: false,
            reading: Patience::new(),
            writing: Patience::new(),
            // A new connection owes its first head from the start.
            head_begun: true,
            heads: 0,
            lingered: 0,
            is_shut: false,
        }
    }

    /// Writes all that was collected. Fails when the client takes nothing for too long.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.collected.len() {
            let rest = &self.collected[self.written..];
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    self.written += n;
                    self.writing.satisfied();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.poll_untaken(cx),
            }
        }
        if !self.collected.is_empty() {
            // A secured stream may still hold their records.
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(flushed) => flushed?,
                Poll::Pending => return self.poll_untaken(cx),
            }
            self.writing.satisfied();
            self.collected.clear();
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// The client takes nothing for the moment: ready with an error when that has lasted too
    /// long.
    fn poll_untaken(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.writing.poll_exhausted(self.limits.write_timeout, cx));
        Poll::Ready(Err(timed_out("the client takes no answers")))
    }

    /// A new head begins where the last one was read to its end.
    fn note_heads(&mut self) {
        let heads = self.session.heads();
        if heads != self.heads {
            self.heads = heads;
            self.head_begun = false;
            self.reading.satisfied();
        }
    }

    /// Nothing to read: ready with an error when that has lasted too long. Bodies and the
    /// log have limits of their own.
    fn poll_starved(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note_heads();
        if self.session.phase() != Phase::Head {
            return Poll::Pending;
        }
        let Limits { head_timeout, idle_timeout, .. } = self.limits;
        let limit = if self.head_begun { head_timeout } else { idle_timeout };
        ready!(self.reading.poll_exhausted(limit, cx));
        if self.head_begun {
            // As much as fits: this client has shown no haste to read.
            let _ = Pin::new(&mut self.stream).poll_write(cx, answers::head_timeout());
            let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
        }
        Poll::Ready(Err(timed_out("the client sends no request")))
    }

    fn note_read(&mut self, bytes: usize) {
        self.starved = false;
        self.note_heads();
        if bytes > 0 && self.session.phase() == Phase::Head && !self.head_begun {
            self.head_begun = true;
            self.reading.satisfied();
        }
    }

    /// Throws away what a refused client is still sending. Ready at its end or at the limit.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waste = [0; 16 << 10];
        while self.lingered < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut waste);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.lingered += buffer.filled().len();
                }
                Poll::Ready(_) => break,
                Poll::Pending => return self.reading.poll_exhausted(self.limits.linger, cx),
            }
        }
        Poll::Ready(())
    }
}

fn timed_out(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_write_out(cx))?;
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            self.note_read(buffer.filled().len() - before);
            return Poll::Ready(result);
        }
        self.starved = true;
        self.poll_starved(cx)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.collected.len() >= COLLECT_BYTES_MAX {
            ready!(self.poll_write_out(cx))?;
        }
        self.collected.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Puts it off while hyper is sure to read again soon, unless answers go one by one.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_sure = !self.starved && self.session.phase() != Phase::Log;
        if is_sure && self.flush == Flush::Batch {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_write_out(cx))?;
        if self.starved
            && let Poll::Ready(result) = self.poll_starved(cx)
        {
            return Poll::Ready(result);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_out(cx))?;
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.is_shut = true;
            self.reading.satisfied();
        }
        if self.session.is_unread() {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
