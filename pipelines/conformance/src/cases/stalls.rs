//! A log that stalls: nobody may be told that it worked, and nobody else may notice.

use anyhow::{Result, ensure};

use crate::client::Connection;
use crate::traffic::{batch, new_run};
use crate::{SILENCE, Subject, observer};

/// An acknowledgement that comes before the log has promised is a lie.
pub(crate) async fn ack_waits_for_its_stage(subject: &dyn Subject) -> Result<()> {
    let run = new_run();
    let mut connection = Connection::open(subject, Some(run)).await?;
    subject.gate().hold(|_| true);
    connection.send(7, &batch("p", 0)).await?;
    subject.gate().held(1).await;
    ensure!(connection.is_silent(SILENCE).await?, "answered before the log had the batch");
    let before = observer::audit(subject, run).await?;
    ensure!(before.producers.is_empty(), "in the log before it was appended: {before:?}");
    subject.gate().release();
    let answer = connection.answer().await?;
    ensure!(answer == (7, 202), "expected (7, 202), saw {answer:?}");
    let after = observer::audit(subject, run).await?;
    ensure!(after.producers.len() == 1, "acknowledged but not in the log: {after:?}");
    Ok(())
}

/// One connection's batch is stuck; the others go on.
pub(crate) async fn stalled_log_does_not_block_other_connections(
    subject: &dyn Subject,
) -> Result<()> {
    let run = Some(new_run());
    let mut stalled = Connection::open(subject, run).await?;
    subject.gate().hold(|batch| &*batch.id.producer.0 == "stalled");
    stalled.send(0, &batch("stalled", 0)).await?;
    subject.gate().held(1).await;
    let mut free = Connection::open(subject, run).await?;
    let answers = free.exchange((0..50).map(|seq| (seq, batch("free", seq)))).await?;
    ensure!(answers.iter().all(|&(_, status)| status == 202), "refused: {answers:?}");
    ensure!(stalled.is_silent(SILENCE).await?, "the held batch was answered");
    subject.gate().release();
    ensure!(stalled.answer().await? == (0, 202), "the held batch was not acknowledged");
    Ok(())
}

/// Connections that are stalled at once.
const CONNECTIONS: usize = 32;
/// Requests that each may send meanwhile, where its transport allows several.
const IN_FLIGHT: u64 = 16;

/// With the whole log stuck, clients can send up to their limits: the server goes on
/// accepting and reading, and a refusal that needs no log still comes.
pub(crate) async fn stalled_log_does_not_block_send(subject: &dyn Subject) -> Result<()> {
    let run = Some(new_run());
    subject.gate().hold(|_| true);
    let mut connections = Vec::new();
    for index in 0..CONNECTIONS {
        let mut connection = Connection::open(subject, run).await?;
        let producer = format!("p{index}");
        let mut sent = 0;
        while sent < IN_FLIGHT && connection.room() > 0 {
            connection.send(sent, &batch(&producer, sent)).await?;
            sent += 1;
        }
        connections.push((connection, sent));
    }
    subject.gate().held(CONNECTIONS).await;
    let mut bystander = Connection::open(subject, run).await?;
    let status = bystander.ask(b"{").await?;
    ensure!(status == 400, "a malformed body behind a stalled log: expected 400, saw {status}");
    subject.gate().release();
    for (mut connection, sent) in connections {
        for _ in 0..sent {
            let (key, status) = connection.answer().await?;
            ensure!(status == 202, "request {key} was answered {status} after the stall");
        }
    }
    Ok(())
}
