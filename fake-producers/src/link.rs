//! One TCP connection and its wire: the only place of this crate that moves bytes. It knows
//! nothing of batches; [`crate::connection`] does.

use std::io;

use tailrace_contract::{Wire, WireEvent};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Bytes that wait for the socket before further batches are encoded: more would only move
/// the queue from the wire's side to ours.
const OUT_BYTES_MAX: usize = 256 << 10;
/// Bytes read at once; answers are small.
const READ_BYTES: usize = 16 << 10;

/// What belongs to one TCP connection and ends with it.
pub(crate) struct Link {
    pub(crate) stream: TcpStream,
    pub(crate) wire: Box<dyn Wire>,
    pub(crate) out: Vec<u8>,
    input: Vec<u8>,
    pub(crate) ready: bool,
    pub(crate) closing: bool,
    pub(crate) quiet_since: Instant,
}

impl Link {
    pub(crate) fn open(stream: TcpStream, mut wire: Box<dyn Wire>) -> io::Result<Self> {
        // A batch must not wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        let mut out = Vec::new();
        wire.open(&mut out);
        let (input, quiet_since) = (vec![0; READ_BYTES], Instant::now());
        Ok(Self { stream, wire, out, input, ready: false, closing: false, quiet_since })
    }

    pub(crate) fn interest(&self) -> Interest {
        if self.out.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        }
    }

    pub(crate) fn takes_more(&self) -> bool {
        !self.closing && self.out.len() < OUT_BYTES_MAX && self.wire.room() > 0
    }

    pub(crate) fn write(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once. True when the peer closed.
    pub(crate) fn read(&mut self, events: &mut Vec<WireEvent>) -> Result<bool, String> {
        match self.stream.try_read(&mut self.input) {
            Ok(0) => self.wire.close(events).map(|()| true).map_err(|error| error.to_string()),
            Ok(read) => {
                self.quiet_since = Instant::now();
                let input = &self.input[..read];
                let decoded = self.wire.decode(input, &mut self.out, events);
                decoded.map(|()| false).map_err(|error| error.to_string())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}
