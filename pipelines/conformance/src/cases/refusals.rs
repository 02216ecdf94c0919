//! What cannot be accepted is refused clearly, and the server goes on.

use anyhow::{Context, Result, ensure};
use tailrace_contract::limits::BODY_BYTES_MAX;
use tailrace_contract::{LogError, RunId};

use crate::Subject;
use crate::client::Connection;
use crate::observer;
use crate::traffic::{batch, new_run};

/// Bodies that are no batches, none larger than allowed, each with its name.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let many: Vec<_> = (0..100_000).map(|key| format!("\"{key}\":1")).collect();
    let many = format!("{{\"name\":\"a\",\"value\":1,\"attributes\":{{{}}}}}", many.join(","));
    vec![
        ("truncated", br#"{"producer":"p","seq":1,"metrics":[{"name":"a","val"#.to_vec()),
        ("not a number", br#"{"name":"a","value":NaN}"#.to_vec()),
        ("infinite", br#"{"name":"a","value":1e999}"#.to_vec()),
        ("wrong types", br#"{"name":7,"value":"x"}"#.to_vec()),
        ("no metrics", br#"{"producer":"p","seq":1,"metrics":[]}"#.to_vec()),
        ("unknown field", br#"{"name":"a","value":1,"unit":"s"}"#.to_vec()),
        ("negative sequence", br#"{"seq":-1,"metrics":[{"name":"a","value":1}]}"#.to_vec()),
        ("not UTF-8", b"{\"name\":\"\xff\xfe\",\"value\":1}".to_vec()),
        ("deep nesting", b"[".repeat(500_000)),
        ("100,000 attributes", many.into_bytes()),
        ("packed: a length that is only claimed", b"\xdd\xff\xff\xff\xff".to_vec()),
        ("packed: deep nesting", vec![0x91; 500_000]),
        ("packed: bytes behind the end", b"\x82\xa4name\xa1a\xa5value\x01\x00".to_vec()),
        ("packed: binary data as a name", b"\x82\xa4name\xc4\x01a\xa5value\x01".to_vec()),
        ("one bad of two", br#"[{"name":"a","value":1},{"name":"b"}]"#.to_vec()),
    ]
}

/// Each is answered 400, or its connection is closed where the transport itself must not
/// carry it; nothing of it is in the log, and every refusal was counted.
pub(crate) async fn malformed_is_refused_and_counted(subject: &dyn Subject) -> Result<()> {
    let run = new_run();
    let before = observer::refused(subject, 400).await?;
    let mut answered = 0;
    for (name, body) in malformed() {
        ensure!(body.len() <= BODY_BYTES_MAX, "{name} is too large to test what it shall");
        let mut connection = Connection::open(subject, Some(run)).await?;
        connection.send(0, &body).await?;
        match connection.try_answer().await? {
            Some((_, 400)) => {
                answered += 1;
                still_serves(&mut connection, name).await?;
            }
            Some((_, status)) => anyhow::bail!("{name}: expected 400, saw {status}"),
            None => serves(subject, run).await.context(name)?,
        }
    }
    let counted = observer::refused(subject, 400).await? - before;
    ensure!(counted == answered, "{answered} were refused, {counted} were counted");
    let audit = observer::audit(subject, run).await?;
    let strange = audit.producers.iter().find(|producer| &*producer.producer.0 != "after");
    ensure!(strange.is_none(), "a refused batch is in the log: {strange:?}");
    Ok(())
}

async fn still_serves(connection: &mut Connection, after_what: &str) -> Result<()> {
    let status = connection.ask(&batch("after", 0)).await?;
    ensure!(status == 202, "after {after_what} a good batch was answered {status}");
    Ok(())
}

async fn serves(subject: &dyn Subject, run: RunId) -> Result<()> {
    still_serves(&mut Connection::open(subject, Some(run)).await?, "a closed connection").await
}

/// A body beyond the limit is answered 413, or its connection is closed.
pub(crate) async fn too_large_is_refused(subject: &dyn Subject) -> Result<()> {
    let run = new_run();
    for bytes in [BODY_BYTES_MAX + 1, 10 << 20] {
        let mut body = batch("large", 0);
        body.resize(bytes, b' ');
        let mut connection = Connection::open(subject, Some(run)).await?;
        connection.send(0, &body).await?;
        let answer = connection.try_answer().await?;
        let refused = answer.is_none_or(|(_, status)| status == 413);
        ensure!(refused, "{bytes} bytes: expected 413, saw {answer:?}");
        serves(subject, run).await.with_context(|| format!("after {bytes} bytes"))?;
    }
    // As large as allowed is not too large.
    let mut body = batch("fits", 0);
    body.resize(BODY_BYTES_MAX, b' ');
    let status = Connection::open(subject, Some(run)).await?.ask(&body).await?;
    ensure!(status == 202, "{BODY_BYTES_MAX} bytes are allowed, but answered {status}");
    let audit = observer::audit(subject, run).await?;
    let large = audit.producers.iter().any(|producer| &*producer.producer.0 == "large");
    ensure!(!large, "a batch that was too large is in the log: {audit:?}");
    Ok(())
}

/// At the log's limit: 503, and again 202 when there is room.
pub(crate) async fn full_log_answers_503(subject: &dyn Subject) -> Result<()> {
    fails_then_recovers(subject, LogError::Full { what: "closed by the suite".into() }).await
}

/// Without its backend: 503, health says so, and both recover.
pub(crate) async fn unreachable_log_answers_503(subject: &dyn Subject) -> Result<()> {
    let fault = LogError::Unreachable { cause: "closed by the suite".into() };
    subject.gate().fail(Some(fault.clone()));
    let (status, body) = observer::get(subject, "/health").await?;
    ensure!(status == 503, "health without a log: expected 503, saw {status}: {body}");
    fails_then_recovers(subject, fault).await?;
    let (status, body) = observer::get(subject, "/health").await?;
    ensure!(status == 200, "health of a mended log: expected 200, saw {status}: {body}");
    Ok(())
}

async fn fails_then_recovers(subject: &dyn Subject, fault: LogError) -> Result<()> {
    let run = new_run();
    let mut connection = Connection::open(subject, Some(run)).await?;
    subject.gate().fail(Some(fault));
    let refused = connection.exchange((0..8).map(|seq| (seq, batch("p", seq)))).await?;
    ensure!(refused.iter().all(|&(_, status)| status == 503), "expected 503: {refused:?}");
    subject.gate().fail(None);
    let status = connection.ask(&batch("p", 8)).await?;
    ensure!(status == 202, "after the log was mended: expected 202, saw {status}");
    let audit = observer::audit(subject, run).await?;
    let held = audit.producers.first().map(|producer| producer.present.ranges().to_vec());
    ensure!(held == Some(vec![(8, 8)]), "only the last one was acknowledged: {audit:?}");
    Ok(())
}
