//! What an acknowledgement promises. Pipelines are ranked only within one promise.

use serde::{Deserialize, Serialize};

/// How far a batch has come when it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// It was read, nothing more.
    Received,
    /// It is in the log.
    Appended,
    /// It is in the store.
    Committed,
}

/// What an appended batch outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survives {
    /// Nothing: it is gone with the server's process.
    Nothing,
    /// The death of the server, not that of the log's own process or host.
    ServerDeath,
    /// The death of the log's host too: it was on disk before the acknowledgement.
    HostDeath,
}

impl Survives {
    /// The heading under which pipelines of this promise are compared.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Nothing => "promises nothing after a crash",
            Self::ServerDeath => "survives the server's death",
            Self::HostDeath => "survives the host's death",
        }
    }
}
