//! Certificates and keys from PEM files. What is wrong with a file is told by what was seen in
//! it: the labels of its blocks, never their contents.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tailrace_contract::TlsIdentity;

use crate::exit::Fault;

/// Files with certificates or keys have a few kilobytes; this is something else.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate with those that vouch for it, and its key.
pub(super) fn identity(cert: &Path, key: &Path) -> Result<TlsIdentity, Fault> {
    let identity = TlsIdentity { chain: certificates(cert)?, key: private_key(key)? };
    super::refuse_misfits(&identity, (cert, key))?;
    Ok(identity)
}

/// All certificates of a file, DER.
///
/// # Errors
/// The file cannot be read, or holds none.
pub fn certificates(file: &Path) -> Result<Vec<Vec<u8>>, Fault> {
    let text = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found.iter().map(|der| der.to_vec()).collect()),
        Ok(_) => Err(wrong(file, "no certificate", "-----BEGIN CERTIFICATE-----", &text)),
        Err(why) => Err(Fault::Usage(format!("{} is broken PEM: {why:?}", file.display()))),
    }
}

fn private_key(file: &Path) -> Result<Vec<u8>, Fault> {
    warn_if_open(file);
    let text = read(file)?;
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key.secret_der().to_vec()),
        Err(_) => Err(wrong(
            file,
            "no private key that can be used",
            "-----BEGIN PRIVATE KEY-----",
            &text,
        )),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Fault> {
    let unreadable =
        |why: String| Fault::Usage(format!("{} cannot be read: {why}", file.display()));
    let bytes = std::fs::metadata(file).map_err(|why| unreadable(why.to_string()))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(unreadable(format!("{bytes} bytes are no PEM file")));
    }
    std::fs::read(file).map_err(|why| unreadable(why.to_string()))
}

/// A file that holds something else than was looked for.
fn wrong(file: &Path, what: &str, expected: &str, text: &[u8]) -> Fault {
    let labels = labels(text);
    let seen = match &*labels {
        [] if text.is_empty() => "it is empty".into(),
        [] => "no PEM block was seen; a binary (DER) file is turned into one by `openssl x509 \
               -inform der` or `openssl pkey -inform der`"
            .into(),
        labels if labels.iter().any(|label| label.starts_with("ENCRYPTED")) => {
            "the key is encrypted; `openssl pkey -in FILE -out OTHER` takes the password off".into()
        }
        labels => format!("it holds {}", labels.join(", ")),
    };
    Fault::Usage(format!("{} holds {what} ({expected} was looked for): {seen}", file.display()))
}

/// What the blocks of a PEM file say they are.
fn labels(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let begun = text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN "));
    begun.filter_map(|rest| Some(rest.strip_suffix("-----")?.to_owned())).collect()
}

/// A key that others can read is not private; it is used all the same, as in a container its
/// mode is often not ours to choose.
#[cfg(unix)]
fn warn_if_open(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(file) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(
            "{} can be read by others (mode {mode:o}); a private key should be its owner's alone: \
             chmod 600",
            file.display()
        );
    }
}

#[cfg(not(unix))]
fn warn_if_open(_file: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let file = Path::new("some.pem");
        let told = wrong(file, "no certificate", "X", text.as_bytes()).to_string();
        assert!(told.contains("some.pem") && told.contains(expect), "{told}");
    }

    #[test]
    fn a_wrong_file_is_told_by_what_is_in_it() {
        check("", "empty");
        check("\u{0}\u{1}", "inform der");
        check("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n", "holds PRIVATE KEY");
        check("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "openssl pkey");
    }
}
