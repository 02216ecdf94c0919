//! How a connection begins: a client that has prior knowledge says so in its first 24 bytes. h2
//! would hang up on anything else; a person who tries `curl` without the right option, or a
//! browser, deserves an answer that says how. There is no `Upgrade`. Read next: `server.rs`.

use tailrace_contract::problem::PROBLEM_JSON;
use tailrace_contract::{Problem, ProblemKind};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The client's first bytes (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of the first read: the preface, settings, and perhaps a request.
const READ_BYTES: usize = 1 << 10;

/// A connection that does not begin as it must.
#[derive(Debug)]
pub(crate) enum Fault {
    /// This answer, in HTTP/1.1, is due.
    Refused(Vec<u8>),
    /// Nobody is there, or nobody who could read an answer.
    Gone,
}

/// Reads until the preface is complete; returns it and what came with it. Takes as long as the
/// client does.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(READ_BYTES);
    while bytes.len() < PREFACE.len() {
        if stream.read_buf(&mut bytes).await.map_err(|_| Fault::Gone)? == 0 {
            return Err(Fault::Gone);
        }
        let begun = bytes.len().min(PREFACE.len());
        if bytes[..begun] != PREFACE[..begun] {
            // Every method of HTTP/1.1 that is in use is in capitals.
            let is_http = bytes[0].is_ascii_uppercase();
            return Err(if is_http { Fault::Refused(refusal()) } else { Fault::Gone });
        }
    }
    Ok(bytes)
}

fn refusal() -> Vec<u8> {
    let detail = "this listener speaks HTTP/2 only: in clear text by prior knowledge (`curl \
                  --http2-prior-knowledge`), over TLS by ALPN; or post to an http1 pipeline";
    let body = Problem::new(ProblemKind::UpgradeRequired, detail).to_json();
    let head = format!(
        "HTTP/1.1 426 Upgrade Required\r\nconnection: close, upgrade\r\nupgrade: h2c\r\n\
         content-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}
