//! The client half of TLS without I/O, as a [`Wire`](tailrace_contract::Wire) is one of a
//! protocol: bytes in, bytes out, and whoever owns the socket moves them. Producers and the load
//! generator share it. It offers no client certificate and resumes no session. Read next:
//! `tls/trust.rs` (who is believed), `link.rs` (which moves the bytes of a producer).

mod trust;

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Error, StreamOwned};
pub use trust::Trust;

/// Bytes that are encrypted ahead of the socket. Four records, so that one call hands over as
/// much as it does in clear text; and few, because what is encrypted is no longer ours to stamp.
const SEALED_BYTES_MAX: usize = 64 << 10;

/// What a server speaks that agrees on nothing (RFC 7301 names it so).
const HTTP_1_1: &str = "http/1.1";

/// TLS cannot be spoken as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The system's list of authorities cannot be read.
    #[error(
        "the system lists no certificate authorities ({0}); name the server's certificate with \
         --cacert FILE"
    )]
    NoAuthorities(String),
    /// What is to be trusted is no certificate.
    #[error("one of the certificates to trust cannot be read: {0}")]
    Certificate(#[source] Error),
    /// A name that no certificate can be for.
    #[error("{0:?} is neither a host's name nor an address, so no certificate can be for it")]
    Name(String),
    /// The library refused.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] Error),
}

/// TLS over a socket that blocks.
pub type Blocking<T> = StreamOwned<ClientConnection, T>;

/// What came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived<'a> {
    /// The handshake is over: clear text may pass from now on.
    Open,
    /// Clear text.
    Clear(&'a [u8]),
}

/// How connections to one server begin.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    alpn: &'static str,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name)
            .field("alpn", &self.alpn)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// For the server at `authority` (`host:port`), which must agree on the protocol `alpn`.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(authority: &str, trust: &Trust, alpn: &'static str) -> Result<Self, TlsError> {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TlsError::Name(authority.to_owned()))?;
        let mut config = trust::config(trust)?;
        config.alpn_protocols = vec![alpn.into()];
        // Every connection is a whole one: a shortened handshake would cost another amount, and
        // which connection gets it would be chance.
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), name, alpn })
    }

    /// The beginning of one connection.
    ///
    /// # Errors
    /// The library refuses the configuration.
    pub fn session(&self) -> Result<Session, TlsError> {
        let mut tls = ClientConnection::new(Arc::clone(&self.config), self.name.clone())?;
        tls.set_buffer_limit(Some(SEALED_BYTES_MAX));
        Ok(Session { tls, alpn: self.alpn, is_open: false })
    }

    /// TLS over a socket that blocks, for short questions. The handshake happens with the first
    /// byte.
    ///
    /// # Errors
    /// The library refuses the configuration.
    pub fn over<T: Read + Write>(&self, socket: T) -> Result<Blocking<T>, TlsError> {
        let tls = ClientConnection::new(Arc::clone(&self.config), self.name.clone())?;
        Ok(StreamOwned::new(tls, socket))
    }
}

/// One connection: clear text on one side, records on the other.
pub struct Session {
    tls: ClientConnection,
    alpn: &'static str,
    is_open: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}

impl Session {
    /// Whether the handshake is over and clear text may pass.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether records wait for the socket.
    pub fn wants_write(&self) -> bool {
        self.tls.wants_write()
    }

    /// Hands records to the socket, in one call; how many bytes it took.
    ///
    /// # Errors
    /// The socket's, [`io::ErrorKind::WouldBlock`] among them: try again later.
    pub fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<usize> {
        self.tls.write_tls(socket)
    }

    /// Encrypts clear text; how much of it. None while the handshake lasts or too many records
    /// wait for the socket.
    pub fn seal(&mut self, clear: &[u8]) -> usize {
        if !self.is_open {
            return 0;
        }
        // It writes to memory: there is nothing that could fail.
        self.tls.writer().write(clear).unwrap_or(0)
    }

    /// Says goodbye: nothing is sealed any more. The records wait for [`Session::write_to`].
    pub fn close(&mut self) {
        self.tls.send_close_notify();
    }

    /// Takes bytes from the socket and hands over what they mean, in order.
    ///
    /// # Errors
    /// A certificate that is not trusted, another protocol than the one asked for, records that
    /// are none (the alert that says so then waits for the socket), or what `take` said.
    pub fn receive(
        &mut self,
        mut records: &[u8],
        mut take: impl FnMut(Arrived<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        while !records.is_empty() {
            if self.tls.read_tls(&mut records).map_err(|fault| fault.to_string())? == 0 {
                return Err("the server said goodbye and went on talking".into());
            }
            self.tls.process_new_packets().map_err(|fault| explain(&fault))?;
            if !self.is_open && !self.tls.is_handshaking() {
                self.agree()?;
                take(Arrived::Open)?;
            }
            self.take_clear(&mut take)?;
        }
        Ok(())
    }

    fn take_clear(
        &mut self,
        take: &mut impl FnMut(Arrived<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut reader = self.tls.reader();
        // "Would block": there is no more; the end is told by the socket.
        while let Ok(clear) = reader.fill_buf() {
            let length = clear.len();
            if length == 0 {
                break;
            }
            take(Arrived::Clear(clear))?;
            reader.consume(length);
        }
        Ok(())
    }

    fn agree(&mut self) -> Result<(), String> {
        let agreed = self.tls.alpn_protocol();
        // HTTP/1.1 was spoken before there was anything to agree on, and many servers leave it at
        // that.
        let is_old = agreed.is_none() && self.alpn == HTTP_1_1;
        if !is_old && agreed != Some(self.alpn.as_bytes()) {
            let seen = agreed.map_or("none".into(), String::from_utf8_lossy);
            return Err(format!(
                "the server agreed on the protocol {seen} and not on {}; is this its port?",
                self.alpn
            ));
        }
        self.is_open = true;
        Ok(())
    }
}

/// What the library found, with what to try.
fn explain(fault: &Error) -> String {
    let advice = match fault {
        Error::InvalidCertificate(_) => {
            "; name the certificate to trust with --cacert FILE (a server that made its own \
             writes it where --tls-cert-out says)"
        }
        Error::InvalidMessage(_) => "; does this port speak TLS?",
        Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol) => {
            "; this port speaks another protocol"
        }
        _ => "",
    };
    format!("TLS: {fault}{advice}")
}
