//! `tailrace seed`: fills a store with a history to look at, and makes keys for its users. The
//! same arguments make the same batches with the same identities, so a second call stores nothing
//! new; their times are those of the first.
//!
//! Read `history.rs` (what is stored), then `users.rs` (whose it is).

mod history;
mod users;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use tailrace_contract::{Batch, Committed, Store, Tenant};

use crate::exit::{Ended, Fault};
use crate::printing;
use crate::stale::{Keepers, StaleArgs};
use crate::store::{self, Place, StoreArgs, StoreChoice};
use users::User;

/// Batches of one commit: enough that syncing the disk costs little, few enough that a server that
/// shares the store goes on meanwhile.
const COMMIT_BATCHES: usize = 200;

/// Arguments of `seed`.
#[derive(Debug, Args, Clone)]
pub struct SeedArgs {
    /// The store; without one, the file tailrace.db here
    #[command(flatten)]
    pub store: StoreArgs,
    /// Events in all, the same number for every tenant
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub events: u32,
    /// Days that they are spread over, up to now
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub days: u32,
    /// Whose events; those of a server without keys belong to the tenant "open"
    #[arg(long, value_delimiter = ',', default_values = ["acme", "globex"])]
    pub tenants: Vec<String>,
    /// Everything random comes from here
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Add a key for every user to this file, as `serve --keys` reads it, and print each once
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who keeps answers about what is stored
    #[command(flatten)]
    pub stale: StaleArgs,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Report {
    store: String,
    tenants: Vec<Seeded>,
}

/// One tenant's part.
#[derive(Debug, Serialize)]
struct Seeded {
    tenant: Tenant,
    users: Vec<User>,
    /// Times of the first and last event that was made, in milliseconds since 1970.
    from_ms: u64,
    to_ms: u64,
    events: u64,
    stored: Committed,
}

/// Fills the store.
///
/// # Errors
/// Arguments that make no sense, a store that cannot be opened or written, a file of keys that
/// cannot.
pub fn run(arguments: &SeedArgs) -> anyhow::Result<Ended> {
    let choice = arguments.store.or_file();
    if matches!(choice, StoreChoice::Sqlite(Place::Temporary) | StoreChoice::Postgres(None)) {
        let what = "this store is gone when seed ends: give --store sqlite:FILE or postgres://…";
        return Err(Fault::Usage(what.into()).into());
    }
    let mut tenants = users::of(&arguments.tenants)?;
    let keepers = arguments.stale.keepers()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = Report { store: choice.to_string(), tenants: Vec::new() };
    let stored = runtime.block_on(async {
        let store = store::open(&choice).await?;
        let mut stored = Vec::new();
        for (number, (tenant, users)) in tenants.iter().enumerate() {
            stored.push(seed((&*store, &keepers), arguments, number, (tenant, users)).await?);
        }
        anyhow::Ok(stored)
    })?;
    keepers.finish(stored.iter().any(|(_, stored)| stored.new > 0))?;
    if let Some(file) = &arguments.keys {
        users::add_keys(file, &mut tenants)?;
    }
    for ((tenant, users), (history, stored)) in tenants.into_iter().zip(stored) {
        let (from_ms, to_ms, events) = history;
        report.tenants.push(Seeded { tenant, users, from_ms, to_ms, events, stored });
    }
    if arguments.json {
        printing::json(&report)?;
    } else {
        print(&report, arguments)?;
    }
    Ok(Ended::Fine)
}

/// First and last time, and how many events.
type Extent = (u64, u64, u64);

async fn seed(
    (store, keepers): (&dyn Store, &Keepers<'_>),
    arguments: &SeedArgs,
    number: usize,
    (tenant, users): (&Tenant, &[User]),
) -> anyhow::Result<(Extent, Committed)> {
    let share = arguments.events as usize / arguments.tenants.len();
    let rest = usize::from(number < arguments.events as usize % arguments.tenants.len());
    let made = history::make(arguments, number as u64, share + rest, tenant, users)?;
    let (first, last) = (made.first(), made.last());
    let extent = (
        first.map_or(0, |batch| batch.received_ms),
        last.map_or(0, |batch| batch.received_ms),
        made.iter().map(|batch| batch.metrics.len() as u64).sum(),
    );
    let mut stored = Committed::default();
    for batches in made.chunks(COMMIT_BATCHES) {
        let committed = store.commit(Arc::new(Vec::<Batch>::from(batches))).await?;
        keepers.committed(batches).await?;
        stored.new += committed.new;
        stored.duplicate += committed.duplicate;
        stored.metrics += committed.metrics;
    }
    Ok((extent, stored))
}

fn print(report: &Report, arguments: &SeedArgs) -> anyhow::Result<()> {
    for Seeded { tenant, users, stored, events, .. } in &report.tenants {
        let told = if stored.new == 0 {
            format!("nothing new: all {events} events were there already")
        } else {
            let days = arguments.days;
            format!("{} events in {} batches over {days} days", stored.metrics, stored.new)
        };
        printing::line(&format!("{}: {} users; {told}", tenant.0, users.len()))?;
        for user in users.iter().filter(|_| arguments.keys.is_some()) {
            let key = user.key.as_deref().unwrap_or("(it has a key already)");
            printing::line(&format!("  {:<20} {:<18} {key}", user.id, user.roles.join(",")))?;
        }
    }
    printing::line(&format!("in {}", report.store))?;
    if let Some(file) = &arguments.keys {
        eprintln!("Keys are shown only now; {} holds their hashes.", file.display());
    }
    Ok(())
}
