//! The same bytes behind TLS. Encrypting happens before `sent` is stamped and decrypting before
//! `acked`: both are the client's part of what TLS costs. The session itself, which knows no
//! socket, is in `fake-producers/src/tls.rs`.

use std::io;

use tailrace_contract::WireEvent;
use tailrace_measure::clock::now;
use tailrace_producers::tls::{Arrived, Session};

use super::super::inflight::InFlight;
use super::Connection;

impl Connection {
    /// The same behind TLS. A little is sealed and written before more is: a record's requests
    /// count as sent with its first byte.
    pub(super) fn flush_sealed(&mut self, in_flight: &mut InFlight) -> io::Result<bool> {
        let Some(mut tls) = self.tls.take() else { return Ok(true) };
        let flushed = self.seal_and_write(&mut tls, in_flight);
        self.tls = Some(tls);
        flushed
    }

    fn seal_and_write(&mut self, tls: &mut Session, in_flight: &mut InFlight) -> io::Result<bool> {
        loop {
            while tls.wants_write() {
                let stamp = now();
                match tls.write_to(&mut self.socket) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(n) => {
                        self.bytes.sent += n as u64;
                        self.mark_sent(stamp, in_flight);
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        self.forget_written();
                        return Ok(false);
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            let sealed = tls.seal(&self.out[self.written..]);
            self.written += sealed;
            if sealed == 0 {
                break;
            }
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        // What is left waits for the handshake, and that for the peer.
        Ok(true)
    }

    /// Takes records apart and their clear text to the wire.
    pub(super) fn unseal(
        &mut self,
        records: &[u8],
        events: &mut Vec<WireEvent>,
    ) -> Result<(), String> {
        let Some(mut tls) = self.tls.take() else { return Ok(()) };
        let received = tls.receive(records, |arrived| match arrived {
            Arrived::Open => {
                if let Some(opening) = &mut self.opening {
                    opening.tls_ns = Some(now().since(opening.stood));
                }
                self.open();
                Ok(())
            }
            Arrived::Clear(clear) => {
                self.wire.decode(clear, &mut self.out, events).map_err(|e| e.to_string())
            }
        });
        self.tls = Some(tls);
        received
    }
}
