//! A socket whose peer must keep taking what is written. Every feed and every answer goes
//! through here, so one rule cuts all readers that stopped; reads are limited elsewhere.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tailrace_socket::{Patience, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that fails with [`io::ErrorKind::TimedOut`] once the peer has taken nothing at
/// all for the time allowed.
pub(crate) struct Guarded {
    stream: Stream,
    write_timeout: Duration,
    writing: Patience,
}

impl Guarded {
    pub(crate) fn new(stream: Stream, write_timeout: Duration) -> Self {
        Self { stream, write_timeout, writing: Patience::new() }
    }

    /// Starts the wait when a write is pending, ends it on progress.
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing.satisfied();
            return written;
        }
        ready!(self.writing.poll_exhausted(self.write_timeout, cx));
        let what = format!("the client took nothing for {:?}", self.write_timeout);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        match self.stream {
            // Always ready: it says nothing about the peer.
            Stream::Plain(_) => flushed,
            // What was written may still wait here.
            Stream::Tls(_) => self.judge(cx, flushed),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
