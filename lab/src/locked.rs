//! The key of a raced server that asks for one: made for this server, for everything, with limits
//! that nothing reaches. What the gate costs is measured, not how it refuses.

use std::path::PathBuf;
use std::process::Command;

use tailrace_contract::{Quota, Tenant};
use tailrace_loadgen::observer::Key;
use tailrace_service::gate::{Entry, KeysFile, Quotas, Roles, new_key};
use tempfile::TempDir;

use crate::keys;

/// Nothing that is raced comes near: a bucket counts in microseconds.
const NEVER: Quota = Quota { rate_per_s: 1e6, burst: 1_000_000 };

/// A file of one key.
pub(crate) struct Locked {
    _folder: TempDir,
    file: PathBuf,
    key: Key,
}

impl Locked {
    /// Makes it.
    ///
    /// # Errors
    /// No room for a file, or no randomness.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("keys.toml");
        let (text, sha256) = new_key("race")?;
        let (tenant, roles) = (Tenant("race".into()), Roles::ALL);
        let entry = Entry { id: "race".into(), tenant, roles, sha256, expires_ms: None };
        let mut keys = KeysFile { keys: vec![entry], ..KeysFile::default() };
        keys.tenants.insert("race".into(), Quotas { ingest: NEVER, read: NEVER });
        keys::write(&file, &keys)?;
        Ok(Self { _folder: folder, file, key: Key(text) })
    }

    /// Tells a server whom to let in.
    pub(crate) fn tell(this: Option<&Self>, command: &mut Command) {
        match this {
            Some(locked) => command.arg("--keys").arg(&locked.file),
            None => command.arg("--open"),
        };
    }

    /// The key.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }
}
