//! HTTP/1.1 by hand, one request a connection: what a client of another make would send, and
//! bad input that no library would send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// From the bytes of a connection that was read to its end.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) =
            text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("no status: {head:?}")),
            head: head.to_lowercase(),
            body: body.as_bytes().to_vec(),
        }
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connecting");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.set_write_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// Sends bytes and reads until the other side closes. A server that refuses early may stop
/// reading before all is sent; its answer counts all the same.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    // A reset after the answer is an end too.
    let _ = stream.read_to_end(&mut answer);
    Answer::read(&answer)
}

pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    let head = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut answer = exchange(address, head.as_bytes());
    if answer.head.contains("transfer-encoding: chunked") {
        answer.body = unchunked(&answer.body);
    }
    answer
}

/// Any request; `headers` are whole lines.
pub(crate) fn ask(
    address: SocketAddr,
    (method, target): (&str, &str),
    headers: &str,
    body: &str,
) -> Answer {
    let host = if headers.contains("host: ") { "" } else { &format!("host: {address}\r\n") };
    let head = format!(
        "{method} {target} HTTP/1.1\r\n{host}connection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut answer = exchange(address, [head.as_bytes(), body.as_bytes()].concat().as_slice());
    if answer.head.contains("transfer-encoding: chunked") {
        answer.body = unchunked(&answer.body);
    }
    answer
}

/// Posts a body to where batches go.
pub(crate) fn post(address: SocketAddr, body: &[u8]) -> Answer {
    let head = format!(
        "POST /v1/ingest HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: \
         application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    exchange(address, &[head.as_bytes(), body].concat())
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    whole
}
