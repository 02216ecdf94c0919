//! Several event loops as one generator. Each has a thread, connections, histograms and a share of
//! the schedule of its own; they begin at the same moment and are added up when all have ended.
//! One is the usual crew. Read next: `driver/mod.rs`, for what each does; `driver/together.rs`, for
//! how they are added up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::AcqRel, Ordering::Release};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{Scope, ScopedJoinHandle, Thread};

use anyhow::{Context, anyhow};
use tailrace_contract::Wire;
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::recorder::Recorder;

use crate::driver::{Driven, Driver};
use crate::gauge::Gauge;
use crate::plan::{Plan, Times};
use crate::source::Source;

/// Between the last connection's opening and the first due batch: lets both sides settle.
const HEAD_START_NS: u64 = 30_000_000;

/// What the event loops' threads bring home.
pub struct Ran {
    /// What the loops saw, added up.
    pub driven: Driven,
    /// Processor time of their threads, opening and spinning excluded.
    pub generator_cpu_ns: u64,
    /// Processor time that they spun before due times; none: they slept.
    pub spun_ns: Option<u64>,
    /// From the start of the loops to the end of the last.
    pub elapsed_ns: u64,
    /// Processor time of the busiest thread without spinning, as a share of its time.
    pub busiest_share: f64,
    /// Of the thread that spun most, as a share of its time; none: they slept.
    pub spun_share: Option<f64>,
}

/// Who runs a plan.
pub(crate) struct Crew<'a> {
    /// One for each event loop: the shares of one schedule.
    pub(crate) plans: Vec<Plan>,
    /// Where they run, in turn; empty: anywhere.
    pub(crate) cores: &'a [usize],
    pub(crate) gauge: &'a Arc<Gauge>,
    pub(crate) new_wire: &'a (dyn Fn() -> Box<dyn Wire> + Sync),
    /// Makes what an event loop sends.
    pub(crate) source: &'a (dyn Fn() -> Box<dyn Source + 'a> + Sync),
}

/// What one thread brings home.
struct Part {
    driven: Driven<Recorder>,
    /// Without spinning.
    cpu_ns: u64,
    elapsed_ns: u64,
}

impl Crew<'_> {
    /// Opens all connections, runs the plans and calls `watch` meanwhile, with the threads' ids and
    /// a flag that is set when all have ended. The calling thread is unparked then.
    ///
    /// # Errors
    /// Some connection could not be opened, or the machine's event queue failed.
    pub(crate) fn run<W>(
        self,
        watch: impl FnOnce(&[u32], &Times, &AtomicBool) -> W,
    ) -> anyhow::Result<(Times, Ran, W)> {
        let first = self.plans.first().context("a crew has at least one event loop")?;
        let (warm_up_ns, due_ns) = (first.warm_up_ns, first.due_ns());
        let (left, done) = (AtomicUsize::new(self.plans.len()), AtomicBool::new(false));
        let watcher = std::thread::current();
        let ending = || Ending { left: &left, done: &done, watcher: watcher.clone() };
        std::thread::scope(|scope| {
            let members = self.start(scope, ending)?;
            let watched = members.tids().map(|tids| {
                let anchor = now().plus(HEAD_START_NS);
                let window = (anchor.plus(warm_up_ns), anchor.plus(due_ns));
                let times = Times { anchor, window };
                members.begin(anchor);
                (times, watch(&tids, &times, &done))
            });
            let ran = members.end()?;
            let (times, watched) = watched.context("the generator ended before it began")?;
            Ok((times, ran, watched))
        })
    }

    fn start<'scope, 'env, 'e: 'scope>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        ending: impl Fn() -> Ending<'e>,
    ) -> std::io::Result<Members<'scope>>
    where
        Self: 'scope,
    {
        let Self { plans, cores, gauge, new_wire, source } = self;
        let (opened, tids) = mpsc::channel();
        let mut members = Members { tids, orders: Vec::new(), threads: Vec::new() };
        for (index, plan) in plans.into_iter().enumerate() {
            let (order, ordered) = mpsc::channel();
            let (ending, opened) = (ending(), opened.clone());
            let core = (!cores.is_empty()).then(|| cores[index % cores.len()]);
            let name = std::thread::Builder::new().name("generator".into());
            members.orders.push(order);
            members.threads.push(name.spawn_scoped(scope, move || {
                let _ending = ending;
                if let Some(core) = core {
                    tailrace_sys::pin_current_thread(&[core])
                        .context("the generator could not be pinned")?;
                }
                tailrace_sys::set_timer_slack_min().context("the timer slack could not be set")?;
                let driver = Driver::open(plan, source(), Arc::clone(gauge), new_wire)?;
                drive(driver, opened, &ordered)
            })?);
        }
        Ok(members)
    }
}

/// Says that all is open, and begins when told to. None: nobody told it, because another could not
/// open.
fn drive(
    driver: Driver<'_>,
    opened: Sender<u32>,
    ordered: &Receiver<Stamp>,
) -> anyhow::Result<Option<Part>> {
    let tid = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
    opened.send(tid).context("nobody watches this trial")?;
    // Whoever counts those that opened must not wait for this one.
    drop(opened);
    let Ok(anchor) = ordered.recv() else { return Ok(None) };
    let (began, cpu_before) = (now(), tailrace_sys::proc::thread_cpu_ns());
    let driven = driver.drive(anchor)?;
    let cpu_ns = tailrace_sys::proc::thread_cpu_ns() - cpu_before;
    // What interrupts took may be in the one clock and not in the other.
    let cpu_ns = cpu_ns.saturating_sub(driven.spun_ns.unwrap_or(0));
    Ok(Some(Part { driven, cpu_ns, elapsed_ns: now().since(began) }))
}

/// The threads.
struct Members<'scope> {
    tids: Receiver<u32>,
    orders: Vec<Sender<Stamp>>,
    threads: Vec<ScopedJoinHandle<'scope, anyhow::Result<Option<Part>>>>,
}

impl Members<'_> {
    /// When all have opened their connections; none: one of them could not.
    fn tids(&self) -> Option<Vec<u32>> {
        self.threads.iter().map(|_| self.tids.recv().ok()).collect()
    }

    fn begin(&self, anchor: Stamp) {
        for order in &self.orders {
            // One that is gone tells why when it is joined.
            order.send(anchor).unwrap_or_default();
        }
    }

    /// Waits for all, and adds them up.
    fn end(self) -> anyhow::Result<Ran> {
        drop(self.orders);
        let ended = self
            .threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("the generator's thread panicked"))?);
        // All are joined before the first fault is told.
        let ended: Vec<anyhow::Result<Option<Part>>> = ended.collect();
        let parts: Vec<Option<Part>> = ended.into_iter().collect::<Result<_, _>>()?;
        let parts: Option<Vec<Part>> = parts.into_iter().collect();
        added_up(parts.unwrap_or_default()).context("the generator ended before it began")
    }
}

fn added_up(parts: Vec<Part>) -> Option<Ran> {
    let share = |ns: u64, part: &Part| ns as f64 / part.elapsed_ns.max(1) as f64;
    let busiest_share = parts.iter().map(|part| share(part.cpu_ns, part)).fold(0.0, f64::max);
    let spun = parts.iter().filter_map(|part| Some(share(part.driven.spun_ns?, part)));
    let spun_share = spun.reduce(f64::max);
    let mut parts = parts.into_iter();
    let mut all = parts.next()?;
    for part in parts {
        all.driven.merge(part.driven);
        all.cpu_ns += part.cpu_ns;
        all.elapsed_ns = all.elapsed_ns.max(part.elapsed_ns);
    }
    Some(Ran {
        spun_ns: all.driven.spun_ns,
        driven: all.driven.finish(),
        generator_cpu_ns: all.cpu_ns,
        elapsed_ns: all.elapsed_ns,
        busiest_share,
        spun_share,
    })
}

/// Tells the watching thread when the last event loop has ended, also if it panicked: nobody may
/// watch for ever.
struct Ending<'a> {
    left: &'a AtomicUsize,
    done: &'a AtomicBool,
    watcher: Thread,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if self.left.fetch_sub(1, AcqRel) == 1 {
            self.done.store(true, Release);
            self.watcher.unpark();
        }
    }
}
