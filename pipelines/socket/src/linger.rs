//! The end of a connection whose client is still sending: closing with unread bytes would reset
//! it, and the client would never read why. Read next: `tls.rs`, one of its callers.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Bytes that are read and thrown away: many times the largest body, so that whoever sends one
/// can read the answer, and not so many that a client could keep us busy.
const LINGER_BYTES_MAX: usize = 16 << 20;

/// Says that nothing more will come, and throws away what the client is still sending, for as
/// long as `limit`.
pub async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, limit: Duration) {
    let reading = async {
        stream.shutdown().await?;
        let (mut waste, mut lingered) = ([0; 4 << 10], 0);
        while lingered < LINGER_BYTES_MAX {
            match stream.read(&mut waste).await? {
                0 => break,
                n => lingered += n,
            }
        }
        io::Result::Ok(())
    };
    // A client that is gone or does not stop has had its chance to read.
    let _ = timeout(limit, reading).await;
}
