//! `tailrace dlq`: entries that could not be stored, with the reason, and storing them once the
//! reason is gone. Nothing is removed but by storing it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde::Serialize;
use tailrace_contract::{Batch, BatchId, DeadLetter, Producer, Store, StoreError, Tenant, codec};

use crate::exit::{Ended, Fault};
use crate::stale::{Keepers, StaleArgs};
use crate::store::{self, StoreArgs};
use crate::{printing, redis, serve};

/// Arguments of `dlq`.
#[derive(Debug, Args, Clone)]
pub struct DlqArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: DlqVerb,
}

/// What can be done with dead letters.
#[derive(Debug, Subcommand, Clone)]
pub enum DlqVerb {
    /// List dead letters, oldest first, with why each could not be stored
    List(ListArgs),
    /// Decode dead letters again and store those that can be stored now
    Replay(Box<ReplayArgs>),
}

/// Arguments of `dlq list`.
#[derive(Debug, Args, Clone)]
pub struct ListArgs {
    /// Letters shown at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Print JSON: one object a letter, with its body
    #[arg(long)]
    pub json: bool,
    /// Where they are
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Arguments of `dlq replay`.
#[derive(Debug, Args, Clone)]
pub struct ReplayArgs {
    /// Numbers of letters, as listed
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub letters: Vec<i64>,
    /// All letters
    #[arg(long)]
    pub all: bool,
    /// A body that was mended by hand, in place of the letter's own; for one letter
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub body: Option<PathBuf>,
    /// Whose the batch is where the letter's own identity could not be read
    #[arg(long, default_value = "open")]
    pub tenant: String,
    /// Print JSON: one object a letter
    #[arg(long)]
    pub json: bool,
    /// Where they are
    #[command(flatten)]
    pub store: StoreArgs,
    /// Who keeps answers about what is stored
    #[command(flatten)]
    pub stale: StaleArgs,
}

/// Letters of one page: each may hold a megabyte.
const PAGE: usize = 50;

/// Lists or replays.
///
/// # Errors
/// The store cannot be reached, a letter is unknown, a file cannot be read.
pub fn run(arguments: &DlqArgs) -> anyhow::Result<Ended> {
    serve::runtime()?.block_on(async {
        match &arguments.verb {
            DlqVerb::List(arguments) => list(arguments).await,
            DlqVerb::Replay(arguments) => replay(arguments).await,
        }
    })
}

/// A letter for programs.
#[derive(Serialize)]
struct Listed<'a> {
    letter: i64,
    log: &'a str,
    position: String,
    id: Option<&'a BatchId>,
    reason: &'a str,
    received_ms: Option<u64>,
    buried_ms: u64,
    /// As text; what is no text is shown with replacement characters.
    body: std::borrow::Cow<'a, str>,
}

async fn list(arguments: &ListArgs) -> anyhow::Result<Ended> {
    let store = store::open(&arguments.store.or_file()).await?;
    let (mut after, mut left) = (i64::MIN, arguments.limit as usize);
    let mut shown = 0;
    while left > 0 {
        let page = store.dead(after, left.min(PAGE)).await?;
        let Some((last, _)) = page.last() else { break };
        (after, left, shown) = (*last, left - page.len(), shown + page.len());
        for (letter, dead) in &page {
            print(*letter, dead, arguments.json)?;
        }
    }
    if shown == 0 && !arguments.json {
        printing::line("no dead letters")?;
    }
    Ok(Ended::Fine)
}

fn print(letter: i64, dead: &DeadLetter, json: bool) -> anyhow::Result<()> {
    if json {
        let listed = Listed {
            letter,
            log: &dead.log,
            position: dead.position.to_string(),
            id: dead.id.as_ref(),
            reason: &dead.reason,
            received_ms: dead.received_ms,
            buried_ms: dead.buried_ms,
            body: String::from_utf8_lossy(&dead.body),
        };
        return Ok(printing::line(&serde_json::to_string(&listed)?)?);
    }
    let who = dead.id.as_ref().map_or("of unknown origin".to_owned(), |id| {
        format!("{} {} {} {}", id.tenant.0, id.run, id.producer.0, id.seq)
    });
    let (when, bytes) = (time(dead.buried_ms), dead.body.len());
    let (log, position) = (&dead.log, dead.position);
    printing::line(&format!("{letter}  {when}  {log} {position}  {who}  {bytes} bytes"))?;
    // A reason quotes what strangers sent.
    Ok(printing::line(&format!("    {}", dead.reason.escape_debug()))?)
}

fn time(ms: u64) -> String {
    let instant = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    instant.map_or_else(|| ms.to_string(), |instant| instant.to_string())
}

/// What became of a letter.
#[derive(Serialize)]
struct Replayed {
    letter: i64,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Stored,
    Duplicate,
    StillBad,
}

async fn replay(arguments: &ReplayArgs) -> anyhow::Result<Ended> {
    let mended = mended(arguments)?;
    let keepers = arguments.stale.keepers()?;
    let store = store::open(&arguments.store.or_file()).await?;
    let mut replay = Replay { store, keepers, arguments, stored: 0, bad: 0 };
    if arguments.all {
        replay.all().await?;
    }
    for &letter in &arguments.letters {
        replay.named(letter, mended.as_ref()).await?;
    }
    // Nothing else runs here that it could keep waiting.
    replay.keepers.finish(replay.stored > 0)?;
    Ok(if replay.bad == 0 { Ended::Fine } else { Ended::Failed })
}

/// A replay under way.
struct Replay<'a> {
    store: Arc<dyn Store>,
    keepers: Keepers<'a>,
    arguments: &'a ReplayArgs,
    stored: u32,
    bad: u32,
}

impl Replay<'_> {
    async fn all(&mut self) -> anyhow::Result<()> {
        let mut after = i64::MIN;
        loop {
            let page = self.store.dead(after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (letter, dead) in page {
                self.one(letter, dead, None).await?;
            }
        }
    }

    async fn named(&mut self, letter: i64, mended: Option<&Bytes>) -> anyhow::Result<()> {
        let found = self.store.dead(letter.saturating_sub(1), 1).await?.pop();
        let Some((_, dead)) = found.filter(|(number, _)| *number == letter) else {
            bail!(Fault::Usage(format!("there is no letter {letter}; see tailrace dlq list")));
        };
        self.one(letter, dead, mended).await
    }

    /// Stores the batch of a letter if that can be, and tells what became of it.
    async fn one(
        &mut self,
        letter: i64,
        dead: DeadLetter,
        mended: Option<&Bytes>,
    ) -> anyhow::Result<()> {
        let (outcome, reason) = match batch(letter, dead, mended, &self.arguments.tenant) {
            Err(reason) => (Outcome::StillBad, Some(reason)),
            Ok(batch) => match self.store.revive(letter, batch.clone()).await {
                Ok(did) if did.new > 0 => {
                    self.keepers.committed(&[batch]).await?;
                    (Outcome::Stored, None)
                }
                Ok(_) => (Outcome::Duplicate, None),
                Err(StoreError::Refused { cause }) => (Outcome::StillBad, Some(cause)),
                Err(error) => return Err(error.into()),
            },
        };
        self.stored += u32::from(outcome == Outcome::Stored);
        self.bad += u32::from(outcome == Outcome::StillBad);
        tell(&Replayed { letter, outcome, reason }, self.arguments.json)
    }
}

fn mended(arguments: &ReplayArgs) -> anyhow::Result<Option<Bytes>> {
    let Some(path) = &arguments.body else { return Ok(None) };
    if arguments.letters.len() != 1 {
        bail!(Fault::Usage("--body mends one letter: name exactly one".into()));
    }
    let body = std::fs::read(path);
    Ok(Some(body.with_context(|| format!("--body {} cannot be read", path.display()))?.into()))
}

/// The batch of a letter, or why there is none.
fn batch(
    letter: i64,
    dead: DeadLetter,
    mended: Option<&Bytes>,
    tenant: &str,
) -> Result<Batch, String> {
    let body = mended.unwrap_or(&dead.body);
    let decoded = codec::decode(body).map_err(|refused| {
        let field = refused.problem.fields.first();
        let field = field.map(|field| format!(" ({}: {})", field.pointer, field.detail));
        format!("{}{}", refused.problem.detail, field.unwrap_or_default())
    })?;
    // One that never had an identity gets one of its own: the letter goes with the commit, so it
    // cannot be stored twice.
    let id = dead.id.unwrap_or_else(|| BatchId {
        tenant: Tenant(tenant.into()),
        run: redis::fresh_run(),
        producer: decoded.producer.unwrap_or_else(|| Producer("dlq".into())),
        seq: decoded.seq.unwrap_or(letter.unsigned_abs()),
    });
    let received_ms = dead.received_ms.unwrap_or(dead.buried_ms);
    Ok(Batch { id, received_ms, metrics: decoded.metrics })
}

fn tell(replayed: &Replayed, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(printing::line(&serde_json::to_string(replayed)?)?);
    }
    let outcome = match (replayed.outcome, &replayed.reason) {
        (Outcome::Stored, _) => "stored".to_owned(),
        (Outcome::Duplicate, _) => "was stored before; the letter is gone".to_owned(),
        (Outcome::StillBad, reason) => {
            let reason = reason.as_deref().unwrap_or_default();
            format!("still bad: {}", reason.escape_debug())
        }
    };
    Ok(printing::line(&format!("{}  {outcome}", replayed.letter))?)
}
