//! A fleet: producers that report in turn, tick after tick. It gives batches in the order in
//! which they are due and nothing else: [`crate::pace`] says when, [`crate::sender`] where to.

use std::str::FromStr;
use std::time::Duration;

use tailrace_contract::{Metric, Producer};

use crate::events::Front;
use crate::hosts::{Host, Moment};
use crate::spikes::Spikes;

/// The time of a fleet's first metric, in milliseconds since 1970: 2026-01-01 00:00 UTC.
/// Fixed, so that bodies are byte-identical for a seed whenever they are made.
pub const EPOCH_MS: u64 = 1_767_225_600_000;
/// Producers at most: their state must fit in memory with room to spare.
pub const HOSTS_MAX: usize = 1_000_000;
/// Events a tick at most: a spike of the usual height still fits in a batch.
pub const EVENTS_MAX: usize = 300;

/// What the producers report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// Six metrics of a host, see [`crate::hosts`].
    #[default]
    Hosts,
    /// What visitors did, see [`crate::events`].
    Events,
    /// Three hosts, then one front end, and so on.
    Mixed,
}

impl FromStr for Shape {
    type Err = FleetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "hosts" => Ok(Self::Hosts),
            "events" => Ok(Self::Events),
            "mixed" => Ok(Self::Mixed),
            _ => Err(FleetError::Shape { seen: text.into() }),
        }
    }
}

/// A fleet to be made.
#[derive(Debug, Clone)]
pub struct FleetConfig {
    /// Same seed and same configuration: same bytes.
    pub seed: u64,
    /// Producers, 1 to [`HOSTS_MAX`].
    pub hosts: usize,
    /// Time between two batches of one producer; whole milliseconds are best read.
    pub every: Duration,
    /// What they report.
    pub shape: Shape,
    /// Spikes, if any.
    pub spikes: Option<Spikes>,
    /// Events of a front end in one tick at the day's peak, 1 to [`EVENTS_MAX`].
    pub events: usize,
}

impl Default for FleetConfig {
    fn default() -> Self {
        let every = Duration::from_secs(1);
        Self { seed: 1, hosts: 500, every, shape: Shape::Hosts, spikes: None, events: 6 }
    }
}

/// A fleet that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// None, or too many.
    #[error("{seen} hosts: a fleet has 1 to {HOSTS_MAX}")]
    Hosts {
        /// What was asked for.
        seen: usize,
    },
    /// Producers cannot report all the time.
    #[error("the time between batches is zero; try --every 1s")]
    Every,
    /// No events, or too many.
    #[error("{seen} events a tick: a front end has 1 to {EVENTS_MAX}")]
    Events {
        /// What was asked for.
        seen: usize,
    },
    /// A name that means nothing here.
    #[error("the shape \"{seen}\" is unknown; known are hosts, events and mixed")]
    Shape {
        /// What was seen.
        seen: String,
    },
}

/// Which batch was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchHead {
    /// Place in the whole fleet's order, from 0: the index of its due time.
    pub ordinal: u64,
    /// Whose it is.
    pub producer: Producer,
    /// The producer's own count, from 0: the tick.
    pub seq: u64,
}

/// Producers that report in turn. Memory is constant for each, whatever the time.
#[derive(Debug)]
pub struct Fleet {
    config: FleetConfig,
    members: Vec<Member>,
    part: usize,
    parts: usize,
    next: usize,
    tick: u64,
}

#[derive(Debug)]
struct Member {
    producer: Producer,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Host(Box<Host>),
    Front(Box<Front>),
}

impl Fleet {
    /// The whole fleet.
    ///
    /// # Errors
    /// A count or a duration out of its range.
    pub fn new(config: FleetConfig) -> Result<Self, FleetError> {
        Self::part(config, 0, 1)
    }

    /// Every `parts`-th producer of the same fleet, from number `part` on: parts can be made
    /// side by side and give together exactly what the whole gives.
    ///
    /// # Errors
    /// A count or a duration out of its range.
    ///
    /// # Panics
    /// When `part` is not below `parts`.
    pub fn part(config: FleetConfig, part: usize, parts: usize) -> Result<Self, FleetError> {
        assert!(part < parts, "part {part} of {parts}");
        check(&config)?;
        let members = (part..config.hosts).step_by(parts).map(|i| Member::new(&config, i));
        Ok(Self { members: members.collect(), config, part, parts, next: 0, tick: 0 })
    }

    /// The ordinal of the batch that [`Fleet::next_batch`] makes next; nothing when this part
    /// has no producers.
    pub fn next_ordinal(&self) -> Option<u64> {
        let index = (self.part + self.next * self.parts) as u64;
        (!self.members.is_empty()).then(|| self.tick * self.config.hosts as u64 + index)
    }

    /// Makes the next batch: `out` is cleared and filled with its metrics, at least one.
    /// Nothing when this part has no producers; otherwise a fleet never ends.
    pub fn next_batch(&mut self, out: &mut Vec<Metric>) -> Option<BatchHead> {
        out.clear();
        let ordinal = self.next_ordinal()?;
        let moment = self.moment(ordinal);
        let member = self.members.get_mut(self.next)?;
        member.tick(moment, out);
        let head = BatchHead { ordinal, producer: member.producer.clone(), seq: self.tick };
        self.next += 1;
        if self.next == self.members.len() {
            (self.next, self.tick) = (0, self.tick + 1);
        }
        Some(head)
    }

    /// Producers report one after another, evenly over the tick.
    fn moment(&self, ordinal: u64) -> Moment {
        let hosts = self.config.hosts as u64;
        let every_ns = self.config.every.as_nanos();
        let since_ns = u128::from(ordinal) * every_ns / u128::from(hosts);
        let since_ms = (since_ns / 1_000_000) as u64;
        let boost = |spikes: &Spikes| spikes.boost(self.config.seed, ordinal % hosts, since_ms);
        let boost = self.config.spikes.as_ref().map_or(1.0, boost);
        Moment { time_ms: EPOCH_MS + since_ms, boost }
    }
}

/// How many ordinals below `ordinals` belong to a part, in the sense of [`Fleet::part`].
pub(crate) fn share_of(ordinals: u64, hosts: usize, part: usize, parts: usize) -> u64 {
    let (hosts, part, parts) = (hosts as u64, part as u64, parts as u64);
    let within = |indexes: u64| indexes.saturating_sub(part).div_ceil(parts);
    ordinals / hosts * within(hosts) + within(ordinals % hosts)
}

fn check(config: &FleetConfig) -> Result<(), FleetError> {
    if !(1..=HOSTS_MAX).contains(&config.hosts) {
        Err(FleetError::Hosts { seen: config.hosts })
    } else if !(1..=EVENTS_MAX).contains(&config.events) {
        Err(FleetError::Events { seen: config.events })
    } else if config.every.is_zero() {
        Err(FleetError::Every)
    } else {
        Ok(())
    }
}

impl Member {
    fn new(config: &FleetConfig, index: usize) -> Self {
        let front = match config.shape {
            Shape::Hosts => false,
            Shape::Events => true,
            Shape::Mixed => index % 4 == 3,
        };
        let name = format!("{}-{index:04}", if front { "front" } else { "host" });
        let (seed, number) = (config.seed, index as u64);
        let source = if front {
            Source::Front(Box::new(Front::new(seed, number, &name, config.events)))
        } else {
            Source::Host(Box::new(Host::new(seed, number, &name, config.every.as_secs_f64())))
        };
        Self { producer: Producer(name.into()), source }
    }

    fn tick(&mut self, moment: Moment, out: &mut Vec<Metric>) {
        match &mut self.source {
            Source::Host(host) => host.tick(moment, out),
            Source::Front(front) => front.tick(moment, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_count_what_the_parts_make() {
        for (hosts, parts) in [(7, 3), (5, 5), (1, 1), (2, 3)] {
            for ordinals in 0..40 {
                let mine = |part: usize, n: u64| (n % hosts) % parts == part as u64;
                for part in 0..parts as usize {
                    let counted = (0..ordinals).filter(|&n| mine(part, n)).count() as u64;
                    let computed = share_of(ordinals, hosts as usize, part, parts as usize);
                    assert_eq!(computed, counted, "{part} of {parts}, {hosts} hosts, {ordinals}");
                }
            }
        }
    }
}
