//! Asks a server's observer side: the audit after a trial. Plain blocking HTTP/1.0, because one
//! short question needs no client library.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use tailrace_contract::Audit;
use tailrace_producers::tls::Tls;

use crate::secure::Line;

/// A log of a million batches is read in a few seconds.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(60);
/// Loopback or a network of containers: who does not take a connection by then never will.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Ranges of one run; far more would mean that something else answered.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// How an observer is asked: in clear text or not, and with a key or without.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner<'a> {
    tls: Option<&'a Tls>,
    key: Option<&'a Key>,
}

/// A key that servers of a race are shown. It is never printed.
#[derive(Clone)]
pub struct Key(pub String);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// The line of a head that shows it; nothing without one.
    pub(crate) fn line(key: Option<&Self>) -> String {
        key.map_or_else(String::new, |Key(text)| format!("authorization: Bearer {text}\r\n"))
    }
}

impl<'a> From<Option<&'a Tls>> for Manner<'a> {
    fn from(tls: Option<&'a Tls>) -> Self {
        Self { tls, key: None }
    }
}

impl<'a> From<(Option<&'a Tls>, Option<&'a Key>)> for Manner<'a> {
    fn from((tls, key): (Option<&'a Tls>, Option<&'a Key>)) -> Self {
        Self { tls, key }
    }
}

/// What the log holds of a run, by the path that asks for it.
///
/// # Errors
/// The server cannot be reached, or refused to answer: with what it said.
pub fn audit<'a>(
    observer: SocketAddr,
    manner: impl Into<Manner<'a>>,
    target: &str,
) -> anyhow::Result<Audit> {
    let body = get(observer, manner, target)?;
    serde_json::from_slice(&body).context("the audit's answer could not be read")
}

/// The body of a successful GET.
///
/// # Errors
/// As [`get_within`], with the patience of an audit.
pub fn get<'a>(
    observer: SocketAddr,
    manner: impl Into<Manner<'a>>,
    target: &str,
) -> anyhow::Result<Vec<u8>> {
    get_within(observer, manner, target, AUDIT_TIMEOUT)
}

/// The body of a successful GET, behind TLS where it says how. `patience`, which must not be zero, is for each silence of the
/// server; connecting takes [`CONNECT_TIMEOUT`] at most.
///
/// # Errors
/// No connection, no answer in time, a status other than 200 (with the answer's start), or too
/// much.
pub fn get_within<'a>(
    observer: SocketAddr,
    manner: impl Into<Manner<'a>>,
    target: &str,
    patience: Duration,
) -> anyhow::Result<Vec<u8>> {
    ask_within(observer, manner, ("GET", target), patience)
}

/// The body of any successful request that has none itself.
///
/// # Errors
/// As [`get_within`].
pub fn ask_within<'a>(
    observer: SocketAddr,
    manner: impl Into<Manner<'a>>,
    (method, target): (&str, &str),
    patience: Duration,
) -> anyhow::Result<Vec<u8>> {
    let Manner { tls, key } = manner.into();
    let socket = TcpStream::connect_timeout(&observer, patience.min(CONNECT_TIMEOUT))
        .with_context(|| format!("{observer} cannot be reached"))?;
    socket.set_read_timeout(Some(patience))?;
    let mut line = Line::new(socket, tls)?;
    let shown = Key::line(key);
    write!(line, "{method} {target} HTTP/1.0\r\nhost: {observer}\r\n{shown}\r\n")
        .with_context(|| format!("{observer} takes no question"))?;
    let mut answer = Vec::new();
    let read = line.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    read.with_context(|| format!("{observer} gave no answer within {patience:?}"))?;
    let head_end = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no HTTP answer")?;
    let body = answer.split_off(head_end + 4);
    let first = answer.split(|&b| b == b'\r').next().unwrap_or(&[]);
    let first = String::from_utf8_lossy(first);
    if first.split(' ').nth(1) != Some("200") {
        let said = String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
        bail!("{method} {target} was answered with {first}: {said}");
    }
    Ok(body)
}
