//! The keys that are good now, and how one is found: by the id that stands in it, then by a
//! comparison that takes the same time whatever is wrong. An id that nobody has is compared with
//! something too. Read next: `file.rs`, where rings come from.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use subtle::ConstantTimeEq;
use tailrace_contract::{SmolStr, Tenant};
use tokio_util::sync::CancellationToken;

use super::meter::Meter;
use super::roles::Roles;
use super::{Entry, secret, wall_ms};

/// How every key begins: whoever finds one in a text knows what it is for.
const PREFIX: &str = "tr_";

/// A key as the server knows it: its hash, and what it is good for.
#[derive(Debug)]
pub(crate) struct Key {
    pub(super) id: SmolStr,
    pub(super) tenant: Tenant,
    pub(super) roles: Roles,
    pub(super) digest: [u8; 32],
    pub(super) expires_ms: Option<u64>,
    /// Counts what the tenant asks for; shared by all of its keys.
    pub(super) meter: Arc<Meter>,
    is_revoked: AtomicBool,
    /// Wakes feeds; looked at only where somebody waits.
    revoked: CancellationToken,
}

/// All keys of a server at one time.
#[derive(Debug, Default)]
pub(super) struct Ring {
    keys: HashMap<SmolStr, Arc<Key>>,
}

impl Key {
    fn new(entry: &Entry, meter: Arc<Meter>) -> Self {
        Self {
            id: entry.id.clone(),
            tenant: entry.tenant.clone(),
            roles: entry.roles,
            digest: entry.sha256,
            expires_ms: entry.expires_ms,
            meter,
            is_revoked: AtomicBool::new(false),
            revoked: CancellationToken::new(),
        }
    }

    /// Its name in files and answers.
    pub(crate) fn id(&self) -> &SmolStr {
        &self.id
    }

    /// When it expires, in milliseconds since 1970.
    pub(crate) fn expires_ms(&self) -> Option<u64> {
        self.expires_ms
    }

    /// Whether it was neither revoked nor has expired.
    pub(super) fn is_good(&self) -> bool {
        !self.is_revoked.load(Ordering::Acquire)
            && self.expires_ms.is_none_or(|expires| wall_ms() < expires)
    }

    /// Ends when the key does.
    pub(super) async fn over(&self) {
        let expiry = async {
            match self.expires_ms {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.revoked.cancelled() => {}
            () = expiry => {}
        }
    }

    fn revoke(&self) {
        self.is_revoked.store(true, Ordering::Release);
        self.revoked.cancel();
    }

    fn is(&self, entry: &Entry) -> bool {
        let Entry { id, tenant, roles, sha256, expires_ms } = entry;
        self.id == *id
            && self.tenant == *tenant
            && self.roles == *roles
            && self.digest == *sha256
            && self.expires_ms == *expires_ms
    }
}

/// The clock may be set meanwhile, so it is asked again now and then.
async fn sleep_until(end_ms: u64) {
    const LOOK_AGAIN: Duration = Duration::from_secs(60);
    while let Some(left) = end_ms.checked_sub(wall_ms()).filter(|left| *left > 0) {
        tokio::time::sleep(Duration::from_millis(left).min(LOOK_AGAIN)).await;
    }
}

impl Ring {
    /// The ring that follows: keys that stay as they were go on, all others are revoked.
    pub(super) fn followed_by(
        &self,
        entries: &[Entry],
        meter: impl Fn(&Tenant) -> Arc<Meter>,
    ) -> Self {
        let next = entries.iter().map(|entry| {
            let kept = self.keys.get(&entry.id).filter(|key| key.is(entry));
            let key =
                kept.cloned().unwrap_or_else(|| Arc::new(Key::new(entry, meter(&entry.tenant))));
            (entry.id.clone(), key)
        });
        let keys: HashMap<_, _> = next.collect();
        for (id, key) in &self.keys {
            if !keys.get(id).is_some_and(|next| Arc::ptr_eq(next, key)) {
                key.revoke();
            }
        }
        Self { keys }
    }

    /// The key that this text is, if it is good now.
    pub(super) fn find(&self, shown: &str) -> Option<&Arc<Key>> {
        /// Compared with where there is no such id. No text is known that has this hash.
        const NOBODY: [u8; 32] = [0; 32];
        let known = id_of(shown).and_then(|id| self.keys.get(id));
        let expected = known.map_or(&NOBODY, |key| &key.digest);
        let is_same = bool::from(secret::digest(shown).ct_eq(expected));
        known.filter(|key| is_same && key.is_good())
    }

    /// A key by its id, if its hash is this one: the key of a session.
    pub(super) fn of_session(&self, id: &str, digest: &[u8; 32]) -> Option<&Arc<Key>> {
        self.keys.get(id).filter(|key| key.digest == *digest && key.is_good())
    }
}

/// What stands between the prefix and the secret. Ids have no `_`.
fn id_of(shown: &str) -> Option<&str> {
    Some(shown.strip_prefix(PREFIX)?.split_once('_')?.0)
}

/// Writes a key.
pub(super) fn written(id: &str, secret: &str) -> String {
    format!("{PREFIX}{id}_{secret}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::meter::Meters;
    use crate::gate::{Quotas, Role};

    fn entry(id: &str, key: &str) -> Entry {
        let tenant = Tenant("acme".into());
        let roles = [Role::Read].into_iter().collect();
        Entry { id: id.into(), tenant, roles, sha256: secret::digest(key), expires_ms: None }
    }

    fn ring(before: &Ring, entries: &[Entry]) -> Ring {
        let meters = Meters::new(None);
        before.followed_by(entries, |tenant| meters.of(tenant, &Quotas::default()))
    }

    #[test]
    fn only_the_whole_key_of_that_id_is_found() {
        let (key, other) = ("tr_a_secret", "tr_b_other");
        let ring = ring(&Ring::default(), &[entry("a", key), entry("b", other)]);
        assert_eq!(ring.find(key).unwrap().id, "a");
        for wrong in ["", "tr_", "tr_a", "tr_a_", "tr_a_secre", "tr_a_other", "tr_c_secret", "a"] {
            assert!(ring.find(wrong).is_none(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn whoever_is_gone_or_changed_is_revoked_and_others_go_on() {
        let entries = ["a", "b", "c"].map(|id| entry(id, &format!("tr_{id}_x")));
        let before = ring(&Ring::default(), &entries);
        let held = ["a", "b", "c"].map(|id| Arc::clone(&before.keys[id]));
        let [a, mut b, _] = entries;
        b.roles = Roles::ALL;
        let after = ring(&before, &[a, b]);
        assert!(held[0].is_good() && Arc::ptr_eq(&held[0], after.find("tr_a_x").unwrap()));
        assert!(!held[1].is_good() && after.find("tr_b_x").unwrap().is_good());
        assert!(!held[2].is_good() && after.find("tr_c_x").is_none());
        held[2].over().await;
    }

    #[tokio::test]
    async fn an_expired_key_is_as_good_as_none() {
        let mut expired = entry("a", "tr_a_x");
        expired.expires_ms = Some(1_000);
        let ring = ring(&Ring::default(), &[expired]);
        assert!(ring.find("tr_a_x").is_none());
        ring.keys["a"].over().await;
    }
}
