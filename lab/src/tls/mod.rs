//! TLS as the command line asks for it: what a server shows, and whom a client believes. The
//! handshake itself is in `pipelines/socket/src/tls.rs` and `fake-producers/src/tls.rs`; keys are
//! never printed. `pem.rs` reads files, `self_signed.rs` makes a certificate.

mod pem;
mod self_signed;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
pub use pem::certificates;
pub use self_signed::{Made, self_signed};
use sha2::{Digest, Sha256};
use tailrace_contract::TlsIdentity;
use tailrace_producers::tls::Trust;
use tailrace_socket::Security;

use crate::exit::Fault;

/// The variable that names the certificate's file. Servers of a race get theirs by flag.
pub const TLS_CERT: &str = "TAILRACE_TLS_CERT";
/// The variable that names the key's file.
pub const TLS_KEY: &str = "TAILRACE_TLS_KEY";

/// What a server shows. Without any of it, it speaks clear text.
#[derive(Debug, Args, Clone, Default)]
pub struct ServerTls {
    /// Speak TLS with a certificate that is made now, for this machine's loopback names
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub tls_self_signed: bool,
    /// Write the certificate that was made to this file (PEM), for clients to trust
    #[arg(long, value_name = "FILE", requires = "tls_self_signed")]
    pub tls_cert_out: Option<PathBuf>,
    /// Speak TLS with this certificate and those that vouch for it (PEM)
    #[arg(long, value_name = "FILE", env = TLS_CERT, requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", env = TLS_KEY, requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// Whom a client believes. Without any of it: whoever the system's authorities vouch for.
#[derive(Debug, Args, Clone, Default)]
pub struct ClientTls {
    /// Trust the certificates in this file (PEM), and nobody else
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub cacert: Option<PathBuf>,
    /// Trust everybody: only for trying something out
    #[arg(long)]
    pub insecure: bool,
}

impl ServerTls {
    /// What was asked for; none: clear text. `addresses` are where the server will listen.
    ///
    /// # Errors
    /// A file that cannot be read or holds something else, or a key of another certificate.
    pub fn identity(&self, addresses: &[IpAddr]) -> anyhow::Result<Option<TlsIdentity>> {
        let identity = match (&self.tls_cert, &self.tls_key) {
            _ if self.tls_self_signed => {
                self_signed::make(addresses, self.tls_cert_out.as_deref())?
            }
            (Some(cert), Some(key)) => pem::identity(cert, key)?,
            _ => return Ok(None),
        };
        Ok(Some(identity))
    }
}

impl ClientTls {
    /// Whether anything was said.
    pub fn is_given(&self) -> bool {
        self.insecure || self.cacert.is_some()
    }

    /// Whom to believe.
    ///
    /// # Errors
    /// The file cannot be read or holds no certificate.
    pub fn trust(&self) -> Result<Trust, Fault> {
        if self.insecure {
            tracing::warn!(
                "--insecure: whoever stands between here and the server can read and change \
                 everything; name its certificate with --cacert instead"
            );
            return Ok(Trust::Anybody);
        }
        self.cacert.as_deref().map_or(Ok(Trust::System), |file| certificates(file).map(Trust::Only))
    }
}

/// SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` writes it.
pub fn fingerprint(identity: &TlsIdentity) -> String {
    let digest = Sha256::digest(identity.chain.first().map_or(&[][..], Vec::as_slice));
    digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// Refuses what no handshake could succeed with, naming where it came from.
fn refuse_misfits(identity: &TlsIdentity, (cert, key): (&Path, &Path)) -> Result<(), Fault> {
    match Security::new(Some(identity), "http/1.1") {
        Ok(_) => Ok(()),
        Err(why) => Err(Fault::Usage(format!(
            "{} and {} do not go together: {why}; is the key that of the file's first certificate?",
            cert.display(),
            key.display()
        ))),
    }
}
