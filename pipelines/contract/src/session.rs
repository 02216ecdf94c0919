//! Sessions of browsers: what a server keeps of a login. A page gets an id that says nothing; what
//! is kept is the id's hash, so that whoever reads the place cannot log in with it. Who the
//! session belongs to is looked up in the keys each time: a revoked key ends its sessions.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::BoxFuture;

/// SHA-256 of a session's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHash(pub [u8; 32]);

/// A hash is no secret, but it names somebody's session: a part is enough for a log.
impl fmt::Debug for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Id of the key that was shown.
    pub key: SmolStr,
    /// SHA-256 of that key: a key that was made anew under the same id is another one.
    pub digest: [u8; 32],
    /// When it ends at the latest, in milliseconds since 1970.
    pub ends_ms: u64,
}

/// A place for sessions.
pub trait Sessions: Send + Sync {
    /// Keeps a session until nobody has asked for it for `idle`, or until it ends. Of one key at
    /// most [`SESSIONS_PER_KEY_MAX`] are kept: the one that began first makes room.
    fn begin(
        &self,
        id: SessionHash,
        session: Session,
        idle: Duration,
    ) -> BoxFuture<'static, Result<(), SessionsError>>;

    /// The session, if it is still kept; it then is for another `idle`.
    fn resume(
        &self,
        id: SessionHash,
        idle: Duration,
    ) -> BoxFuture<'static, Result<Option<Session>, SessionsError>>;

    /// Ends a session; one that is not kept has ended already.
    fn end(&self, id: SessionHash) -> BoxFuture<'static, Result<(), SessionsError>>;
}

/// Sessions of one key: every browser of a small team. The number of keys is bounded by the file
/// that they stand in, so all sessions together are too.
pub const SESSIONS_PER_KEY_MAX: usize = 64;

/// The place does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sessions cannot be looked up: {cause}")]
pub struct SessionsError {
    /// What was seen.
    pub cause: String,
}
