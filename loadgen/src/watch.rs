//! Watches a trial from a thread beside the event loop: what server and backend cost, whether
//! the machine took their core away, faults made on purpose, and deaths. Everything is read
//! from outside; servers do not know that they are measured.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Acquire};
use std::time::Duration;

use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::record::FaultEvent;
use tailrace_sys::proc;

use crate::arena::Launched;
use crate::faults::{Fault, Script};
use crate::gauge::Gauge;
use crate::plan::Times;

/// Distance of the samples in `resources.csv`.
const SAMPLE_NS: u64 = 250_000_000;
/// How soon a death is noticed.
const PATROL_NS: u64 = 20_000_000;

/// What the kernel says at one moment. None: the process is gone, or not ours to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// When it was read.
    pub at: Stamp,
    /// Processor time of the server so far.
    pub server_cpu_ns: Option<u64>,
    /// Processor time of its backend so far: the log's process, and the store's.
    pub backend_cpu_ns: Option<u64>,
    /// Processor time of workers in processes of their own so far.
    pub worker_cpu_ns: Option<u64>,
    /// Processor time of the link before the server so far.
    pub link_cpu_ns: Option<u64>,
    /// Resident memory of the server.
    pub server_rss_bytes: Option<u64>,
    /// Resident memory of its backend.
    pub backend_rss_bytes: Option<u64>,
    /// Context switches of the server so far.
    pub server_switches: Option<u64>,
    /// Time the server's threads waited for a core so far; none where one of them may have waited for
    /// another.
    pub server_delay_ns: Option<u64>,
    /// Time the generator's thread waited for a core so far.
    pub generator_delay_ns: Option<u64>,
    /// Time that the host took from this machine so far, all cores together.
    pub steal_ns: u64,
    /// Time of all cores together so far.
    pub total_ns: u64,
}

/// What was seen over a trial.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// At the start of the window.
    pub start: Sample,
    /// At its end.
    pub end: Sample,
    /// In between and during the drain.
    pub series: Vec<Sample>,
    /// Faults that were made.
    pub faults: Vec<FaultEvent>,
    /// Why the server is gone, if it is.
    pub death: Option<String>,
}

impl Watched {
    /// What was spent in a window, of `lived_ns` of it: as much of it as passed between the samples,
    /// which on a machine that stood still lie in the middle of it. None where one of them has no
    /// figure, or the sum of processes fell because one of them ended and took its count with it.
    #[must_use]
    pub fn spent(&self, of: impl Fn(&Sample) -> Option<u64>, lived_ns: u64) -> Option<f64> {
        let spent = of(&self.end)?.checked_sub(of(&self.start)?)?;
        let sampled_ns = self.end.at.since(self.start.at);
        (sampled_ns > 0).then(|| spent as f64 * lived_ns as f64 / sampled_ns as f64)
    }
}

/// Watches until `done`; `generator` are the threads of the event loops. The caller's thread is unparked when `done` is set.
pub fn watch(
    launched: &mut dyn Launched,
    generator: &[u32],
    times: &Times,
    faults: &[Fault],
    gauge: &Gauge,
    done: &AtomicBool,
) -> Watched {
    let mut script = Script::new(faults, times.window);
    let mut watched = Watched::default();
    let mut due = SampleTimes::new(times);
    loop {
        let at = now();
        script.apply_due(at, launched);
        if due.is_due(at) {
            due.take(read(launched, generator), &mut watched);
        }
        if watched.death.is_none() {
            watched.death = launched.server_death();
            if watched.death.is_some() {
                gauge.give_up();
            }
        }
        if done.load(Acquire) {
            break;
        }
        let wake = [Some(due.next()), script.next_at(), Some(at.plus(PATROL_NS))];
        let until = wake.into_iter().flatten().min().unwrap_or(at);
        std::thread::park_timeout(Duration::from_nanos(until.since(now())));
    }
    if watched.end.at == Stamp::default() {
        watched.end = read(launched, generator);
    }
    script.release(now(), launched);
    watched.faults = script.events;
    watched
}

/// When to sample: at both edges of the window and regularly in between.
struct SampleTimes {
    edges: (Stamp, Stamp),
    next: Stamp,
}

impl SampleTimes {
    fn new(times: &Times) -> Self {
        Self { edges: times.window, next: times.window.0 }
    }

    fn next(&self) -> Stamp {
        self.next
    }

    fn is_due(&self, at: Stamp) -> bool {
        self.next <= at
    }

    fn take(&mut self, sample: Sample, watched: &mut Watched) {
        if self.next == self.edges.0 {
            watched.start = sample;
        }
        if self.next == self.edges.1 {
            watched.end = sample;
        }
        watched.series.push(sample);
        let following = self.next.plus(SAMPLE_NS);
        let crosses = self.next < self.edges.1 && following > self.edges.1;
        self.next = if crosses { self.edges.1 } else { following };
    }
}

fn read(launched: &dyn Launched, generator: &[u32]) -> Sample {
    let server = launched.server_pid();
    let family = proc::family(server);
    let stores = launched.store_pid().map(proc::family).unwrap_or_default();
    let backend: Vec<u32> = launched.backend_pid().into_iter().chain(stores).collect();
    let workers: Vec<u32> = launched.worker_pids().into_iter().flat_map(proc::family).collect();
    let host = proc::host_cpu().unwrap_or_default();
    let me = std::process::id();
    Sample {
        at: now(),
        server_cpu_ns: sum(&family, proc::cpu_ns),
        backend_cpu_ns: sum(&backend, proc::cpu_ns),
        worker_cpu_ns: sum(&workers, proc::cpu_ns),
        link_cpu_ns: launched.link_pid().and_then(|pid| proc::cpu_ns(pid).ok()),
        server_rss_bytes: sum(&family, proc::rss_bytes),
        backend_rss_bytes: sum(&backend, proc::rss_bytes),
        server_switches: sum(&family, |pid| {
            proc::context_switches(pid).map(|s| s.voluntary + s.involuntary)
        }),
        server_delay_ns: launched
            .serves_on_one_thread()
            .then(|| proc::run_delays_ns(server).ok())
            .flatten(),
        // Of several event loops, all waits: none of them may have any.
        generator_delay_ns: generator
            .iter()
            .map(|&tid| proc::run_delay_ns(me, Some(tid)).ok())
            .sum::<Option<u64>>(),
        steal_ns: host.steal_ns,
        total_ns: host.total_ns,
    }
}

/// A figure of some processes together. None: there is none, or the first is gone or not ours to
/// read.
fn sum(family: &[u32], figure: impl Fn(u32) -> io::Result<u64>) -> Option<u64> {
    let (&first, others) = family.split_first()?;
    // Who ended between the listing and the reading has no figure any more.
    Some(figure(first).ok()? + others.iter().filter_map(|&pid| figure(pid).ok()).sum::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_between_late_samples_is_taken_for_so_much_of_the_window() {
        let sample = |at, cpu| Sample { at: Stamp(at), server_cpu_ns: cpu, ..Sample::default() };
        let spent = |start, end| {
            let watched = Watched { start, end, ..Watched::default() };
            watched.spent(|sample| sample.server_cpu_ns, 1_000)
        };
        assert_eq!(spent(sample(500, Some(70)), sample(1_500, Some(370))), Some(300.0));
        assert_eq!(spent(sample(1_300, Some(310)), sample(1_500, Some(370))), Some(300.0));
        assert_eq!(spent(sample(500, Some(70)), sample(1_500, Some(60))), None);
        assert_eq!(spent(sample(500, None), sample(1_500, Some(60))), None);
        assert_eq!(spent(sample(500, Some(70)), sample(500, Some(70))), None);
    }
}
