//! One request and its whole answer, on a connection of its own: status, headers, body, and how
//! long it took. Loads count answers by the thousand; here is looked at what an answer says. Read
//! next: `breaker.rs`, which asks most.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tailrace_loadgen::observer::Key;
use tailrace_measure::clock::{Stamp, now};

use super::stage::open;

/// Longer than any server here may think.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of an answer; the longest that a scenario asks for has some hundred kilobytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// When it was asked for.
    pub(super) asked: Stamp,
    /// From then to its last byte.
    pub(super) took_ns: u64,
    /// Its status.
    pub(super) status: u16,
    /// `Retry-After`, in seconds.
    pub(super) retry_after_s: Option<u64>,
    /// Why it is worse than it should be.
    pub(super) degraded: Option<String>,
    /// Its body, where that is JSON.
    pub(super) body: Value,
}

/// Asks once.
///
/// # Errors
/// Nobody is there, or what came is no answer.
pub(super) fn get(to: SocketAddr, key: &Key, path: &str) -> anyhow::Result<Answer> {
    request(to, key, &format!("GET {path}"), "")
}

/// Sends once.
///
/// # Errors
/// As [`get`].
pub(super) fn post(to: SocketAddr, key: &Key, path: &str, body: &str) -> anyhow::Result<Answer> {
    request(to, key, &format!("POST {path}"), body)
}

fn request(to: SocketAddr, Key(key): &Key, line: &str, body: &str) -> anyhow::Result<Answer> {
    let asked = now();
    let mut socket = TcpStream::connect_timeout(&to, PATIENCE).with_context(|| to.to_string())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.0\r\nhost: {to}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    socket.write_all(format!("{head}{body}").as_bytes())?;
    let mut whole = Vec::new();
    socket.take(ANSWER_BYTES_MAX).read_to_end(&mut whole).context("no answer in time")?;
    let took_ns = now().since(asked);
    read(&whole, asked, took_ns).with_context(|| format!("{line}: no HTTP answer"))
}

fn read(whole: &[u8], asked: Stamp, took_ns: u64) -> Option<Answer> {
    let end = whole.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&whole[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let header = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim().to_owned())
    };
    Some(Answer {
        asked,
        took_ns,
        status,
        retry_after_s: header("retry-after").and_then(|seconds| seconds.parse().ok()),
        degraded: header("tailrace-degraded"),
        body: serde_json::from_slice(&whole[end + 4..]).unwrap_or_default(),
    })
}

/// Whoever asks again and again: on threads of a scope, while the scenario goes on.
#[derive(Default)]
pub(super) struct Crowd {
    over: AtomicBool,
    paused: AtomicBool,
    answers: Mutex<Vec<Answer>>,
}

impl Crowd {
    /// Asks until the end, with a pause between an answer and the next question. `path` makes the
    /// question from a number that is never the same. Whoever gets no answer at all asks again.
    pub(super) fn ask(
        &self,
        (to, key): (SocketAddr, &Key),
        pause: Duration,
        path: impl Fn(u64) -> String,
    ) {
        for number in 0.. {
            if self.over.load(Relaxed) {
                return;
            }
            if !self.paused.load(Relaxed)
                && let Ok(answer) = get(to, key, &path(number))
            {
                open(&self.answers).push(answer);
            }
            std::thread::sleep(pause);
        }
    }

    /// Nobody asks, or everybody does again.
    pub(super) fn pause(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
    }

    /// The answers since the last call, in the order in which they came.
    pub(super) fn take(&self) -> Vec<Answer> {
        std::mem::take(&mut open(&self.answers))
    }

    /// Ends when it is dropped: a scenario that fails leaves nobody asking.
    pub(super) fn ending(&self) -> Ending<'_> {
        Ending(&self.over)
    }
}

/// See [`Crowd::ending`].
pub(super) struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// The value in the middle; none of nothing.
pub(super) fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let text =
            b"HTTP/1.1 503 Away\r\nRetry-After: 5\r\ntailrace-degraded: old\r\n\r\n{\"a\":1}";
        let answer = read(text, Stamp(1), 7).unwrap();
        assert_eq!((answer.status, answer.retry_after_s, answer.took_ns), (503, Some(5), 7));
        assert_eq!(answer.degraded.as_deref(), Some("old"));
        assert_eq!(answer.body["a"], 1);
        assert!(read(b"HTTP/1.1 200", Stamp(1), 7).is_none());
    }

    #[test]
    fn the_middle_of_nothing_is_nothing() {
        assert_eq!((median(vec![]), median(vec![9, 1, 5])), (None, Some(5)));
    }
}
