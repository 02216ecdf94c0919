//! What must happen now and then: count the stream, renew its expiry and the signs that somebody
//! lives for its groups, trim it. Trimming never
//! removes what some group has not finished: a group's last delivered entry is not enough,
//! since a dead worker still holds older ones. Nor what may still be replayed, unless the stream
//! comes near its limit: a shorter replay is better than a refused batch.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::cmd;
use tailrace_contract::{LogError, Position};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::link::Link;
use super::{Shared, info, present};

/// The stream's count may be off by the appends of other servers within this time.
const PERIOD: Duration = Duration::from_secs(1);

/// Runs until it is aborted. A failure is tried again in the next period; that Redis is away
/// is told by the flusher.
pub(super) async fn keep_up(shared: Arc<Shared>) {
    // The stream was counted when the log connected.
    let mut period = interval_at(Instant::now() + PERIOD, PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        period.tick().await;
        if let Err(cause) = once(&shared).await {
            tracing::debug!(%cause, "the upkeep of the stream failed");
        }
    }
}

async fn once(shared: &Shared) -> Result<(), LogError> {
    renew(shared).await?;
    for group in shared.present.groups() {
        present::renew(&shared.link, &shared.stream, &group).await?;
    }
    trim(shared).await.map(drop)
}

/// Starts the stream's expiry anew.
pub(super) async fn renew(shared: &Shared) -> Result<(), LogError> {
    if let Some(expiry) = shared.config.expiry {
        let mut renew = cmd("EXPIRE");
        shared.link.ask::<u64>(renew.arg(&shared.stream).arg(expiry.as_secs().max(1))).await?;
    }
    Ok(())
}

/// Trims, then counts. Answers how many entries went.
pub(super) async fn trim(shared: &Shared) -> Result<u64, LogError> {
    let (finished, slowest) = finished_below(shared).await?.unzip();
    shared.remember_slowest(slowest);
    let trimmed = match finished {
        None => 0,
        Some(finished) => {
            let window = replay_window(shared);
            let keep_from = finished.min(replay_from(&shared.link, window).await?);
            let mut trim = cmd("XTRIM");
            trim.arg(&shared.stream).arg("MINID").arg(keep_from.to_string());
            shared.link.ask(&trim).await?
        }
    };
    // Read first: what is appended while Redis counts may count twice, never not at all.
    let appended = shared.appended.load(Ordering::Relaxed);
    let entries: u64 = shared.link.ask(cmd("XLEN").arg(&shared.stream)).await?;
    shared.others.store(entries.wrapping_sub(appended), Ordering::Relaxed);
    Ok(trimmed)
}

/// The position below which every group has finished, and which group has come no further; none
/// without a group.
async fn finished_below(shared: &Shared) -> Result<Option<(Position, String)>, LogError> {
    let mut lowest: Option<(Position, String)> = None;
    for group in info::groups(&shared.link, &shared.stream).await? {
        let finished = if group.pending == 0 {
            successor(group.last_delivered)
        } else {
            let pending = info::smallest_pending(&shared.link, &shared.stream, &group.name).await?;
            // Acknowledged since the group was asked: what had been given by then is finished.
            pending.unwrap_or_else(|| successor(group.last_delivered))
        };
        let this = (finished, group.name);
        lowest = Some(lowest.map_or(this.clone(), |lowest| lowest.min(this)));
    }
    Ok(lowest)
}

/// Entries from here on are young enough to be replayed, by Redis' own clock.
async fn replay_from(link: &Link, window: Duration) -> Result<Position, LogError> {
    let window_ms = window.as_millis() as u64;
    let now_ms = info::now_ms(link).await?;
    Ok(Position { major: now_ms.saturating_sub(window_ms), minor: 0 })
}

/// The window that the stream has room for: all of it up to a quarter of the limit, then less
/// and less, nothing from half of it on. The other half is for what comes within a period.
fn replay_window(shared: &Shared) -> Duration {
    let max = shared.config.limits.entries_max;
    let room = (max / 2).saturating_sub(shared.entries()) as f64;
    let quarter = (max as f64 / 4.0).max(1.0);
    shared.config.replay_window.mul_f64((room / quarter).min(1.0))
}

fn successor(position: Position) -> Position {
    match position.minor.checked_add(1) {
        Some(minor) => Position { minor, ..position },
        None => Position { major: position.major.saturating_add(1), minor: 0 },
    }
}
