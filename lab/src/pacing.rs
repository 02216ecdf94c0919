//! How the generator waits for due times: asleep, or spinning shortly before them, where that is
//! asked for and there is a core for it. How it spins is in `loadgen/src/driver/spin.rs`; that a
//! closed loop has no due times is seen by whoever has such a loop.

use std::collections::BTreeSet;

use clap::Args;

use crate::endpoint::RequestArgs;
use crate::exit::Fault;
use crate::machine::Surroundings;

/// What can be asked of the generator's waiting.
#[derive(Debug, Args, Clone, Copy, Default)]
pub struct PacingArgs {
    /// Poll instead of sleeping for the last 0.1 ms before each due time: batches then leave about a
    /// microsecond after it, where the timer of a virtual machine is tens of microseconds late. It
    /// takes a core of the generator's own; what it spins is counted apart from its CPU
    #[arg(long)]
    pub spin: bool,
}

/// Whether the generator may spin beside servers of ours.
///
/// # Errors
/// A sentence: it has no core of its own.
pub(crate) fn beside_servers(spins: bool, surroundings: &Surroundings) -> Result<(), Fault> {
    if !spins || surroundings.server_is_alone() {
        return Ok(());
    }
    Err(Fault::Usage(
        "to spin, the generator needs a core of its own, and here it shares one with the server, \
         which would get what the spinning leaves; run where this process may use two cores, or \
         let it sleep (leave out --spin, or spin = true of the experiment)"
            .into(),
    ))
}

/// Whether so many event loops may spin while this process does everything else.
///
/// # Errors
/// A sentence: they have no cores of their own, as far as that is known. Where the endpoint runs is
/// not.
pub(crate) fn beside_an_endpoint(asked: &RequestArgs) -> Result<(), Fault> {
    if !asked.pacing.spin {
        return Ok(());
    }
    let (threads, allowed) = (asked.threads as usize, tailrace_sys::allowed_cores().len());
    if allowed <= threads {
        return Err(Fault::Usage(format!(
            "to spin, each thread of the generator needs a core of its own, and one must be left \
             for all else: {} cores, and this process may use {allowed}; leave out --spin",
            threads + 1
        )));
    }
    let named = asked.cores.iter().collect::<BTreeSet<_>>().len();
    if (1..threads).contains(&named) {
        return Err(Fault::Usage(format!(
            "{threads} threads that spin need {threads} cores, and --core names {named}; name one \
             for each, or none"
        )));
    }
    Ok(())
}
