//! Every request gets its own answer, whatever happens to its neighbours.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use tailrace_contract::RunId;

use crate::client::Connection;
use crate::observer::{self, Feed};
use crate::traffic::{batch, new_run};
use crate::{PATIENCE, Subject};

/// Good and bad requests in turns, some of the good ones delayed.
const REQUESTS: u64 = 64;

fn request(key: u64) -> (u64, Vec<u8>) {
    (key, if is_good(key) { batch("p", key) } else { b"[{\"name\":7}]".to_vec() })
}

fn is_good(key: u64) -> bool {
    key.is_multiple_of(2)
}

/// A slow good request must not take the quick refusal of the next one as its answer.
pub(crate) async fn answers_match_their_requests(subject: &dyn Subject) -> Result<()> {
    subject.gate().delay(Duration::from_millis(10), |batch| batch.id.seq % 8 == 0);
    let mut connection = Connection::open(subject, Some(new_run())).await?;
    check(&connection.exchange((0..REQUESTS).map(request)).await?)
}

/// Answers fed byte by byte are the same answers.
pub(crate) async fn wire_survives_splits(subject: &dyn Subject) -> Result<()> {
    for piece_bytes in [1, 2, 7] {
        let run = Some(new_run());
        let mut connection = Connection::open_in_pieces(subject, run, piece_bytes).await?;
        check(&connection.exchange((0..REQUESTS).map(request)).await?)?;
    }
    Ok(())
}

fn check(answers: &[(u64, u16)]) -> Result<()> {
    let by_key: BTreeMap<_, _> = answers.iter().copied().collect();
    let expected: BTreeMap<_, _> =
        (0..REQUESTS).map(|key| (key, if is_good(key) { 202 } else { 400 })).collect();
    ensure!(answers.len() == expected.len(), "{} answers to {REQUESTS} requests", answers.len());
    ensure!(by_key == expected, "answers went to the wrong requests: {by_key:?}");
    Ok(())
}

/// A bare metric is a batch of its own, twice the same body are two batches.
pub(crate) async fn identity_is_assigned_when_missing(subject: &dyn Subject) -> Result<()> {
    let mut feed = Feed::open(subject, "view=ids").await?;
    let mut connection = Connection::open(subject, None).await?;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let status = connection.ask(br#"{"name":"cpu","value":0.5}"#).await?;
        ensure!(status == 202, "a metric without identity was answered {status}");
        let event = tokio::time::timeout(PATIENCE, feed.live()).await??;
        let id = (event["run"].clone(), event["producer"].clone(), event["seq"].clone());
        ensure!(!seen.contains(&id), "two batches got one identity: {event}");
        let run: RunId = id.0.as_str().unwrap_or_default().parse()?;
        let audit = observer::audit(subject, run).await?;
        let held = audit.producers.iter().any(|p| Some(&*p.producer.0) == id.1.as_str());
        ensure!(held, "the log does not know the identity that was assigned: {event}");
        seen.push(id);
    }
    Ok(())
}
