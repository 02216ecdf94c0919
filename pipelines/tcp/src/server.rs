//! The server half: reads what is there, answers every frame that ended in it, in one write.
//! Read next: the crate `tailrace_socket`, for accepting and draining.

use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tailrace_contract::Server;
use tailrace_contract::limits::{self, BODY_BYTES_MAX};
use tailrace_socket::Patience;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::frames::Frames;

/// Bytes of one read. Frames are counted, not kept, so this is all a connection holds.
const READ_BYTES: usize = 64 << 10;

/// What a connection may take. The default is the contract's; tests use less.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; one more is closed at once.
    pub connections_max: usize,
    /// Without any byte from the client.
    pub idle_timeout: Duration,
    /// For the client to take any byte of the waiting answers.
    pub write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            idle_timeout: limits::IDLE_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
        }
    }
}

/// Answers frames on the current tokio runtime, single or multi threaded, until the returned
/// server is drained or dropped. A frame that is longer than a body may be closes its
/// connection, after the answers that are due.
///
/// # Errors
/// The listener cannot be registered with the runtime.
pub fn serve(listener: TcpListener, limits: Limits) -> io::Result<Box<dyn Server>> {
    tailrace_socket::serve(listener, limits.connections_max, move |stream, stop| async move {
        let mut connection = Connection::new(stream, limits);
        let ended = tokio::select! {
            biased;
            ended = poll_fn(|cx| connection.poll(cx)) => ended,
            () = stop.cancelled() => connection.finish().await,
        };
        if let Err(fault) = ended {
            tracing::debug!("connection ended: {fault}");
        }
    })
}

struct Connection {
    stream: TcpStream,
    limits: Limits,
    frames: Frames,
    input: Box<[u8]>,
    answers: Vec<u8>,
    written: usize,
    reading: Patience,
    writing: Patience,
}

impl Connection {
    fn new(stream: TcpStream, limits: Limits) -> Self {
        Self {
            stream,
            limits,
            frames: Frames::default(),
            input: vec![0; READ_BYTES].into(),
            answers: Vec::new(),
            written: 0,
            reading: Patience::new(),
            writing: Patience::new(),
        }
    }

    /// Runs until the client closes or is at fault.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // A client that takes no answers is not read either: that bounds the memory.
            ready!(self.poll_write_out(cx))?;
            let bytes = ready!(self.poll_read(cx))?;
            if bytes == 0 {
                return Poll::Ready(Ok(()));
            }
            let answers = &mut self.answers;
            let read = self.frames.read(&self.input[..bytes], BODY_BYTES_MAX, |length| {
                answers.extend_from_slice(&answer(length));
            });
            if let Err(too_long) = read {
                ready!(self.poll_write_out(cx))?;
                let what = format!("a frame of {} bytes was announced", too_long.0);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what)));
            }
        }
    }

    /// Gives the answers that are due; nothing else can be in flight.
    async fn finish(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_write_out(cx)).await?;
        self.stream.shutdown().await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(&mut self.input);
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            self.reading.satisfied();
            return Poll::Ready(result.map(|()| buffer.filled().len()));
        }
        ready!(self.reading.poll_exhausted(self.limits.idle_timeout, cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sends nothing")))
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.answers.len() {
            let rest = &self.answers[self.written..];
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(bytes)) => {
                    self.written += bytes;
                    self.writing.satisfied();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    ready!(self.writing.poll_exhausted(self.limits.write_timeout, cx));
                    let what = "the client takes no answers";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)));
                }
            }
        }
        self.answers.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

/// A frame of four bytes: the length that was received.
fn answer(length: u32) -> [u8; 8] {
    let [a, b, c, d] = length.to_be_bytes();
    [0, 0, 0, 4, a, b, c, d]
}
