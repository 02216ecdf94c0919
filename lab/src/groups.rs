//! `tailrace groups`: who reads a log in Redis, how far each is behind, and giving one up that
//! nobody will ever read again. A log keeps what some group has not finished; one group that was
//! left behind fills it, and then every batch is refused. A log in memory has no other groups
//! than its server's own.

use clap::{Args, Subcommand};
use tailrace_backend::{Forgotten, GroupTold, GroupsTold, RedisConfig, RedisGroups};

use crate::cli::RedisArgs;
use crate::exit::{Ended, Fault};
use crate::{printing, redis, serve};

/// Arguments of `groups`.
#[derive(Debug, Args, Clone)]
pub struct GroupsArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: GroupsVerb,
}

/// What can be done with groups.
#[derive(Debug, Subcommand, Clone)]
pub enum GroupsVerb {
    /// List the groups of a log, and how far each is behind
    List(ListArgs),
    /// Give a group up: the log keeps nothing for it any more
    Forget(ForgetArgs),
}

/// Arguments of `groups list`.
#[derive(Debug, Args, Clone)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which log
    #[command(flatten)]
    pub log: LogArgs,
}

/// Arguments of `groups forget`.
#[derive(Debug, Args, Clone)]
pub struct ForgetArgs {
    /// The group, as listed
    pub group: String,
    /// Even if a process lives for it, which then begins again with the oldest entry
    #[arg(long)]
    pub force: bool,
    /// Which log
    #[command(flatten)]
    pub log: LogArgs,
}

/// Which log.
#[derive(Debug, Args, Clone)]
pub struct LogArgs {
    /// The Redis that it is in
    #[command(flatten)]
    pub redis: RedisArgs,
    /// Prefix of all keys and channels in Redis: the same as the server's
    #[arg(long, default_value = "tailrace", env = "TAILRACE_REDIS_PREFIX")]
    pub redis_prefix: String,
}

/// Lists or forgets.
///
/// # Errors
/// No Redis was given or it cannot be reached; no such group, or one that somebody lives for.
pub fn run(arguments: &GroupsArgs) -> anyhow::Result<Ended> {
    let done = serve::runtime()?.block_on(async {
        match &arguments.verb {
            GroupsVerb::List(arguments) => list(arguments).await,
            GroupsVerb::Forget(arguments) => forget(arguments).await,
        }
    });
    done.map_err(redis::missing_if_unreachable)
}

impl LogArgs {
    fn groups(&self) -> anyhow::Result<RedisGroups> {
        let url = redis::given(&self.redis).ok_or_else(|| {
            Fault::Usage(
                "a log that others can read is in Redis: give --redis URL (TAILRACE_REDIS_URL), \
                 the same as the server's"
                    .into(),
            )
        })?;
        Ok(RedisGroups::new(&RedisConfig::new(url, &self.redis_prefix))?)
    }
}

async fn list(arguments: &ListArgs) -> anyhow::Result<Ended> {
    let told = arguments.log.groups()?.list().await?;
    if arguments.json {
        printing::json(&told)?;
    } else {
        print(&told)?;
    }
    Ok(Ended::Fine)
}

fn print(told: &GroupsTold) -> anyhow::Result<()> {
    let GroupsTold { log, entries, entries_max, groups } = told;
    printing::line(&format!("{log} holds {entries} of {entries_max} batches"))?;
    if groups.is_empty() {
        return Ok(printing::line("no group reads it")?);
    }
    printing::line(&format!(
        "{:<16}{:>10}{:>10}{:>10}{:>12}  open",
        "group", "unread", "pending", "members", "oldest"
    ))?;
    for GroupTold { group, open, lag } in groups {
        let oldest = lag.oldest_ms.map_or("-".into(), |ms| format!("{:.1} s", ms as f64 / 1e3));
        printing::line(&format!(
            "{:<16}{:>10}{:>10}{:>10}{oldest:>12}  {}",
            group.escape_debug().to_string(),
            lag.unread,
            lag.pending,
            lag.members,
            if *open { "yes" } else { "no: nobody lives for it" }
        ))?;
    }
    Ok(())
}

async fn forget(arguments: &ForgetArgs) -> anyhow::Result<Ended> {
    let ForgetArgs { group, force, log } = arguments;
    let groups = log.groups()?;
    let before = groups.list().await?;
    let refused = match groups.forget(group, *force).await? {
        Forgotten::Gone => {
            return told(group, &before);
        }
        Forgotten::Open => format!(
            "a worker, a detector or a server lives for the group {group:?}, or did {} s ago: end \
             it first, or say --force; then it begins again with the oldest entry of the log",
            RedisGroups::OPEN_FOR.as_secs()
        ),
        Forgotten::Unknown => {
            let known: Vec<_> = before.groups.iter().map(|known| known.group.as_str()).collect();
            let known = if known.is_empty() { "no groups".into() } else { known.join(", ") };
            format!("{} has no group {group:?}, but {known}; is it this prefix?", before.log)
        }
    };
    Err(Fault::Usage(refused).into())
}

/// What was given up with it.
fn told(group: &str, before: &GroupsTold) -> anyhow::Result<Ended> {
    let known = before.groups.iter().find(|known| known.group == group);
    let left = known.map_or(0, |known| known.lag.unread + known.lag.pending);
    printing::line(&format!(
        "forgot {group}, which had {left} batches before it; servers trim within a second what no \
         other group needs"
    ))?;
    Ok(Ended::Fine)
}
