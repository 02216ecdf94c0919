//! A connection to a subject's transport: its wire over a tokio socket. Plain and not fast;
//! the load generator has its own.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tailrace_contract::codec::Codec;
use tailrace_contract::identity::RUN_HEADER;
use tailrace_contract::{Request, RunId, Wire, WireEvent};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{PATIENCE, Subject};

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    wire: Box<dyn Wire>,
    run: Option<String>,
    out: Vec<u8>,
    answers: VecDeque<(u64, u16)>,
    /// The wire is fed so many bytes at a time.
    piece_bytes: usize,
    has_ended: bool,
}

impl Connection {
    /// Connects and waits until a request may be sent.
    pub(crate) async fn open(subject: &dyn Subject, run: Option<RunId>) -> Result<Self> {
        Self::open_in_pieces(subject, run, usize::MAX).await
    }

    /// The same, with every input cut into pieces of so many bytes.
    pub(crate) async fn open_in_pieces(
        subject: &dyn Subject,
        run: Option<RunId>,
        piece_bytes: usize,
    ) -> Result<Self> {
        let stream = TcpStream::connect(subject.ingest()).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            stream,
            wire: subject.wire(run),
            run: run.map(|run| run.to_string()),
            out: Vec::new(),
            answers: VecDeque::new(),
            piece_bytes,
            has_ended: false,
        };
        connection.wire.open(&mut connection.out);
        connection.await_room().await?;
        Ok(connection)
    }

    /// Requests that may be encoded now.
    pub(crate) fn room(&self) -> usize {
        self.wire.room()
    }

    async fn await_room(&mut self) -> Result<()> {
        while self.wire.room() == 0 {
            ensure!(!self.has_ended, "the connection ended before it took a request");
            self.pump().await?;
        }
        Ok(())
    }

    fn encode(&mut self, key: u64, body: &[u8]) {
        let content_type = Codec::of(body).content_type();
        let mut headers = vec![("content-type".to_owned(), content_type.to_owned())];
        headers.extend(self.run.clone().map(|run| (RUN_HEADER.to_owned(), run)));
        let request = Request { method: "POST", target: "/v1/ingest", headers: &headers, body };
        self.wire.encode(&request, key, &mut self.out);
    }

    /// Sends one request as soon as there is room; returns when its bytes are gone, or when
    /// the peer takes no more of them.
    pub(crate) async fn send(&mut self, key: u64, body: &[u8]) -> Result<()> {
        self.await_room().await?;
        self.encode(key, body);
        while !self.out.is_empty() && !self.has_ended {
            self.pump().await?;
        }
        Ok(())
    }

    /// The next answer: its key and status.
    pub(crate) async fn answer(&mut self) -> Result<(u64, u16)> {
        match self.try_answer().await? {
            Some(answer) => Ok(answer),
            None => bail!("the connection ended without an answer"),
        }
    }

    /// The next answer, or none when the connection ends first.
    pub(crate) async fn try_answer(&mut self) -> Result<Option<(u64, u16)>> {
        while self.answers.is_empty() && !self.has_ended {
            self.pump().await?;
        }
        Ok(self.answers.pop_front())
    }

    /// Sends one request and waits for its answer.
    pub(crate) async fn ask(&mut self, body: &[u8]) -> Result<u16> {
        self.send(0, body).await?;
        Ok(self.answer().await?.1)
    }

    /// Sends all of these, as many at a time as there is room for, and collects the answers
    /// in their order.
    pub(crate) async fn exchange(
        &mut self,
        requests: impl IntoIterator<Item = (u64, Vec<u8>)>,
    ) -> Result<Vec<(u64, u16)>> {
        let mut requests = requests.into_iter().peekable();
        let (mut sent, mut answers) = (0, Vec::new());
        loop {
            while self.wire.room() > 0 && requests.peek().is_some() {
                let Some((key, body)) = requests.next() else { break };
                self.encode(key, &body);
                sent += 1;
            }
            answers.extend(self.answers.drain(..));
            if answers.len() == sent && requests.peek().is_none() {
                return Ok(answers);
            }
            let count = answers.len();
            ensure!(!self.has_ended, "the connection ended after {count} answers of {sent}");
            self.pump().await?;
        }
    }

    /// Whether no answer comes for this long.
    pub(crate) async fn is_silent(&mut self, for_how_long: Duration) -> Result<bool> {
        let answered = timeout(for_how_long, async {
            while self.answers.is_empty() && !self.has_ended {
                self.pump().await?;
            }
            anyhow::Ok(())
        });
        match answered.await {
            Ok(pumped) => pumped.map(|()| false),
            Err(_) => Ok(true),
        }
    }

    /// Waits until the peer has closed.
    pub(crate) async fn end(&mut self) -> Result<()> {
        while !self.has_ended {
            self.pump().await?;
        }
        Ok(())
    }

    /// Moves what can be moved, in both directions, once. Safe to cancel.
    async fn pump(&mut self) -> Result<()> {
        let mut interest = Interest::READABLE;
        if !self.out.is_empty() {
            interest |= Interest::WRITABLE;
        }
        let ready = timeout(PATIENCE, self.stream.ready(interest)).await;
        let ready = ready.with_context(|| format!("nothing happened for {PATIENCE:?}"))??;
        if ready.is_writable() && !self.out.is_empty() {
            self.write();
        }
        if ready.is_readable() { self.read() } else { Ok(()) }
    }

    fn write(&mut self) {
        match self.stream.try_write(&self.out) {
            Ok(n) => drop(self.out.drain(..n)),
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
            // The peer refused early and closed; its answer can still be read.
            Err(_) => self.out.clear(),
        }
    }

    fn read(&mut self) -> Result<()> {
        let mut input = vec![0; 64 << 10];
        let mut events = Vec::new();
        match self.stream.try_read(&mut input) {
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Ok(n) if n > 0 => {
                for piece in input[..n].chunks(self.piece_bytes) {
                    self.wire.decode(piece, &mut self.out, &mut events)?;
                }
            }
            // An end or a reset: what was not answered stays so.
            Ok(_) | Err(_) => {
                self.has_ended = true;
                self.out.clear();
                // In the middle of an answer that is an error, which the missing answer shows.
                let _ = self.wire.close(&mut events);
            }
        }
        self.answers.extend(events.into_iter().filter_map(|event| match event {
            WireEvent::Answer { key, status } => Some((key, status)),
            WireEvent::Ready
            | WireEvent::Unexpected { .. }
            | WireEvent::Unanswered { .. }
            | WireEvent::Untouched { .. }
            | WireEvent::Closing => None,
        }));
        Ok(())
    }
}
