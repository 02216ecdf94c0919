//! Frames by hand, so that the tests do not trust the code they test.
#![allow(dead_code)] // Each test file uses what it needs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far longer than anything here takes, so that a hang fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
/// Flags.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// Reasons.
pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const CALM: u32 = 11;

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

pub(crate) fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let bytes = |&(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &pairs.iter().flat_map(bytes).collect::<Vec<u8>>())
}

pub(crate) fn window(stream: u32, bytes: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

pub(crate) fn reset(stream: u32, reason: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &reason.to_be_bytes())
}

/// A header block in plain letters.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            match text.len() {
                n @ 0..=126 => out.push(n as u8),
                n => {
                    assert!(n - 127 < 1 << 14);
                    out.extend([0x7f, (n - 127) as u8 | 0x80, ((n - 127) >> 7) as u8]);
                }
            }
            out.extend(text.as_bytes());
        }
    }
    out
}

/// What a request's head must have, `changes` in place of or behind it.
pub(crate) fn head(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "t"),
        (":path", "/v1/ingest"),
    ];
    for &change in changes {
        match fields.iter_mut().find(|field| field.0 == change.0) {
            Some(field) => *field = change,
            None => fields.push(change),
        }
    }
    block(&fields)
}

/// A head whose body follows.
pub(crate) fn open(stream: u32, changes: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &head(changes))
}

/// A whole request.
pub(crate) fn post(stream: u32, body: &str) -> Vec<u8> {
    [open(stream, &[]), frame(DATA, END_STREAM, stream, body.as_bytes())].concat()
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// An answer, whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) stream: u32,
    pub(crate) status: u16,
    /// The header block as far as it can be read without tables.
    pub(crate) head: Vec<u8>,
    pub(crate) body: String,
}

/// How a connection ended: the last farewell's reason and text, if there was one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Farewell {
    pub(crate) last_stream: u32,
    pub(crate) reason: u32,
    pub(crate) text: String,
}

/// A client that answers pings and settings, and nothing else by itself.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    heads: HashMap<u32, Answer>,
    pub(crate) farewell: Option<Farewell>,
    pub(crate) resets: Vec<(u32, u32)>,
    pub(crate) interim: usize,
}

impl Client {
    /// Connects and says the first words, with no header table.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[]).await
    }

    pub(crate) async fn open_with(address: SocketAddr, more: &[(u16, u32)]) -> Self {
        let mut client = Self::connect(address).await;
        let settings = settings(&[&[(1, 0)], more].concat());
        client.send(&[PREFACE, &settings].concat()).await;
        // The server's windows count from its settings' confirmation on.
        while client.frame().await.expect("settings").kind != SETTINGS {}
        client.send(&frame(SETTINGS, ACK, 0, &[])).await;
        client
    }

    /// Connects and says nothing.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (heads, resets) = (HashMap::new(), Vec::new());
        Self { stream, heads, farewell: None, resets, interim: 0 }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends as much as the server takes; it may end the connection in between.
    pub(crate) async fn flood(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("taken or refused");
    }

    /// The next frame; none at the end or reset of the connection.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        let reading = async {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.stream.read_exact(&mut payload).await.ok()?;
            let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
            Some(Frame { kind: head[3], flags: head[4], stream, payload })
        };
        timeout(PATIENCE, reading).await.expect("a frame or the end in time")
    }

    /// The next whole answer; none at the end.
    pub(crate) async fn try_answer(&mut self) -> Option<Answer> {
        loop {
            let frame = self.frame().await?;
            if let Some(answer) = self.take(&frame).await {
                return Some(answer);
            }
        }
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let answer = self.try_answer().await;
        answer.unwrap_or_else(|| panic!("no answer but {:?} {:?}", self.farewell, self.resets))
    }

    pub(crate) async fn ask(&mut self, stream: u32, body: &str) -> Answer {
        self.send(&post(stream, body)).await;
        self.answer().await
    }

    /// The next reset: which stream, and why. Answers that come before are dropped.
    pub(crate) async fn reset(&mut self) -> (u32, u32) {
        while self.resets.is_empty() {
            let frame = self.frame().await.expect("a reset");
            drop(self.take(&frame).await);
        }
        self.resets.remove(0)
    }

    /// Reads up to the end; the reason of the last farewell.
    pub(crate) async fn end(&mut self) -> Option<u32> {
        while let Some(answer) = self.try_answer().await {
            drop(answer);
        }
        self.farewell.as_ref().map(|farewell| farewell.reason)
    }

    async fn take(&mut self, frame: &Frame) -> Option<Answer> {
        let number = |at: usize| u32::from_be_bytes(frame.payload[at..at + 4].try_into().unwrap());
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => {
                self.flood(&self::frame(SETTINGS, ACK, 0, &[])).await;
            }
            PING if frame.flags & ACK == 0 => {
                self.flood(&self::frame(PING, ACK, 0, &frame.payload)).await;
            }
            RST_STREAM => self.resets.push((frame.stream, number(0))),
            GOAWAY => {
                let text = String::from_utf8(frame.payload[8..].to_vec()).unwrap();
                let farewell = Farewell { last_stream: number(0), reason: number(4), text };
                self.farewell = Some(farewell);
            }
            HEADERS => {
                let status = status(&frame.payload);
                if status < 200 {
                    self.interim += 1;
                    return None;
                }
                let (head, body) = (frame.payload.clone(), String::new());
                let answer = Answer { stream: frame.stream, status, head, body };
                self.heads.insert(frame.stream, answer);
            }
            DATA => {
                let text = std::str::from_utf8(&frame.payload).unwrap();
                self.heads.get_mut(&frame.stream).expect("a head").body.push_str(text);
            }
            _ => {}
        }
        let is_end = matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0;
        if is_end { self.heads.remove(&frame.stream) } else { None }
    }
}

/// The status in front of a block that refers to no table: indexed, or digits in Huffman's code.
fn status(block: &[u8]) -> u16 {
    let block = block.strip_prefix(&[0x20]).unwrap_or(block);
    match *block {
        [indexed @ 0x88..=0x8e, ..] => {
            [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)]
        }
        [0x08 | 0x48, length, ref rest @ ..] if length & 0x80 != 0 => {
            let coded = &rest[..usize::from(length & 0x7f)];
            let mut bits = coded.iter().flat_map(|b| (0..8).rev().map(move |at| b >> at & 1));
            let mut take = |n: usize| bits.by_ref().take(n).fold(0, |sum, bit| sum << 1 | bit);
            (0..3).fold(0, |status, _| {
                let short = take(5);
                let digit = if short < 3 { short } else { (short << 1 | take(1)) - 0x19 + 3 };
                status * 10 + u16::from(digit)
            })
        }
        [0x08 | 0x48, 3, a, b, c, ..] => String::from_utf8(vec![a, b, c]).unwrap().parse().unwrap(),
        _ => panic!("no status in {block:x?}"),
    }
}
