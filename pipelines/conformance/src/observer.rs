//! The observer as the suite sees it: plain requests, and the feed over SSE. HTTP/1.0, so
//! that bodies end with the connection and need no decoding.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use tailrace_contract::{Audit, RunId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::{PATIENCE, Subject};

/// Asks for one page: its status and body.
pub(crate) async fn get(subject: &dyn Subject, target: &str) -> Result<(u16, String)> {
    let mut stream = request(subject, target, TcpSocket::new_v4()?).await?;
    let mut text = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut text)).await.context("observer")??;
    let (head, body) = text.split_once("\r\n\r\n").context("no end of the head")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.context("no status")?, body.to_owned()))
}

async fn request(subject: &dyn Subject, target: &str, socket: TcpSocket) -> Result<TcpStream> {
    let mut stream = socket.connect(subject.observer()).await.context("observer")?;
    let head = format!("GET {target} HTTP/1.0\r\nhost: {}\r\n\r\n", subject.observer());
    stream.write_all(head.as_bytes()).await?;
    Ok(stream)
}

/// What the log holds of a run.
pub(crate) async fn audit(subject: &dyn Subject, run: RunId) -> Result<Audit> {
    let (status, body) = get(subject, &format!("/v1/audit/{run}")).await?;
    ensure!(status == 200, "the audit answered {status}: {body}");
    serde_json::from_str(&body).context("reading the audit")
}

/// Batches that the door refused with this status so far.
pub(crate) async fn refused(subject: &dyn Subject, status: u16) -> Result<u64> {
    let (_, page) = get(subject, "/metrics").await?;
    let label = format!("status=\"{status}\"");
    let counts =
        |line: &&str| line.starts_with("tailrace_ingest_refused_total{") && line.contains(&label);
    let line = page.lines().find(counts).ok_or_else(|| {
        anyhow!("/metrics counts no refusals with {label}; does the door count its answers?")
    })?;
    line.rsplit(' ').next().and_then(|n| n.parse().ok()).context("reading a count")
}

/// A subscription. It takes only what is asked of it; the rest waits at the server.
pub(crate) struct Feed {
    stream: TcpStream,
    text: String,
}

/// Bytes that the kernel keeps for a subscriber that shall fall behind.
const SMALL_BUFFER_BYTES: u32 = 4 << 10;
/// Two wide batches, or what the observer lets the kernel keep of what it wrote.
const BITE_BYTES: usize = 64 << 10;

impl Feed {
    /// Subscribes; nothing is missed from here on.
    pub(crate) async fn open(subject: &dyn Subject, query: &str) -> Result<Self> {
        Self::open_on(subject, query, TcpSocket::new_v4()?).await
    }

    /// Subscribes with little room for what is not read.
    pub(crate) async fn open_small(subject: &dyn Subject, query: &str) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SMALL_BUFFER_BYTES)?;
        Self::open_on(subject, query, socket).await
    }

    async fn open_on(subject: &dyn Subject, query: &str, socket: TcpSocket) -> Result<Self> {
        let target = format!("/v1/metrics/live?{query}");
        let mut feed =
            Self { stream: request(subject, &target, socket).await?, text: String::new() };
        let head = feed.block().await?;
        ensure!(head.contains("200 OK"), "the feed answered {head}");
        Ok(feed)
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Result<Value> {
        loop {
            let block = self.block().await?;
            let data = block.lines().find_map(|line| line.strip_prefix("data: "));
            if let Some(data) = data {
                return serde_json::from_str(data).context("reading an event");
            }
        }
    }

    /// The next event but those that say that a batch is in a store, which must be live.
    pub(crate) async fn live(&mut self) -> Result<Value> {
        loop {
            let event = self.event().await?;
            if event["type"] != "durable" {
                ensure!(event["type"] == "live", "expected a live event, saw {event}");
                return Ok(event);
            }
        }
    }

    /// Text up to an empty line. The head ends with `retry:`, which the server sends at once.
    async fn block(&mut self) -> Result<String> {
        loop {
            if let Some(at) = self.text.find("\n\n") {
                let rest = self.text.split_off(at + 2);
                return Ok(std::mem::replace(&mut self.text, rest));
            }
            self.read(64 << 10).await?;
        }
    }

    /// Takes what a server's socket holds, for a reader that falls behind and is still there. With
    /// less, the server could write nothing and would take it for gone.
    pub(crate) async fn bite(&mut self) -> Result<()> {
        let enough = self.text.len() + BITE_BYTES;
        while self.text.len() < enough {
            self.read(BITE_BYTES).await?;
        }
        Ok(())
    }

    async fn read(&mut self, bytes_max: usize) -> Result<()> {
        let mut buffer = vec![0; bytes_max];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await;
        match read.context("the feed was silent")?? {
            0 => bail!("the feed ended"),
            n => self.text.push_str(std::str::from_utf8(&buffer[..n])?),
        }
        Ok(())
    }
}
