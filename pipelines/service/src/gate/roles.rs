//! What a key may do.

use serde::{Deserialize, Serialize};

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Send metrics.
    Ingest,
    /// See the tenant's metrics: live, recent, history, audits.
    Read,
    /// Act on the whole server: clear its cache, see its counters.
    Admin,
}

/// Some permissions. None includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Role {
    /// Every role, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Read, Self::Admin];

    /// As it stands in files and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl Roles {
    /// Everything: what everybody may on a server without keys.
    pub const ALL: Self = Self(0b111);

    /// Whether this role is among them.
    pub fn have(self, role: Role) -> bool {
        self.0 & bit(role) != 0
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.have(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<T: IntoIterator<Item = Role>>(roles: T) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | bit(role)))
    }
}

fn bit(role: Role) -> u8 {
    match role {
        Role::Ingest => 0b001,
        Role::Read => 0b010,
        Role::Admin => 0b100,
    }
}
