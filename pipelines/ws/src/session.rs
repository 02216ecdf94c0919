//! Messages and answers of one connection. Everything that is readable is read before the
//! answers are flushed, once: with sixteen messages in flight that is one read and one write
//! instead of sixteen writes. Answers keep the order of arrival; batches that wait for the
//! log wait side by side. Read next: the crate `tailrace_socket`.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::{FuturesOrdered, Stream};
use futures_util::{FutureExt, Sink, StreamExt};
use tailrace_contract::limits::BODY_BYTES_MAX;
use tailrace_contract::transport::Flush;
use tailrace_contract::{Answer, BoxFuture, Caller, Ingest};
use tailrace_socket::{Patience, Stream as Socket};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::{CancellationToken, ReusableBoxFuture};

use crate::server::Limits;
use crate::upgrade::Upgraded;

/// Bytes of one read. tungstenite fills the rest of its buffer with zeros before every read
/// and holds one buffer for every connection, so larger is not faster.
const READ_BYTES: usize = 16 << 10;
/// Bytes of answers that are collected without a flush; a flush comes after each batch.
const WRITE_BYTES: usize = 128 << 10;
/// Messages that are read before their answers are flushed and other connections get their
/// turn, however many more are readable.
const BATCH_MESSAGES_MAX: usize = 256;

/// The end of a session.
enum End {
    /// Tell the client why, once the answers that are due are out.
    Farewell(CloseFrame),
    /// There is nobody to tell.
    Gone,
}

type Pending = BoxFuture<'static, (u64, Answer)>;

pub(crate) struct Session<I> {
    socket: WebSocketStream<Socket>,
    ingest: I,
    caller: Caller,
    limits: Limits,
    flush: Flush,
    /// Messages so far: the sequence of those that name none.
    count: u64,
    /// Batches that wait for the log, oldest first.
    waiting: FuturesOrdered<Pending>,
    /// Where a batch is tried before it has to wait.
    slot: Option<ReusableBoxFuture<'static, Answer>>,
    scratch: Vec<u8>,
    /// Answers were queued that may not be on their way.
    is_unflushed: bool,
    reading: Patience,
    writing: Patience,
    is_pinged: bool,
    end: Option<End>,
}

impl<I: Ingest> Session<I> {
    pub(crate) async fn new(
        stream: Socket,
        upgraded: Upgraded,
        ingest: I,
        (limits, flush): (Limits, Flush),
    ) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(WRITE_BYTES)
            .max_message_size(Some(BODY_BYTES_MAX))
            .max_frame_size(Some(BODY_BYTES_MAX));
        let Upgraded { caller, rest } = upgraded;
        let socket =
            WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(config)).await;
        Self {
            socket,
            ingest,
            caller,
            limits,
            flush,
            count: 0,
            waiting: FuturesOrdered::new(),
            slot: None,
            scratch: Vec::with_capacity(256),
            is_unflushed: false,
            reading: Patience::new(),
            writing: Patience::new(),
            is_pinged: false,
            end: None,
        }
    }

    /// Runs until the connection ends; returns it when a farewell was said.
    pub(crate) async fn run(mut self, stop: &CancellationToken) -> Option<Socket> {
        let mut stopped = pin!(stop.cancelled());
        poll_fn(|cx| {
            if self.end.is_none() && stopped.as_mut().poll(cx).is_ready() {
                self.end = Some(farewell(CloseCode::Away, "the server is shutting down"));
            }
            self.poll_messages(cx)
        })
        .await;
        let Some(End::Farewell(frame)) = self.end.take() else { return None };
        self.send(Message::Close(Some(frame)));
        poll_fn(|cx| self.poll_flush(cx)).await;
        self.end.is_none().then(|| self.socket.into_inner())
    }

    /// Ready at the end, when all answers that can be given are out.
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.answer_finished(cx);
        let is_batch_full = self.read_batch(cx);
        // A client that takes no answers is not read either: that bounds the memory.
        ready!(self.poll_flush(cx));
        match &self.end {
            Some(End::Gone) => return Poll::Ready(()),
            Some(End::Farewell(_)) if self.waiting.is_empty() => return Poll::Ready(()),
            Some(End::Farewell(_)) => return Poll::Pending,
            None => {}
        }
        if is_batch_full {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.poll_silence(cx)
    }

    /// Queues the answers of batches that the log has taken, in their order.
    fn answer_finished(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some((count, answer))) = self.waiting.poll_next_unpin(cx) {
            self.send_answer(count, &answer, cx);
        }
    }

    /// Reads what is readable; true if there may be more than one batch takes.
    fn read_batch(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..BATCH_MESSAGES_MAX {
            if self.end.is_some() || self.waiting.len() >= self.limits.in_flight_max {
                return false;
            }
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(message) => self.take(message, cx),
                Poll::Pending => return false,
            }
        }
        true
    }

    fn take(&mut self, message: Option<Result<Message, Error>>, cx: &mut Context<'_>) {
        self.reading.satisfied();
        self.is_pinged = false;
        match message {
            Some(Ok(Message::Text(text))) => self.admit(text.into(), cx),
            Some(Ok(Message::Binary(bytes))) => self.admit(bytes, cx),
            // tungstenite answers pings and closes by itself.
            Some(Ok(_)) => {}
            Some(Err(fault)) => self.end = Some(end_for(&fault)),
            None => self.end = Some(End::Gone),
        }
    }

    fn admit(&mut self, body: Bytes, cx: &mut Context<'_>) {
        let count = self.count;
        self.count += 1;
        let admitting = self.ingest.admit(&self.caller, body);
        // Most batches are answered at once, so one allocation serves them all.
        let slot = match &mut self.slot {
            Some(slot) => {
                slot.set(admitting);
                slot
            }
            empty => empty.insert(ReusableBoxFuture::new(admitting)),
        };
        match slot.poll(cx) {
            Poll::Ready(answer) if self.waiting.is_empty() => self.send_answer(count, &answer, cx),
            Poll::Ready(answer) => {
                self.waiting.push_back(Box::pin(std::future::ready((count, answer))));
            }
            Poll::Pending => {
                if let Some(admitting) = self.slot.take() {
                    self.waiting.push_back(Box::pin(admitting.map(move |answer| (count, answer))));
                }
                // It must be polled once more there, to learn whom to wake.
                cx.waker().wake_by_ref();
            }
        }
    }

    fn send_answer(&mut self, count: u64, answer: &Answer, cx: &mut Context<'_>) {
        self.scratch.clear();
        answer.write_message(count, &mut self.scratch);
        let bytes = Bytes::copy_from_slice(&self.scratch);
        // A raw frame: what we wrote is JSON, nobody needs to check that it is UTF-8.
        let frame = Frame::message(bytes, OpCode::Data(Data::Text), true);
        self.send(Message::Frame(frame));
        if self.flush == Flush::Each {
            // A full socket is tried again with the batch's own flush.
            let _ = self.poll_flush(cx);
        }
    }

    /// Queues a message. A full socket is no error here; the flush will wait for it.
    fn send(&mut self, message: Message) {
        self.is_unflushed = true;
        if Pin::new(&mut self.socket).start_send(message).is_err() {
            self.end = Some(End::Gone);
        }
    }

    /// Ready when everything queued was written, or the connection is over.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_unflushed {
            return Poll::Ready(());
        }
        let is_over = match Pin::new(&mut self.socket).poll_flush(cx) {
            Poll::Ready(result) => result.is_err(),
            Poll::Pending => {
                ready!(self.writing.poll_exhausted(self.limits.write_timeout, cx));
                true
            }
        };
        if is_over {
            self.end = Some(End::Gone);
        }
        self.is_unflushed = false;
        self.writing.satisfied();
        Poll::Ready(())
    }

    /// Pings a client that was silent for half of its time, ends after the other half.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waiting.is_empty() {
            // It may be waiting for our answers, as it should.
            self.reading.satisfied();
            return Poll::Pending;
        }
        ready!(self.reading.poll_exhausted(self.limits.idle_timeout / 2, cx));
        self.reading.satisfied();
        if self.is_pinged {
            self.end = Some(farewell(CloseCode::Away, "nothing was heard for too long"));
            return Poll::Ready(());
        }
        self.is_pinged = true;
        self.send(Message::Ping(Bytes::new()));
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn farewell(code: CloseCode, reason: &'static str) -> End {
    End::Farewell(CloseFrame { code, reason: reason.into() })
}

/// What a fault of the client means for the connection.
fn end_for(fault: &Error) -> End {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    let (code, reason) = match fault {
        Error::Capacity(_) => {
            (CloseCode::Size, format!("a message may have {BODY_BYTES_MAX} bytes; split the batch"))
        }
        Error::Utf8(_) => (CloseCode::Invalid, "a text message is not UTF-8".to_owned()),
        Error::Protocol(ResetWithoutClosingHandshake) => return End::Gone,
        Error::Protocol(fault) => (CloseCode::Protocol, fault.to_string()),
        _ => return End::Gone,
    };
    // A control frame holds 125 bytes, two of them for the code.
    let reason: String = reason.chars().take(100).collect();
    End::Farewell(CloseFrame { code, reason: reason.into() })
}
