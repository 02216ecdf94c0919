//! Subscribers of the live feed who stop reading, and what they find when they read again. Read
//! next: `degradation.rs`.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tailrace_loadgen::observer::Key;

/// Loopback: who does not answer by then never will.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is waiting comes at once; a feed that is silent for so long has nothing more.
const SILENCE: Duration = Duration::from_millis(300);
/// Bytes read of one subscriber: more than any buffer on the way holds.
const BYTES_MAX: usize = 64 << 20;

/// They hold their connections and do not look.
pub(super) struct Stalled(Vec<TcpStream>);

/// What was waiting for them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    /// Batches.
    pub(super) events: u64,
    /// Batches that they were told to have missed.
    pub(super) missed: u64,
}

impl Stalled {
    /// Subscribes so many.
    ///
    /// # Errors
    /// Nobody is there.
    pub(super) fn subscribe(many: usize, to: SocketAddr, Key(key): &Key) -> anyhow::Result<Self> {
        let subscribe = |_| {
            let mut socket = TcpStream::connect_timeout(&to, PATIENCE)?;
            write!(
                socket,
                "GET /v1/metrics/live?view=full HTTP/1.0\r\nhost: {to}\r\n\
                 accept: text/event-stream\r\nauthorization: Bearer {key}\r\n\r\n"
            )?;
            Ok(socket)
        };
        let all: io::Result<Vec<TcpStream>> = (0..many).map(subscribe).collect();
        all.map(Self).context("subscribing to the live feed")
    }

    /// They read everything that is waiting, then hang up.
    pub(super) fn read(self) -> Read {
        self.0.into_iter().map(waiting).fold(Read::default(), |all, one| Read {
            events: all.events + one.events,
            missed: all.missed + one.missed,
        })
    }
}

/// Reads until nothing comes any more.
fn waiting(mut socket: TcpStream) -> Read {
    let (mut text, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    if socket.set_read_timeout(Some(SILENCE)).is_ok() {
        while let Ok(bytes @ 1..) = io::Read::read(&mut socket, &mut buffer) {
            text.extend_from_slice(&buffer[..bytes]);
            if text.len() > BYTES_MAX {
                break;
            }
        }
    }
    counted(&String::from_utf8_lossy(&text))
}

fn counted(text: &str) -> Read {
    let mut read = Read::default();
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    for event in events.filter_map(|event| serde_json::from_str::<Value>(event).ok()) {
        match event["type"].as_str() {
            Some("live") => read.events += 1,
            Some("lagged") => read.missed += event["missed"].as_u64().unwrap_or(0),
            _ => {}
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_and_what_was_missed_are_told_apart() {
        let text = "HTTP/1.0 200 OK\r\n\r\nid: 1-0\ndata: {\"type\":\"live\"}\n\n\
                    data: {\"type\":\"lagged\",\"missed\":7}\n\ndata: {\"type\":\"durable\"}\n\ndata: {\"ty";
        assert_eq!(counted(text), Read { events: 1, missed: 7 });
    }
}
