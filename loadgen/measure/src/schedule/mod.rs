//! When batches are due. A schedule is fixed by arrivals, rate and seed before anything runs; it
//! never waits for an answer, and the same three give the same nanoseconds again. Due times are
//! made one by one: an array of them would cost memory for every hour of a run, and a block
//! would stop the generator's loop whenever it is refilled. Only a replay is read in blocks, from
//! a file that was read a moment ago.
//!
//! Nothing here sleeps or knows what time it is. `profile.rs` has the rates that change,
//! `replay.rs` the files. Read [`crate::recorder`] next.

mod profile;
mod replay;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use rand_distr::{Distribution, Exp1};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

use crate::record::{Arrivals, Load};
use profile::Profile;
use replay::Player;
pub use replay::{FILE_BYTES_MAX, ReplayFault, survey};

const SECOND_NS: f64 = 1e9;

/// Bounds of the mean distance: one nanosecond is the clock's grain, and 31 years mean "never"
/// (a rate of zero or below, or not a number).
const GAP_NS: (f64, f64) = (1.0, 1e18);

/// An endless row of due times, in nanoseconds from an anchor that the caller chooses.
#[derive(Debug)]
pub struct Schedule {
    gap_ns: f64,
    arrivals: Source,
}

#[derive(Debug)]
enum Source {
    /// `together` are due at one instant.
    Steady { index: u64, together: u64 },
    /// The sum so far in two parts, so that its error does not grow with the length of a run.
    Poisson { random: Box<Pcg64>, whole_ns: u64, rest_ns: f64 },
    /// The rate changes.
    Course(Box<Profile>),
    /// A file says.
    Replay(Box<Player>),
}

impl Schedule {
    /// The schedule of a load, from the begin of its warm-up. Its rate is between one batch in 31
    /// years and one in a nanosecond; beyond, it is taken as the nearer of the two. Only a Poisson
    /// schedule looks at the seed.
    pub fn new(load: &Load, seed: u64) -> Schedule {
        let gap_ns = (SECOND_NS / load.rate_per_s.max(0.0)).clamp(GAP_NS.0, GAP_NS.1);
        let steady = |together: u32| Source::Steady { index: 0, together: together.max(1).into() };
        let arrivals = match &load.arrivals {
            Arrivals::Constant => steady(1),
            Arrivals::Burst { batches } => steady(*batches),
            Arrivals::Poisson => {
                let random = Box::new(Pcg64::seed_from_u64(seed));
                Source::Poisson { random, whole_ns: 0, rest_ns: 0.0 }
            }
            Arrivals::Replay(replay) => {
                Source::Replay(Box::new(Player::new(replay, SECOND_NS / gap_ns)))
            }
            Arrivals::Ramp { .. } | Arrivals::Steps { .. } | Arrivals::OnOff { .. } => {
                Profile::of(load, SECOND_NS / gap_ns)
                    .map_or_else(|| steady(1), |profile| Source::Course(Box::new(profile)))
            }
        };
        Schedule { gap_ns, arrivals }
    }

    /// Offset of the next due batch from the anchor, in nanoseconds; never smaller than the one
    /// before. All but Poisson schedules start at 0.
    #[inline]
    pub fn next_ns(&mut self) -> u64 {
        match &mut self.arrivals {
            Source::Steady { index, together } => {
                // From the index and not from the last due time: rounding does not add up.
                let due_ns = (*index - *index % *together) as f64 * self.gap_ns;
                *index += 1;
                due_ns as u64
            }
            Source::Poisson { random, whole_ns, rest_ns } => {
                let step: f64 = Exp1.sample(random);
                *rest_ns += step * self.gap_ns;
                let whole = rest_ns.floor();
                *whole_ns = whole_ns.saturating_add(whole as u64);
                *rest_ns -= whole;
                *whole_ns
            }
            Source::Course(profile) => profile.next_ns(),
            Source::Replay(player) => player.next_ns(),
        }
    }

    /// The due times before `duration_ns`, in order.
    fn until(mut self, duration_ns: u64) -> impl Iterator<Item = u64> {
        std::iter::from_fn(move || Some(self.next_ns())).take_while(move |due| *due < duration_ns)
    }
}

/// SHA-256, in hexadecimal digits, over the due times of warm-up and window as little-endian
/// 64-bit integers. Takes a few milliseconds for each million of batches, and some more for a
/// file.
///
/// # Errors
/// The file of a replay is not what it was.
pub fn sha256(load: &Load, seed: u64) -> Result<String, ReplayFault> {
    check(load)?;
    let mut hash = Sha256::new();
    let duration_ns = (load.warm_up_ms + load.window_ms) * 1_000_000;
    for due_ns in Schedule::new(load, seed).until(duration_ns) {
        hash.update(due_ns.to_le_bytes());
    }
    Ok(hex(hash))
}

/// Whether the schedule can be made: a replay needs its file as it was.
///
/// # Errors
/// It is not.
pub fn check(load: &Load) -> Result<(), ReplayFault> {
    match &load.arrivals {
        Arrivals::Replay(replay) => replay::check(replay),
        _ => Ok(()),
    }
}

/// How many batches are due before `duration_ns`.
pub fn count(load: &Load, seed: u64, duration_ns: u64) -> u64 {
    Schedule::new(load, seed).until(duration_ns).count() as u64
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
