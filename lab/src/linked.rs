//! The link before the server of an arm: a process of its own, so that its CPU is nobody
//! else's. Where it begins is all that the generator sees of it. What a link is: the crate
//! `tailrace-link`.

use std::net::SocketAddr;

use anyhow::Context;
use tailrace_measure::record::Link;

use crate::itself;
use crate::link::Ready;
use crate::process::Process;
use crate::serve;

/// A running link.
pub(crate) struct Linked {
    process: Process<Ready>,
    death: Option<String>,
}

impl Linked {
    /// Starts a link that leads to a server: to its transport, and beside it to its observer.
    ///
    /// # Errors
    /// It did not start.
    pub(crate) fn start(link: &Link, to: &serve::Ready, cores: &[usize]) -> anyhow::Result<Self> {
        // Not the program of TAILRACE_PROGRAM: that one looks into servers.
        let mut command = itself::command()?;
        command.args(["link", "--json", "--with-parent", "--round-trip"]);
        command.arg(format!("{}ms", link.round_trip_ms));
        if let Some(mbit) = link.bandwidth_mbit_per_s {
            command.arg("--bandwidth").arg(format!("{mbit}mbit"));
        }
        for to in [Some(to.ingest), to.observer].into_iter().flatten() {
            command.arg("--to").arg(to.to_string());
        }
        match Process::start(command, cores).context("the link's process")? {
            Ok(process) => Ok(Self { process, death: None }),
            Err(failed) => Err(failed.why.context(format!("the link said: {}", failed.said))),
        }
    }

    /// Where the transport is reached through it.
    pub(crate) fn ingest(&self) -> SocketAddr {
        self.process.ready.link
    }

    /// Where the observer is reached through it.
    pub(crate) fn feed(&self) -> Option<SocketAddr> {
        self.process.ready.further.first().copied()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Looks whether it still runs; how it ended is kept for [`Self::death`].
    pub(crate) fn look(&mut self) -> Option<String> {
        if self.death.is_none() {
            let died = self.process.death();
            self.death = died.map(|how| format!("the link before the server ended {how}"));
        }
        self.death.clone()
    }

    /// How it ended, as far as was seen.
    pub(crate) fn death(&self) -> Option<&str> {
        self.death.as_deref()
    }
}
