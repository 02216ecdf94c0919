//! Certificates that were named one by one. Whoever they vouch for is believed by the library's own
//! rules. One of them may also be the server's own: what `openssl req -x509` makes says of itself
//! that it is an authority, and the rules want no authority for a server; but it was named, and
//! that is as good. Read next: `../../link.rs`.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::TlsError;

/// Believes these certificates and whoever they vouch for.
#[derive(Debug)]
pub(super) struct Named {
    certificates: Vec<Vec<u8>>,
    rules: Arc<WebPkiServerVerifier>,
}

impl Named {
    /// `roots` are the same certificates as authorities.
    pub(super) fn new(
        certificates: &[Vec<u8>],
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let rules = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let rules = rules.map_err(|why| TlsError::Setup(Error::General(why.to_string())))?;
        Ok(Self { certificates: certificates.to_vec(), rules })
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.rules.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match judged {
            // Being out of date or for another name are errors of their own and stay ones; the
            // rules look at the dates before they look at what it may be used for.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.certificates.iter().any(|named| **named == **end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rules.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rules.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rules.supported_verify_schemes()
    }
}
