//! Requests and answers of one connection, all in one task. Everything that is readable is read
//! before a request is answered, and everything that can be answered is answered before the
//! socket is written: with sixteen streams in flight that is one read and one write. Requests
//! that must wait, for the log or for the rest of their body, wait side by side and hold nobody
//! up. Read next: `socket.rs`.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use h2::server::Connection;
use h2::{Reason, RecvStream};
use http::Request;
use tailrace_contract::transport::Flush;
use tailrace_contract::{Answer, BoxFuture, Caller, Ingest, Problem};
use tailrace_socket::Patience;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, ReusableBoxFuture};

use crate::answers::{self, Responder, Whole};
use crate::body::{Body, Fault};
use crate::head;
use crate::server::Limits;
use crate::socket::Socket;
use crate::watch::Watch;

/// A request that had to wait, and its answer; none when there is nothing to answer, for
/// instance because the client took it back.
type Finished = Option<(Responder, Whole)>;

pub(crate) struct Session<S, I> {
    connection: Connection<Socket<S>, Bytes>,
    watch: Arc<Watch>,
    ingest: I,
    limits: Limits,
    flush: Flush,
    /// Requests that were read and not looked at, in order.
    arrived: Vec<(Request<RecvStream>, Responder)>,
    /// Requests that wait for the log or for their body.
    waiting: FuturesUnordered<BoxFuture<'static, Finished>>,
    /// Where a batch is tried before it has to wait.
    slot: Option<ReusableBoxFuture<'static, Answer>>,
    silence: Patience,
    untaken: Patience,
    /// What the socket had read and written when it was last looked at.
    frames: u64,
    writes: u64,
    is_draining: bool,
}

impl<S, I> Session<S, I>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    I: Ingest,
{
    pub(crate) fn new(
        connection: Connection<Socket<S>, Bytes>,
        watch: Arc<Watch>,
        ingest: I,
        limits: Limits,
        flush: Flush,
    ) -> Self {
        Self {
            connection,
            watch,
            ingest,
            limits,
            flush,
            arrived: Vec::new(),
            waiting: FuturesUnordered::new(),
            slot: None,
            silence: Patience::new(),
            untaken: Patience::new(),
            frames: 0,
            writes: 0,
            is_draining: false,
        }
    }

    /// Runs until the connection ends.
    pub(crate) async fn run(mut self, stop: &CancellationToken) {
        let mut stopped = pin!(stop.cancelled());
        let farewell = poll_fn(|cx| {
            if !self.is_draining && stopped.as_mut().poll(cx).is_ready() {
                self.is_draining = true;
                self.silence.satisfied();
                self.watch.note_agreed();
                self.connection.graceful_shutdown();
            }
            self.poll(cx)
        });
        let Some(reason) = farewell.await else { return };
        self.connection.abrupt_shutdown(reason);
        let closing = poll_fn(|cx| self.connection.poll_closed(cx));
        // Whoever does not take the last word has had the chance.
        let _ = timeout(self.limits.write_timeout, closing).await;
    }

    /// Ready when the connection is over, or with what to tell the client at its end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Reason>> {
        loop {
            if self.answer_finished(cx).is_err() {
                return Poll::Ready(None);
            }
            // This also writes the answers of the turn before.
            if self.accept(cx).is_err() {
                return Poll::Ready(None);
            }
            if self.arrived.is_empty() {
                break;
            }
            if self.answer_arrived(cx).is_err() {
                return Poll::Ready(None);
            }
        }
        self.poll_patience(cx)
    }

    /// Answers requests that had to wait.
    fn answer_finished(&mut self, cx: &mut Context<'_>) -> Result<(), Over> {
        while let Poll::Ready(Some(finished)) = self.waiting.poll_next_unpin(cx) {
            if let Some((responder, answer)) = finished {
                answers::send(responder, answer);
                self.write_if_each(cx)?;
            }
        }
        Ok(())
    }

    /// Reads all that is readable and writes all that is due.
    fn accept(&mut self, cx: &mut Context<'_>) -> Result<(), Over> {
        while self.waiting.len() + self.arrived.len() < self.limits.in_flight_max {
            match self.connection.poll_accept(cx) {
                Poll::Ready(Some(Ok(request))) => self.arrived.push(request),
                Poll::Ready(None) => return Err(Over),
                Poll::Ready(Some(Err(fault))) => return Err(over(&fault)),
                Poll::Pending => return Ok(()),
            }
        }
        self.write(cx)
    }

    /// The same without looking at new requests.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), Over> {
        match self.connection.poll_closed(cx) {
            Poll::Ready(Ok(())) => Err(Over),
            Poll::Ready(Err(fault)) => Err(over(&fault)),
            Poll::Pending => Ok(()),
        }
    }

    fn write_if_each(&mut self, cx: &mut Context<'_>) -> Result<(), Over> {
        if self.flush == Flush::Each { self.write(cx) } else { Ok(()) }
    }

    fn answer_arrived(&mut self, cx: &mut Context<'_>) -> Result<(), Over> {
        let mut arrived = std::mem::take(&mut self.arrived);
        for (request, responder) in arrived.drain(..) {
            self.take(request, responder, cx);
            self.write_if_each(cx)?;
        }
        // Its memory serves the next turn.
        self.arrived = arrived;
        Ok(())
    }

    /// Answers a request now if that is possible, else lets it wait.
    fn take(
        &mut self,
        request: Request<RecvStream>,
        mut responder: Responder,
        cx: &mut Context<'_>,
    ) {
        let (head, stream) = request.into_parts();
        let mut body = Body::new(stream, self.watch.clone(), self.limits.incomplete_bytes_max);
        let caller = match head::judge(&head, &self.ingest) {
            Ok(caller) => caller,
            Err(problem) => return self.refuse(&problem, body, responder),
        };
        match body.poll_whole(cx) {
            Poll::Ready(Ok(bytes)) => self.admit(&caller, bytes, body, responder, cx),
            Poll::Ready(Err(Fault::Refused(problem))) => self.refuse(&problem, body, responder),
            Poll::Ready(Err(Fault::Gone)) => {}
            Poll::Pending if head::declares_too_much(&head) => {
                self.refuse(&head::too_large(), body, responder);
            }
            Poll::Pending => {
                if head::expects_consent(&head) {
                    answers::consent(&mut responder);
                }
                self.wait_for_body(caller, body, responder);
            }
        }
    }

    /// Refuses a request, whose body may still be on its way.
    fn refuse(&mut self, problem: &Problem, body: Body, responder: Responder) {
        answers::send(responder, answers::refusal(problem));
        if !body.is_over() {
            let discarding = body.discard(self.limits.linger);
            self.waiting.push(Box::pin(discarding.map(|()| None)));
        }
    }

    fn admit(
        &mut self,
        caller: &Caller,
        bytes: Bytes,
        mut body: Body,
        responder: Responder,
        cx: &mut Context<'_>,
    ) {
        let admitting = self.ingest.admit(caller, bytes);
        // Most batches are answered at once, so one allocation serves them all.
        let slot = match &mut self.slot {
            Some(slot) => {
                slot.set(admitting);
                slot
            }
            empty => empty.insert(ReusableBoxFuture::new(admitting)),
        };
        if let Poll::Ready(answer) = slot.poll(cx) {
            return answers::send(responder, answers::from_ingest(&answer));
        }
        body.release_rest();
        if let Some(admitting) = self.slot.take() {
            // It is polled once more in the next turn, to learn whom to wake.
            self.waiting.push(Box::pin(async move {
                Some((responder, answers::from_ingest(&admitting.await)))
            }));
        }
    }

    fn wait_for_body(&mut self, caller: Caller, mut body: Body, responder: Responder) {
        let (ingest, limits) = (self.ingest.clone(), self.limits);
        self.waiting.push(Box::pin(async move {
            match body.whole_in_time(limits.body_timeout).await {
                Ok(bytes) => {
                    body.release_rest();
                    drop(body);
                    Some((responder, answers::from_ingest(&ingest.admit(&caller, bytes).await)))
                }
                Err(Fault::Refused(problem)) => {
                    answers::send(responder, answers::refusal(&problem));
                    body.discard(limits.linger).await;
                    None
                }
                Err(Fault::Gone) => None,
            }
        }));
    }

    /// Nothing more can be done now. Ready when that has lasted too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Option<Reason>> {
        if self.watch.is_flooded() {
            return Poll::Ready(Some(Reason::ENHANCE_YOUR_CALM));
        }
        if self.watch.writes() != self.writes {
            self.writes = self.watch.writes();
            self.untaken.satisfied();
        }
        let has_streams = self.connection.has_streams();
        let is_answered = has_streams && self.waiting.is_empty();
        if is_answered || self.watch.is_write_blocked() {
            // All was answered, so what is still open waits for the client: its socket is full,
            // or its windows are.
            if self.untaken.poll_exhausted(self.limits.write_timeout, cx).is_ready() {
                return Poll::Ready(Some(Reason::FLOW_CONTROL_ERROR));
            }
        } else {
            self.untaken.satisfied();
        }
        self.poll_silence(has_streams, cx)
    }

    fn poll_silence(&mut self, has_streams: bool, cx: &mut Context<'_>) -> Poll<Option<Reason>> {
        if self.watch.frames() != self.frames {
            self.frames = self.watch.frames();
            self.silence.satisfied();
        }
        let limit = if self.watch.is_partial() {
            self.limits.head_timeout
        } else if has_streams || !self.waiting.is_empty() {
            // The client waits for us, as it should; bodies and the log have their own limits.
            self.silence.satisfied();
            return Poll::Pending;
        } else if self.is_draining {
            self.limits.linger
        } else {
            self.limits.idle_timeout
        };
        ready!(self.silence.poll_exhausted(limit, cx));
        Poll::Ready(Some(Reason::NO_ERROR))
    }
}

/// The connection is over.
struct Over;

fn over(fault: &h2::Error) -> Over {
    // Clients that vanish or break the protocol are ordinary; their own log will say it.
    tracing::debug!("connection ended: {fault}");
    Over
}
