//! Sockets that block, for the short questions beside a trial: in clear text, or through TLS. The
//! connections of a load have no such thing, as they never block: see `driver/connection.rs`.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use tailrace_producers::tls::{Blocking, Tls};

/// One connection to an observer.
pub(crate) enum Line {
    Plain(TcpStream),
    /// Boxed: it is a kilobyte.
    Tls(Box<Blocking<TcpStream>>),
}

impl Line {
    /// Wraps a socket. A handshake happens with the first byte, within the socket's limits.
    pub(crate) fn new(socket: TcpStream, tls: Option<&Tls>) -> io::Result<Self> {
        Ok(match tls {
            None => Self::Plain(socket),
            Some(tls) => Self::Tls(Box::new(tls.over(socket).map_err(io::Error::other)?)),
        })
    }

    /// Where the bytes pass.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
