//! How an accepted connection begins: in clear text at once, or with a TLS handshake (1.2 or
//! 1.3) under a time limit, in the connection's own task. It asks for no client certificate,
//! staples no revocation answer and resumes no session. Read next: `stream.rs` (what a transport gets), `serve.rs`
//! (who calls this).

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use tailrace_contract::problem::PROBLEM_JSON;
use tailrace_contract::{Problem, ProblemKind, TlsIdentity};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::linger::linger;
use crate::stream::Stream;

/// The first byte of every TLS connection: a record that carries a handshake.
const HANDSHAKE_RECORD: u8 = 22;
/// For a client that speaks no TLS to read why its connection ends.
const LINGER: Duration = Duration::from_millis(500);

/// How connections of a listener begin.
#[derive(Clone)]
pub enum Security {
    /// With the transport's first byte.
    Clear,
    /// With a handshake.
    Tls(TlsAcceptor),
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Clear) { "Clear" } else { "Tls" })
    }
}

impl Security {
    /// Clear text without an identity; else TLS that shows it and agrees on `alpn`. A client
    /// that offers protocols without this one is refused by an alert; one that offers none is
    /// taken, as most scripts offer none.
    ///
    /// # Errors
    /// The identity is of no use: no certificate, a key of an unknown kind, or one that is not
    /// the certificate's.
    pub fn new(identity: Option<&TlsIdentity>, alpn: &str) -> io::Result<Self> {
        let Some(identity) = identity else { return Ok(Self::Clear) };
        let mut config = config(identity)?;
        config.alpn_protocols = vec![alpn.into()];
        Ok(Self::Tls(TlsAcceptor::from(Arc::new(config))))
    }

    /// Brings a connection to where the transport can begin; none when it ended before.
    /// Clear text never waits.
    pub async fn begin(&self, stream: TcpStream, limit: Duration) -> Option<Stream> {
        match self {
            Self::Clear => Some(Stream::Plain(stream)),
            // Boxed: a handshake needs kilobytes, which every connection would else carry along.
            Self::Tls(acceptor) => {
                match timeout(limit, Box::pin(handshake(acceptor, stream))).await {
                    Ok(Ok(stream)) => stream,
                    // Clients that vanish, mistrust us or speak something else are ordinary.
                    Ok(Err(fault)) => {
                        tracing::debug!("no TLS handshake: {fault}");
                        None
                    }
                    Err(_elapsed) => {
                        tracing::debug!("no TLS handshake within {limit:?}");
                        None
                    }
                }
            }
        }
    }
}

/// Everything but ALPN.
fn config(identity: &TlsIdentity) -> io::Result<ServerConfig> {
    let unusable = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::try_from(identity.key.clone())
        .map_err(|why| unusable(format!("the private key is of no known kind: {why}")))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|fault| unusable(fault.to_string()))?;
    let served = builder.with_no_client_auth().with_single_cert(chain, key);
    let mut config = served.map_err(|fault| {
        unusable(format!("this certificate and this key cannot be served together: {fault}"))
    })?;
    // Nobody resumes a session: agents keep their connections, so tickets would be bytes and
    // memory for nothing, and connections of one measurement would cost different amounts.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// None when the client was told that it should have spoken TLS.
async fn handshake(acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<Option<Stream>> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
        _ if first[0] == HANDSHAKE_RECORD => {}
        _ => {
            turn_away(stream, first[0]).await?;
            return Ok(None);
        }
    }
    let stream = acceptor.accept(stream).await?;
    Ok(Some(Stream::Tls(Box::new(stream))))
}

/// Ends a connection in clear text. Whoever begins like HTTP gets an answer to read.
async fn turn_away(mut stream: TcpStream, first: u8) -> io::Result<()> {
    tracing::debug!("a client spoke clear text on a TLS port");
    if first.is_ascii_uppercase() {
        stream.write_all(&speak_tls()).await?;
    }
    linger(stream, LINGER).await;
    Ok(())
}

fn speak_tls() -> Vec<u8> {
    let detail = "this port speaks TLS and the request came in clear text; use https:// or wss://";
    let body = Problem::new(ProblemKind::BadRequest, detail).to_json();
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: {PROBLEM_JSON}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}
