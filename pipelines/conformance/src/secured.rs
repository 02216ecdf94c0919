//! TLS for a transport's own tests: an identity, and a client that trusts it, on the library
//! itself and not on the program's client half. Two different errors would have to agree to pass.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tailrace_contract::TlsIdentity;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A fresh identity for loopback, which vouches for itself.
///
/// # Errors
/// The library has no random numbers.
pub fn identity() -> anyhow::Result<TlsIdentity> {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = made.signing_key.serialize_der();
    Ok(TlsIdentity { chain: vec![made.cert.der().to_vec()], key })
}

/// Connects to a loopback address and shakes hands, trusting `trusted` alone and offering the
/// protocols `alpn`.
///
/// # Errors
/// No connection, or no handshake: what the library says.
pub async fn connect(
    address: SocketAddr,
    trusted: &TlsIdentity,
    alpn: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    shake_hands(TcpStream::connect(address).await?, trusted, alpn).await
}

/// The same on a connection that stands.
///
/// # Errors
/// No handshake: what the library says.
pub async fn shake_hands(
    stream: TcpStream,
    trusted: &TlsIdentity,
    alpn: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::from(stream.peer_addr()?.ip());
    let connector = connector(trusted, alpn).map_err(io::Error::other)?;
    connector.connect(name, stream).await
}

fn connector(trusted: &TlsIdentity, alpn: &[&str]) -> Result<TlsConnector, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for der in &trusted.chain {
        roots.add(CertificateDer::from(der.clone()))?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(TlsConnector::from(Arc::new(config)))
}
