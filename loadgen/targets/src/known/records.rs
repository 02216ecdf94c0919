//! What the server writes down of its answers while it serves, and tells whoever asks afterwards. It
//! grows by whole chunks: nothing that was written is moved, which would make answers late.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

use tailrace_measure::journal::Given;

/// Answers of one chunk: two and a half megabytes.
const CHUNK: usize = 1 << 16;
/// Of so many chunks: 168 megabytes, which is the longest window at most rates. What comes later
/// is not written down, and whoever reads it sees that it is not all.
const CHUNKS_MAX: usize = 64;
/// Whoever asked and does not read is no longer waited for.
const TELL_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Records {
    chunks: Vec<Vec<Given>>,
}

impl Records {
    pub(super) fn extend(&mut self, given: impl Iterator<Item = Given>) {
        for given in given {
            self.push(given);
        }
    }

    fn push(&mut self, given: Given) {
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            if self.chunks.len() == CHUNKS_MAX {
                return;
            }
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(last) = self.chunks.last_mut() {
            last.push(given);
        }
    }

    /// Sends all of it and closes. Nobody else is served meanwhile: the trial is over.
    ///
    /// # Errors
    /// Whoever asked is gone.
    pub(super) fn tell(&self, mut socket: TcpStream) -> io::Result<()> {
        socket.set_nonblocking(false)?;
        socket.set_write_timeout(Some(TELL_TIMEOUT))?;
        let mut bytes = Vec::new();
        for chunk in &self.chunks {
            bytes.clear();
            for given in chunk {
                given.write(&mut bytes);
            }
            socket.write_all(&bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tailrace_measure::clock::Stamp;

    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut records = Records::default();
        let most = CHUNK * CHUNKS_MAX;
        let given = |n| {
            let [looked, read, due, at] = [n, n + 1, n + 2, n + 3].map(Stamp);
            Given { sequence: n, looked, read, due, at }
        };
        records.extend((0..most as u64 + 3).map(given));
        assert_eq!(records.chunks.iter().map(Vec::len).sum::<usize>(), most);
        assert_eq!(records.chunks[1][0], given(CHUNK as u64));
    }
}
