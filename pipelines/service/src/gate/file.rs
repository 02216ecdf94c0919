//! The keys file: TOML that people can read, check and edit. It holds hashes, no keys. Unknown
//! members, roles, and anything else that is not understood is an error with its line: a limit
//! that was misspelt must not become no limit. Read next: `lab`'s `keys` verb, which writes it.
//!
//! ```toml
//! [[keys]]
//! id = "web1"
//! tenant = "acme"
//! roles = ["ingest", "read"]
//! sha256 = "…64 hexadecimal digits: SHA-256 of the whole key…"
//! expires = 2027-01-31T00:00:00Z   # may be left out
//!
//! [tenants.acme]                   # may be left out, whole or in part
//! ingest = { rate_per_s = 5000.0, burst = 10000 }
//! read = { rate_per_s = 50.0, burst = 200 }
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use serde::Deserialize;
use tailrace_contract::{Producer, Quota, SmolStr, Tenant};
use toml::Spanned;

use super::{Role, Roles, secret};

/// Keys of one file. More tenants than this want another way to hand out keys.
const KEYS_MAX: usize = 10_000;
/// Bytes of a key's id: it is part of the key, which must fit a header.
const ID_BYTES_MAX: usize = 32;
/// Bytes of a tenant's name: it stands in every entry of the log.
const TENANT_BYTES_MAX: usize = 64;
/// A bucket counts in microseconds.
const RATE_MAX: f64 = 1e6;

/// One key as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: lower case letters, digits and `-`.
    pub id: SmolStr,
    /// Whose data it opens.
    pub tenant: Tenant,
    /// What it may do.
    pub roles: Roles,
    /// SHA-256 of the whole key.
    pub sha256: [u8; 32],
    /// When it stops being good, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
}

/// How much a tenant may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Sending: requests or messages.
    pub ingest: Quota,
    /// Everything else that needs a key.
    pub read: Quota,
}

impl Default for Quotas {
    /// Sending: about what one server takes. Reading: a page that polls, and a person who reloads.
    fn default() -> Self {
        Self {
            ingest: Quota { rate_per_s: 100_000.0, burst: 100_000 },
            read: Quota { rate_per_s: 50.0, burst: 200 },
        }
    }
}

/// A keys file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeysFile {
    /// In the order of the file.
    pub keys: Vec<Entry>,
    /// Of tenants that have limits of their own.
    pub tenants: BTreeMap<SmolStr, Quotas>,
}

/// A file that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct KeysFault {
    /// Counted from 1.
    pub line: usize,
    /// What was seen, and what was expected.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(default)]
    keys: Vec<Spanned<ShapeOfKey>>,
    #[serde(default)]
    tenants: BTreeMap<Spanned<SmolStr>, Spanned<Quotas>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeOfKey {
    id: Spanned<SmolStr>,
    tenant: Spanned<SmolStr>,
    roles: Spanned<Vec<Role>>,
    sha256: Spanned<String>,
    expires: Option<Spanned<toml::value::Datetime>>,
}

impl KeysFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Anything that is not understood, two keys of one id, limits of nobody.
    pub fn parse(text: &str) -> Result<Self, KeysFault> {
        let place = Place(text);
        let shape: Shape = toml::from_str(text).map_err(|fault| {
            place.fault(fault.span().unwrap_or_default(), fault.message().to_owned())
        })?;
        if shape.keys.len() > KEYS_MAX {
            return Err(place.fault(0..0, format!("it has more than {KEYS_MAX} keys")));
        }
        let mut file = Self::default();
        for key in shape.keys {
            let span = key.get_ref().id.span();
            let entry = place.entry(key.into_inner())?;
            if file.keys.iter().any(|known| known.id == entry.id) {
                return Err(place.fault(span, format!("a second key {:?}", entry.id)));
            }
            file.keys.push(entry);
        }
        for (name, quotas) in shape.tenants {
            let known = file.keys.iter().any(|key| *key.tenant.0 == *name.get_ref().as_str());
            if !known {
                let what = format!("no key belongs to a tenant {:?}", name.get_ref());
                return Err(place.fault(name.span(), what));
            }
            place.quotas(&quotas)?;
            file.tenants.insert(name.into_inner(), quotas.into_inner());
        }
        Ok(file)
    }

    /// A tenant's limits.
    pub fn quotas(&self, tenant: &Tenant) -> Quotas {
        self.tenants.get(&*tenant.0).copied().unwrap_or_default()
    }

    /// The file's text. Comments of people are not kept, and the text says so.
    pub fn write(&self) -> String {
        let mut text = String::from(
            "# Keys of a Tailrace server: hashes only. `tailrace keys` writes this file anew, \
             without other comments.\n",
        );
        for key in &self.keys {
            let roles: Vec<_> = key.roles.iter().map(|role| format!("{:?}", role.name())).collect();
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n[[keys]]\nid = {:?}\ntenant = {:?}\nroles = [{}]\nsha256 = \"{}\"\n",
                key.id,
                key.tenant.0,
                roles.join(", "),
                secret::hex(&key.sha256)
            );
            if let Some(expires) = key.expires_ms.and_then(timestamp) {
                let _ = writeln!(text, "expires = {expires}");
            }
        }
        for (tenant, Quotas { ingest, read }) in &self.tenants {
            let quota =
                |q: &Quota| format!("{{ rate_per_s = {:?}, burst = {} }}", q.rate_per_s, q.burst);
            let _ = write!(
                text,
                "\n[tenants.{tenant:?}]\ningest = {}\nread = {}\n",
                quota(ingest),
                quota(read)
            );
        }
        text
    }
}

/// Why a text cannot be a key's id, or nothing when it can.
pub fn id_fault(id: &str) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(allowed);
    (!fits).then(|| {
        format!("the id {id:?} is not 1 to {ID_BYTES_MAX} lower case letters, digits and '-'")
    })
}

/// Why a text cannot be a tenant's name, or nothing when it can. Names stand in the log between
/// blanks.
pub fn tenant_fault(name: &str) -> Option<String> {
    let fault = Producer::fault(name).filter(|_| name.len() <= TENANT_BYTES_MAX);
    let too_long = (name.len() > TENANT_BYTES_MAX).then_some("is too long");
    fault.or(too_long).map(|why| format!("the tenant {name:?} {why}"))
}

/// A time as it stands in the file.
pub fn timestamp(ms: u64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()
}

/// A text, to say where something stands in it.
struct Place<'a>(&'a str);

impl Place<'_> {
    fn fault(&self, span: Range<usize>, what: impl Into<String>) -> KeysFault {
        let before = self.0.get(..span.start).unwrap_or_default();
        KeysFault { line: before.matches('\n').count() + 1, what: what.into() }
    }

    fn entry(&self, shape: ShapeOfKey) -> Result<Entry, KeysFault> {
        let ShapeOfKey { id, tenant, roles, sha256, expires } = shape;
        if let Some(what) = id_fault(id.get_ref()) {
            return Err(self.fault(id.span(), what));
        }
        if let Some(what) = tenant_fault(tenant.get_ref()) {
            return Err(self.fault(tenant.span(), what));
        }
        if roles.get_ref().is_empty() {
            let what = "a key without roles is good for nothing; known are ingest, read, admin";
            return Err(self.fault(roles.span(), what));
        }
        let Some(hash) = secret::from_hex(sha256.get_ref()) else {
            let what = "sha256 is not 64 hexadecimal digits; try printf %s KEY | sha256sum";
            return Err(self.fault(sha256.span(), what));
        };
        Ok(Entry {
            id: id.into_inner(),
            tenant: Tenant(tenant.get_ref().as_str().into()),
            roles: roles.into_inner().into_iter().collect(),
            sha256: hash,
            expires_ms: expires.map(|expires| self.expiry(&expires)).transpose()?,
        })
    }

    fn expiry(&self, expires: &Spanned<toml::value::Datetime>) -> Result<u64, KeysFault> {
        let text = expires.get_ref().to_string();
        let time: Option<jiff::Timestamp> = text.parse().ok();
        let ms = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        ms.ok_or_else(|| {
            let what = format!("{text} is not a time with an offset, such as 2027-01-31T00:00:00Z");
            self.fault(expires.span(), what)
        })
    }

    fn quotas(&self, quotas: &Spanned<Quotas>) -> Result<(), KeysFault> {
        let Quotas { ingest, read } = quotas.get_ref();
        let fits = |quota: &Quota| {
            quota.rate_per_s.is_finite()
                && (0.001..=RATE_MAX).contains(&quota.rate_per_s)
                && quota.burst >= 1
        };
        if fits(ingest) && fits(read) {
            return Ok(());
        }
        let what = format!("a rate is 0.001 to {RATE_MAX} a second, and a burst at least 1");
        Err(self.fault(quotas.span(), what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[keys]]
id = "web-1"
tenant = "acme"
roles = ["ingest", "read"]
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
expires = 2027-01-31T00:00:00Z

[tenants.acme]
read = { rate_per_s = 5.5, burst = 7 }
"#;

    #[test]
    fn what_is_written_is_read() {
        let file = KeysFile::parse(GOOD).unwrap();
        let key = &file.keys[0];
        assert!(key.roles.have(Role::Read) && !key.roles.have(Role::Admin));
        assert_eq!(key.expires_ms, Some(1_801_353_600_000));
        let quotas = file.quotas(&key.tenant);
        assert_eq!(quotas.read, Quota { rate_per_s: 5.5, burst: 7 });
        assert_eq!(quotas.ingest, Quotas::default().ingest);
        assert_eq!(KeysFile::parse(&file.write()), Ok(file));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        let check = |from: &str, to: &str, line: usize, part: &str| {
            let fault = KeysFile::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(fault.what.contains(part), "{fault}");
            assert_eq!(fault.line, line, "{fault}");
        };
        check("web-1", "Web_1", 3, "lower case");
        check("\"acme\"", "\"a b\"", 4, "tenant");
        check("\"read\"", "\"raed\"", 5, "ingest");
        check("[\"ingest\", \"read\"]", "[]", 5, "without roles");
        check("0123", "xyz", 6, "64 hexadecimal");
        check("2027-01-31T00:00:00Z", "2027-01-31", 7, "offset");
        check("expires", "expiry", 7, "unknown field");
        check("tenants.acme", "tenants.acne", 9, "no key belongs");
        check("5.5", "0.0", 9, "a rate is");
        check("burst", "brust", 10, "unknown field");
        let twice = format!("{GOOD}{}", GOOD.split("[tenants").next().unwrap());
        assert!(KeysFile::parse(&twice).unwrap_err().what.contains("a second key"));
    }
}
