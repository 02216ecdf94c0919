//! The server half: one task reads bodies and hands them to the door, another writes the
//! answers in order. The channel between them bounds what waits for the log.

use std::io;
use std::net::TcpListener;

use tailrace_contract::limits::{BODY_BYTES_MAX, CONNECTIONS_MAX};
use tailrace_contract::{Answer, Caller, Ingest, Problem, ProblemKind, Server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Bodies of one connection that wait for the log.
const WAITING_MAX: usize = 64;

type Answers = mpsc::Sender<JoinHandle<Answer>>;

pub(super) fn serve<I: Ingest>(listener: TcpListener, ingest: I) -> io::Result<Box<dyn Server>> {
    tailrace_socket::serve(listener, CONNECTIONS_MAX, move |stream, stop| {
        connection(stream, ingest.clone(), stop)
    })
}

async fn connection<I: Ingest>(stream: TcpStream, ingest: I, stop: CancellationToken) {
    let (reader, writer) = stream.into_split();
    let (answers, waiting) = mpsc::channel(WAITING_MAX);
    let reading = async {
        // Dropping `answers` at its end lets the writer finish what is in flight, then close.
        let _ = stop.run_until_cancelled(read(reader, ingest, answers)).await;
    };
    let ((), written) = tokio::join!(reading, write(writer, waiting));
    // A client that is gone takes no answers; that is its own business.
    drop(written);
}

async fn read<I: Ingest>(reader: OwnedReadHalf, ingest: I, answers: Answers) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    let mut first = String::new();
    (&mut reader).take(64).read_line(&mut first).await?;
    let run = Some(first.trim()).filter(|run| !run.is_empty());
    let caller = Caller::from_run_header(run.map(str::as_bytes)).unwrap_or_default();
    loop {
        let mut length = Vec::new();
        (&mut reader).take(20).read_until(b':', &mut length).await?;
        let length = String::from_utf8_lossy(&length);
        let Ok(length) = length.trim_end_matches(':').parse::<usize>() else { return Ok(()) };
        let answer = if length > BODY_BYTES_MAX {
            let detail = format!("{length} bytes are more than {BODY_BYTES_MAX}");
            let problem = Problem::new(ProblemKind::TooLarge, detail);
            tokio::spawn(std::future::ready(Answer { seq: None, outcome: Err(problem) }))
        } else {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).await?;
            tokio::spawn(ingest.admit(&caller, body.into()))
        };
        if answers.send(answer).await.is_err() || length > BODY_BYTES_MAX {
            return Ok(());
        }
    }
}

async fn write(
    mut writer: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<JoinHandle<Answer>>,
) -> io::Result<()> {
    let mut count = 0;
    while let Some(answer) = waiting.recv().await {
        let mut line = Vec::new();
        answer.await?.write_message(count, &mut line);
        line.push(b'\n');
        writer.write_all(&line).await?;
        count += 1;
    }
    writer.shutdown().await
}
