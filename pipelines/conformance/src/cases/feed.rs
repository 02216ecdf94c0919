//! What was appended is announced, once, to everybody who keeps up; who does not is told.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use crate::observer::Feed;
use crate::traffic::{new_run, send_all, send_made, wide_batch};
use crate::{NOTICES, Subject};

/// No gap and no double. A last batch shows that nothing further was to come.
pub(crate) async fn every_batch_reaches_the_feed_once(subject: &dyn Subject) -> Result<()> {
    const PRODUCERS: u64 = 4;
    // What is announced of all of them and the last, live and durable, fits in the bus.
    const BATCHES: u64 = (NOTICES as u64 / 2 - 1) / PRODUCERS;
    let (run, last_run) = (new_run(), new_run());
    let mut feed = Feed::open(subject, "view=full").await?;
    send_all(subject, run, PRODUCERS, BATCHES).await?;
    send_all(subject, last_run, 1, 1).await?;
    let mut seen = BTreeSet::new();
    loop {
        let event = feed.live().await?;
        let count = event["metrics"].as_array().map_or(0, Vec::len);
        ensure!(count == 2, "expected two metrics: {event}");
        if event["run"] == last_run.to_string() {
            break;
        }
        let id = (event["producer"].to_string(), event["seq"].as_u64());
        ensure!(seen.insert(id), "announced twice: {event}");
    }
    let expected = PRODUCERS * BATCHES;
    ensure!(seen.len() as u64 == expected, "{} of {expected} were announced", seen.len());
    Ok(())
}

/// A subscriber that hardly reads loses notices, learns how many, and slows nobody.
pub(crate) async fn slow_subscriber_is_told_it_lagged(subject: &dyn Subject) -> Result<()> {
    const PRODUCERS: u64 = 8;
    // Beside the bus, the sockets on the way hold a few dozen wide batches.
    const IN_SOCKETS: u64 = 64;
    // Where a commit is awaited, it is told too.
    let notices_each = if subject.commits_first() { 2 } else { 1 };
    let batches = (NOTICES as u64 / notices_each + IN_SOCKETS) / PRODUCERS;
    let run = new_run();
    let query = format!("view=full&run={run}");
    let mut slow = Feed::open_small(subject, &query).await?;
    let mut quick = Feed::open(subject, &query).await?;
    // The quick reader keeps up on any machine: nobody sends more than its buffer holds before it has
    // read what came. The slow one takes a bite each time, or it would be cut for taking nothing.
    let at_once = NOTICES as u64 / notices_each / PRODUCERS / 4;
    for from in (0..batches).step_by(at_once as usize) {
        let sequences = from..batches.min(from + at_once);
        let expected = PRODUCERS * (sequences.end - sequences.start);
        let keep_up = async {
            for count in 0..expected {
                let read = quick.live().await;
                read.with_context(|| format!("a quick reader, {count} batches after {from} each"))?;
            }
            Ok(())
        };
        tokio::try_join!(send_made(subject, run, (PRODUCERS, sequences), wide_batch), keep_up)?;
        slow.bite().await?;
    }
    let total = PRODUCERS * batches * notices_each;
    let (mut seen, mut missed) = (0, 0);
    while seen + missed < total {
        let event = slow.event().await?;
        seen += u64::from(event["type"] != "lagged");
        missed += event["missed"].as_u64().unwrap_or(0);
    }
    ensure!(missed > 0, "a subscriber that hardly read got all {seen} notices");
    ensure!(seen + missed == total, "{seen} seen and {missed} missed are not {total}");
    Ok(())
}
