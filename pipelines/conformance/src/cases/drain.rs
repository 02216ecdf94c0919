//! Stopping: what is in flight is finished, what is idle is closed, what is new is refused.

use anyhow::{Result, ensure};
use tailrace_contract::Log;

use crate::client::Connection;
use crate::traffic::{batch, new_run};
use crate::{PATIENCE, Subject};

/// A batch that was being appended when the drain began is appended and acknowledged.
pub(crate) async fn drain_finishes_what_is_in_flight(subject: &dyn Subject) -> Result<()> {
    let run = new_run();
    let mut idle = Connection::open(subject, Some(run)).await?;
    ensure!(idle.ask(&batch("idle", 0)).await? == 202, "an ordinary batch was refused");
    let mut busy = Connection::open(subject, Some(run)).await?;
    subject.gate().hold(|_| true);
    busy.send(5, &batch("busy", 0)).await?;
    subject.gate().held(1).await;
    let finish = async {
        // The idle connection's end shows that the drain has begun.
        idle.end().await?;
        subject.gate().release();
        let answer = busy.answer().await?;
        ensure!(answer == (5, 202), "in flight when the drain began: {answer:?}");
        busy.end().await
    };
    let (drained, finished) = tokio::join!(subject.drain(PATIENCE), finish);
    finished?;
    ensure!(drained.cut == 0, "{} connections were cut", drained.cut);
    let late = Connection::open(subject, Some(run)).await;
    let late = match late {
        Ok(mut connection) => connection.ask(&batch("late", 0)).await.ok(),
        Err(_) => None,
    };
    ensure!(late != Some(202), "a batch was accepted after the drain");
    let audit = subject.gate().audit(run, None).await?;
    let names: Vec<_> = audit.producers.iter().map(|p| &*p.producer.0).collect();
    ensure!(names == ["busy", "idle"], "in the log after the drain: {names:?}");
    Ok(())
}
