//! A service's process: killed by the kernel when whoever holds it is gone. What all private
//! services share; which program it is, [`super`]'s other files know.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;

use tailrace_sys::spawn_bound;

/// Ports tried: between releasing a free one and the service binding it, another may take it.
pub(super) const PORTS_MAX: usize = 5;
/// Bytes of a service's own log shown in an error.
const LOG_TAIL_BYTES: usize = 2_000;

/// The child and the thread that made it: the kernel kills the child when that thread ends.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    /// The thread waits for this to be dropped.
    _keeper: mpsc::Sender<()>,
}

impl Process {
    /// Starts it, pinned to `cores` if given.
    pub(super) fn spawn(mut command: Command, cores: Option<Vec<usize>>) -> io::Result<Self> {
        let (keeper, keep) = mpsc::channel::<()>();
        let (sender, receiver) = mpsc::channel();
        let body = move || {
            let spawned = spawn_bound(&mut command, cores.as_deref());
            if sender.send(spawned).is_ok() {
                // Ends when the other side is dropped; nothing is ever sent.
                let _ = keep.recv();
            }
        };
        thread::Builder::new().name("service-keeper".to_owned()).spawn(body)?;
        let child = receiver.recv().map_err(io::Error::other)??;
        Ok(Self { child, _keeper: keeper })
    }

    /// Whether it still runs.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The end of a service's log.
pub(super) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let start = text.len().saturating_sub(LOG_TAIL_BYTES);
    String::from_utf8_lossy(&text[start..]).into_owned()
}
