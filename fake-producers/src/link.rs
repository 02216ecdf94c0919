//! One TCP connection and its wire: the only place of this crate that moves bytes. It knows
//! nothing of batches; [`crate::connection`] does.

use std::io;

use tailrace_contract::{Wire, WireEvent};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::dial::{Dialed, write_records};
use crate::tls::{Arrived, Session};

/// Bytes that wait for the socket before further batches are encoded: more would only move
/// the queue from the wire's side to ours.
const OUT_BYTES_MAX: usize = 256 << 10;
/// Bytes read at once; answers are small.
const READ_BYTES: usize = 16 << 10;

/// What belongs to one TCP connection and ends with it.
pub(crate) struct Link {
    pub(crate) stream: TcpStream,
    tls: Option<Session>,
    /// Clear text that came before the wire was there to read it.
    early: Vec<u8>,
    pub(crate) wire: Box<dyn Wire>,
    pub(crate) out: Vec<u8>,
    input: Vec<u8>,
    pub(crate) ready: bool,
    pub(crate) closing: bool,
    pub(crate) quiet_since: Instant,
}

impl Link {
    pub(crate) fn open(dialed: Dialed, mut wire: Box<dyn Wire>) -> io::Result<Self> {
        let Dialed { stream, tls, early } = dialed;
        // A batch must not wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        let mut out = Vec::new();
        wire.open(&mut out);
        let (input, quiet_since) = (vec![0; READ_BYTES], Instant::now());
        let (ready, closing) = (false, false);
        Ok(Self { stream, tls, early, wire, out, input, ready, closing, quiet_since })
    }

    pub(crate) fn interest(&self) -> Interest {
        if self.has_output() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE }
    }

    pub(crate) fn takes_more(&self) -> bool {
        !self.closing && self.out.len() < OUT_BYTES_MAX && self.wire.room() > 0
    }

    /// Whether bytes wait for the socket.
    pub(crate) fn has_output(&self) -> bool {
        !self.out.is_empty() || self.tls.as_ref().is_some_and(Session::wants_write)
    }

    pub(crate) fn write(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            return write_sealed(&self.stream, tls, &mut self.out);
        }
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tells the peer that nothing was cut off. It is not waited for.
    pub(crate) fn say_goodbye(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close();
            // A peer that is gone needs no goodbye.
            let _ = write_records(&self.stream, tls);
        }
    }

    /// Reads once. True when the peer closed.
    pub(crate) fn read(&mut self, events: &mut Vec<WireEvent>) -> Result<bool, String> {
        let early = std::mem::take(&mut self.early);
        if !early.is_empty() {
            self.decode(&early, events)?;
        }
        match self.stream.try_read(&mut self.input) {
            Ok(0) => self.wire.close(events).map(|()| true).map_err(|error| error.to_string()),
            Ok(read) => {
                self.quiet_since = Instant::now();
                let input = std::mem::take(&mut self.input);
                let taken = self.take(&input[..read], events);
                self.input = input;
                taken.map(|()| false)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Takes what came from the socket.
    fn take(&mut self, input: &[u8], events: &mut Vec<WireEvent>) -> Result<(), String> {
        let Some(mut tls) = self.tls.take() else { return self.decode(input, events) };
        let received = tls.receive(input, |arrived| match arrived {
            Arrived::Open => Ok(()),
            Arrived::Clear(clear) => self.decode(clear, events),
        });
        self.tls = Some(tls);
        received
    }

    fn decode(&mut self, clear: &[u8], events: &mut Vec<WireEvent>) -> Result<(), String> {
        let decoded = self.wire.decode(clear, &mut self.out, events);
        decoded.map_err(|error| error.to_string())
    }
}

/// Seals what is to go out and hands over as much as the socket takes.
fn write_sealed(stream: &TcpStream, tls: &mut Session, out: &mut Vec<u8>) -> io::Result<()> {
    loop {
        write_records(stream, tls)?;
        if out.is_empty() || tls.wants_write() {
            return Ok(());
        }
        let sealed = tls.seal(out);
        out.drain(..sealed);
    }
}
