//! A certificate that a server makes for itself when it starts: nobody vouches for it, so clients
//! must be told to trust it. Its key is in memory only and ends with the process.

use std::net::IpAddr;
use std::path::Path;

use anyhow::Context;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use tailrace_contract::TlsIdentity;

/// The names of this machine that never leave it.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Longer than any server of a lab runs, and short enough for clients that refuse certificates
/// without a foreseeable end.
const VALID_DAYS: i32 = 90;
/// Clocks of clients may be behind.
const VALID_BEFORE_DAYS: i32 = 1;

/// Makes one for the loopback names and `addresses`, and writes it to `out`.
///
/// # Errors
/// The file cannot be written.
pub(super) fn make(addresses: &[IpAddr], out: Option<&Path>) -> anyhow::Result<TlsIdentity> {
    // "Every address" is the name of none.
    let listening = addresses.iter().filter(|address| !address.is_unspecified());
    let names: Vec<String> = listening.map(ToString::to_string).collect();
    let key = KeyPair::generate()?;
    let certificate = params(&names, VALID_DAYS)?.self_signed(&key)?;
    if let Some(out) = out {
        std::fs::write(out, certificate.pem())
            .with_context(|| format!("the certificate cannot be written to {}", out.display()))?;
    }
    Ok(TlsIdentity { chain: vec![certificate.der().to_vec()], key: key.serialize_der() })
}

/// A certificate and its key as PEM, for files.
#[derive(Debug)]
pub struct Made {
    /// What clients are to trust.
    pub certificate: String,
    /// What nobody else may see.
    pub key: String,
}

/// Makes one for the loopback names and `names`, good for `valid_days`.
///
/// # Errors
/// A name that no certificate can hold.
pub fn self_signed(names: &[String], valid_days: i32) -> anyhow::Result<Made> {
    let key = KeyPair::generate()?;
    let certificate = params(names, valid_days)?.self_signed(&key)?;
    Ok(Made { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn params(names: &[String], valid_days: i32) -> anyhow::Result<CertificateParams> {
    let mut names = [&LOOPBACK.map(str::to_owned)[..], names].concat();
    names.sort();
    names.dedup();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Tailrace, self-signed");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let midnight = |(year, month, day)| rcgen::date_time_ymd(year, month, day);
    params.not_before = midnight(day(-VALID_BEFORE_DAYS)?);
    params.not_after = midnight(day(valid_days)?);
    Ok(params)
}

/// Year, month and day, so many days from today.
fn day(from_today: i32) -> anyhow::Result<(i32, u8, u8)> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let date = today.checked_add(jiff::Span::new().days(from_today))?;
    Ok((date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs()))
}
