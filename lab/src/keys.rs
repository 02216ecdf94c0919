//! `tailrace keys`: makes, lists and revokes the keys of a server. A key is shown once, when it is
//! made; the file holds its hash. The file is written whole and renamed, so that a server that
//! reads it never sees half of one.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use tailrace_contract::{Quota, Tenant};
use tailrace_service::gate::{self, Entry, KeysFile, Role};

use crate::exit::{Ended, Fault};
use crate::{gate as lab_gate, printing};

/// Arguments of `keys`.
#[derive(Debug, clap::Args, Clone)]
pub struct KeysArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: KeysVerb,
    /// The file of keys, as `serve --keys` reads it
    #[arg(long, global = true, default_value = "keys.toml", env = "TAILRACE_KEYS")]
    pub file: PathBuf,
}

/// What to do with keys.
#[derive(Debug, Subcommand, Clone)]
pub enum KeysVerb {
    /// Make a key and print it: this is the only time that it can be seen
    Add(AddArgs),
    /// List the keys: names, tenants, roles, limits
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: servers that read the file know within a second
    Revoke {
        /// The key's name
        id: String,
    },
}

/// Arguments of `keys add`.
#[derive(Debug, clap::Args, Clone)]
pub struct AddArgs {
    /// Its name: lower case letters, digits and '-'
    pub id: String,
    /// Whose data it opens
    #[arg(long)]
    pub tenant: String,
    /// What it may do
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["ingest", "read"])]
    pub roles: Vec<RoleArg>,
    /// It stops being good after this time, such as 90d or 12h
    #[arg(long, value_parser = lifetime)]
    pub expires: Option<Duration>,
    /// Requests a second that the tenant may send; also changes it for the tenant's other keys
    #[arg(long, value_parser = crate::cli::rate)]
    pub ingest_rate: Option<f64>,
    /// Requests at once that the tenant may send after a pause
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub ingest_burst: Option<u32>,
    /// Questions a second that the tenant may ask
    #[arg(long, value_parser = crate::cli::rate)]
    pub read_rate: Option<f64>,
    /// Questions at once that the tenant may ask after a pause
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub read_burst: Option<u32>,
}

/// A role on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Send metrics.
    Ingest,
    /// See the tenant's metrics.
    Read,
    /// Act on the whole server: clear its cache, see its counters.
    Admin,
}

/// Days too: keys live longer than runs.
fn lifetime(text: &str) -> Result<Duration, String> {
    const DAY_S: u64 = 86_400;
    match text.strip_suffix('d').map(str::parse::<u64>) {
        Some(Ok(days @ 1..=36_500)) => Ok(Duration::from_secs(days * DAY_S)),
        Some(_) => Err(format!("{text:?} is not a number of days such as 90d")),
        None => tailrace_producers::parse_duration(text).map_err(|fault| fault.to_string()),
    }
}

/// Does what was asked.
///
/// # Errors
/// A name that is taken or unknown, or a file that cannot be read or written.
pub fn run(arguments: &KeysArgs) -> anyhow::Result<Ended> {
    let file = &arguments.file;
    match &arguments.verb {
        KeysVerb::Add(add) => self::add(file, add)?,
        KeysVerb::List { json } => list(&lab_gate::read(file)?, *json)?,
        KeysVerb::Revoke { id } => revoke(file, id)?,
    }
    Ok(Ended::Fine)
}

fn add(path: &Path, arguments: &AddArgs) -> anyhow::Result<()> {
    let id = &arguments.id;
    if let Some(fault) = gate::id_fault(id).or_else(|| gate::tenant_fault(&arguments.tenant)) {
        return Err(Fault::Usage(fault).into());
    }
    let mut file = if path.exists() { lab_gate::read(path)? } else { KeysFile::default() };
    if file.keys.iter().any(|key| key.id == *id) {
        let what = format!("{}: there is a key {id:?} already; revoke it first", path.display());
        return Err(Fault::Usage(what).into());
    }
    let (key, sha256) = gate::new_key(id)?;
    let (id, tenant) = (id.as_str().into(), Tenant(arguments.tenant.as_str().into()));
    let roles = arguments.roles.iter().map(|role| role.role()).collect();
    let expires_ms = arguments.expires.map(|life| (since_1970() + life).as_millis() as u64);
    limit(&mut file, &tenant, arguments);
    file.keys.push(Entry { id, tenant, roles, sha256, expires_ms });
    write(path, &file)?;
    printing::line(&key)?;
    eprintln!("This key is shown only now; {} holds its hash.", path.display());
    Ok(())
}

/// Limits that were given replace those that the tenant had.
fn limit(file: &mut KeysFile, tenant: &Tenant, arguments: &AddArgs) {
    let given = (arguments.ingest_rate, arguments.ingest_burst);
    let given_read = (arguments.read_rate, arguments.read_burst);
    if given == (None, None) && given_read == (None, None) {
        return;
    }
    let mut quotas = file.quotas(tenant);
    let set = |quota: &mut Quota, (rate, burst): (Option<f64>, Option<u32>)| {
        quota.rate_per_s = rate.unwrap_or(quota.rate_per_s);
        // A burst of another rate would be out of proportion: two seconds of the new one.
        let usual = rate.map_or(quota.burst, |rate| (rate * 2.0).ceil() as u32);
        quota.burst = burst.unwrap_or(usual);
    };
    set(&mut quotas.ingest, given);
    set(&mut quotas.read, given_read);
    file.tenants.insert((&*tenant.0).into(), quotas);
}

fn revoke(path: &Path, id: &str) -> anyhow::Result<()> {
    let mut file = lab_gate::read(path)?;
    let before = file.keys.len();
    file.keys.retain(|key| key.id != *id);
    if file.keys.len() == before {
        let known: Vec<_> = file.keys.iter().map(|key| key.id.as_str()).collect();
        let known = if known.is_empty() { "there is none".into() } else { known.join(", ") };
        let what = format!("{}: there is no key {id:?}; known: {known}", path.display());
        return Err(Fault::Usage(what).into());
    }
    let keys = &file.keys;
    file.tenants.retain(|tenant, _| keys.iter().any(|key| *key.tenant.0 == **tenant));
    write(path, &file)?;
    printing::line(&format!("{id} is revoked; servers that read this file know within a second"))?;
    Ok(())
}

fn list(file: &KeysFile, json: bool) -> anyhow::Result<()> {
    let expires = |key: &Entry| key.expires_ms.and_then(gate::timestamp).map(|t| t.to_string());
    if json {
        let keys = file.keys.iter().map(|key| {
            serde_json::json!({
                "id": key.id, "tenant": key.tenant, "expires": expires(key),
                "roles": key.roles.iter().map(Role::name).collect::<Vec<_>>(),
                "ingest": file.quotas(&key.tenant).ingest,
                "read": file.quotas(&key.tenant).read,
            })
        });
        return printing::json(&keys.collect::<Vec<_>>());
    }
    for key in &file.keys {
        let roles: Vec<_> = key.roles.iter().map(Role::name).collect();
        let quota = |q: Quota| format!("{}/s, burst {}", q.rate_per_s, q.burst);
        let quotas = file.quotas(&key.tenant);
        printing::line(&format!(
            "{:<20} tenant {:<16} {:<18} expires {:<22} ingest {}; read {}",
            key.id,
            key.tenant.0,
            roles.join(","),
            expires(key).unwrap_or_else(|| "never".into()),
            quota(quotas.ingest),
            quota(quotas.read),
        ))?;
    }
    Ok(())
}

/// A whole file or the old one, for the owner only.
pub(crate) fn write(path: &Path, file: &KeysFile) -> anyhow::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut out = options.open(&unfinished).with_context(|| unfinished.display().to_string())?;
    out.write_all(file.write().as_bytes())?;
    // On the disk before the old one goes: a revoked key must not come back with a power cut.
    out.sync_all()?;
    std::fs::rename(&unfinished, path).with_context(|| path.display().to_string())
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl RoleArg {
    fn role(self) -> Role {
        match self {
            Self::Ingest => Role::Ingest,
            Self::Read => Role::Read,
            Self::Admin => Role::Admin,
        }
    }
}
