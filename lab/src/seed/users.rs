//! Users of a tenant: each has a front end that reports, and a key if keys are wanted.

use std::path::Path;

use serde::Serialize;
use tailrace_contract::Tenant;
use tailrace_service::gate::{self, Entry, KeysFile, Role};

use crate::exit::Fault;
use crate::keys;

/// What each user of a tenant may do: some send, some look, one may everything.
const ROLES: [&[Role]; 5] = [
    &[Role::Ingest, Role::Read, Role::Admin],
    &[Role::Ingest, Role::Read],
    &[Role::Ingest],
    &[Role::Read],
    &[Role::Read],
];

/// One user.
#[derive(Debug, Serialize)]
pub(super) struct User {
    /// The name of its key and of its front end.
    pub(super) id: String,
    pub(super) roles: Vec<&'static str>,
    /// Its key, if one was made now.
    pub(super) key: Option<String>,
}

/// The users of each tenant.
///
/// # Errors
/// A name that no tenant can have, or that stands there twice.
pub(super) fn of(tenants: &[String]) -> Result<Vec<(Tenant, Vec<User>)>, Fault> {
    let mut all = Vec::<(Tenant, Vec<User>)>::new();
    for name in tenants {
        let user = |(number, roles): (usize, &&[Role])| User {
            id: format!("{name}-{}", number + 1),
            roles: roles.iter().copied().map(Role::name).collect(),
            key: None,
        };
        let users: Vec<User> = ROLES.iter().enumerate().map(user).collect();
        let known = all.iter().any(|(tenant, _)| *tenant.0 == **name);
        let twice = known.then(|| format!("the tenant {name:?} stands there twice"));
        let fault = gate::tenant_fault(name).or_else(|| gate::id_fault(&users[0].id)).or(twice);
        if let Some(fault) = fault {
            return Err(Fault::Usage(fault));
        }
        all.push((Tenant(name.as_str().into()), users));
    }
    Ok(all)
}

/// Adds a key for every user that has none in the file.
///
/// # Errors
/// The file cannot be read or written, or makes no sense.
pub(super) fn add_keys(path: &Path, tenants: &mut [(Tenant, Vec<User>)]) -> anyhow::Result<()> {
    let mut file = if path.exists() { crate::gate::read(path)? } else { KeysFile::default() };
    for (tenant, users) in tenants {
        for (user, roles) in users.iter_mut().zip(ROLES) {
            if file.keys.iter().any(|entry| entry.id == user.id) {
                continue;
            }
            let (key, sha256) = gate::new_key(&user.id)?;
            let (id, roles) = (user.id.as_str().into(), roles.iter().copied().collect());
            file.keys.push(Entry { id, tenant: tenant.clone(), roles, sha256, expires_ms: None });
            user.key = Some(key);
        }
    }
    keys::write(path, &file)
}
