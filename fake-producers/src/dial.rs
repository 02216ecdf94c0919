//! A new connection, ready for the first byte of its wire: TCP, and a TLS handshake where one is
//! asked for. It tries once; who tries again, and when, is decided in `connection.rs`. Read next:
//! `link.rs`, which takes over.

use std::io::{self, IoSlice, Write};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::sender::SenderError;
use crate::tls::{Arrived, Session, Tls};

/// A handshake is two round trips; a server that is alive has finished it long before.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of one read: a server's certificates have a few kilobytes.
const READ_BYTES: usize = 8 << 10;

/// What a connection begins with.
pub(crate) struct Dialed {
    pub(crate) stream: TcpStream,
    pub(crate) tls: Option<Session>,
    /// Clear text that came right behind the handshake.
    pub(crate) early: Vec<u8>,
}

/// Connects.
pub(crate) async fn dial(addr: SocketAddr, tls: Option<&Tls>) -> Result<Dialed, SenderError> {
    let stream = TcpStream::connect(addr).await;
    let stream = stream.map_err(|cause| SenderError::Connect { addr, cause })?;
    let mut dialed = Dialed { stream, tls: None, early: Vec::new() };
    let Some(tls) = tls else { return Ok(dialed) };
    let shaken = match tls.session() {
        Ok(session) => timeout(HANDSHAKE_TIMEOUT, shake_hands(&mut dialed, session)).await,
        Err(fault) => Ok(Err(fault.to_string())),
    };
    let cause = match shaken {
        Ok(Ok(())) => return Ok(dialed),
        Ok(Err(cause)) => cause,
        Err(_elapsed) => format!("no handshake within {HANDSHAKE_TIMEOUT:?}; does it speak TLS?"),
    };
    Err(SenderError::Handshake { addr, cause })
}

async fn shake_hands(dialed: &mut Dialed, mut session: Session) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    let (stream, early) = (&dialed.stream, &mut dialed.early);
    while !session.is_open() || session.wants_write() {
        while session.wants_write() {
            stream.writable().await.map_err(told)?;
            write_records(stream, &mut session).map_err(told)?;
        }
        if session.is_open() {
            break;
        }
        stream.readable().await.map_err(told)?;
        let mut records = [0; READ_BYTES];
        let n = match stream.try_read(&mut records) {
            Ok(0) => return Err("the server closed the connection during the handshake".into()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(told(error)),
        };
        let received = session.receive(&records[..n], |arrived| {
            if let Arrived::Clear(clear) = arrived {
                early.extend_from_slice(clear);
            }
            Ok(())
        });
        if let Err(why) = received {
            // As much of the alert as fits: it tells the server why.
            let _ = write_records(stream, &mut session);
            return Err(why);
        }
    }
    dialed.tls = Some(session);
    Ok(())
}

/// Hands over the records that the socket takes now.
pub(crate) fn write_records(stream: &TcpStream, session: &mut Session) -> io::Result<()> {
    while session.wants_write() {
        match session.write_to(&mut Now(stream)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A tokio socket as it is at this moment, for code that never waits.
struct Now<'a>(&'a TcpStream);

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
