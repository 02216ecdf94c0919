//! The TLS of a server that a race starts: it makes a certificate for itself, and the generator
//! trusts that one and no other. It travels in a file, and the readiness line says which one it
//! must be. Read next: `child.rs`.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, ensure};
use tailrace_contract::TlsIdentity;
use tailrace_producers::tls::{Tls, Trust};
use tempfile::TempPath;

use crate::serve::Ready;
use crate::tls::{TLS_CERT, TLS_KEY, certificates, fingerprint};

/// A server's certificate, from before it is made until it is trusted.
pub(crate) struct Secured {
    file: TempPath,
    trust: Option<Trust>,
}

impl Secured {
    /// A place for a certificate.
    ///
    /// # Errors
    /// The folder of temporary files cannot be written.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let file = tempfile::NamedTempFile::new().context("no file for a certificate")?;
        Ok(Self { file: file.into_temp_path(), trust: None })
    }

    /// Tells a server whether to speak TLS: what the caller's environment says is for servers by
    /// hand.
    pub(crate) fn tell(secured: Option<&Self>, command: &mut Command) {
        command.env_remove(TLS_CERT).env_remove(TLS_KEY);
        if let Some(secured) = secured {
            command.args(["--tls-self-signed", "--tls-cert-out"]).arg(&*secured.file);
        }
    }

    /// Trusts the certificate of a server that is ready.
    ///
    /// # Errors
    /// It wrote none, or another one than it shows.
    pub(crate) fn learn(&mut self, ready: &Ready) -> anyhow::Result<()> {
        let chain = certificates(&self.file)?;
        let written = TlsIdentity { chain, key: Vec::new() };
        let is_shown = ready.certificate_sha256.as_ref() == Some(&fingerprint(&written));
        ensure!(is_shown, "the server shows another certificate than it wrote");
        self.trust = Some(Trust::Only(written.chain));
        Ok(())
    }

    /// How connections to `address` begin, agreeing on `alpn`.
    pub(crate) fn tls(&self, address: SocketAddr, alpn: &'static str) -> Option<Tls> {
        // A certificate that was just read and an address: nothing of it can be refused.
        Tls::new(&address.to_string(), self.trust.as_ref()?, alpn).ok()
    }
}
