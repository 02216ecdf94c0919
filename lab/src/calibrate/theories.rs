//! What should have been measured in a trial: by the server's rule, and by what the server wrote down
//! of its own answers. Where both differ it was the server that was late, not the generator.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};
use tailrace_loadgen::trial::Finished;
use tailrace_measure::journal::{ASK, Journal};
use tailrace_measure::known::{Behaviour, Kind};
use tailrace_measure::late::Late;
use tailrace_measure::record::Floor;
use tailrace_measure::recorder::Window;
use tailrace_measure::schedule::Schedule;
use tailrace_measure::simulate::{Paths, simulate, simulate_late};
use tailrace_measure::sleeps::Sleeps;
use tailrace_measure::theory::Theory;
use tailrace_targets::Protocol;

use super::cells::Question;

/// A server that is asked what it did has nothing else to do.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks a server of known behaviour what it did.
pub(super) fn journal(address: SocketAddr) -> anyhow::Result<Journal> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(JOURNAL_TIMEOUT))?;
    socket.write_all(ASK)?;
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).context("the server does not say when it answered")?;
    Ok(Journal::read(&bytes))
}

/// What should have been measured, by rule and by the server's own clock.
pub(super) struct Theories {
    pub(super) rule: Theory,
    /// With each answer as late as it was, and the floor's round trip from an answer to the request
    /// that waited for its connection.
    pub(super) served: Theory,
    /// With that, and the generator woken as late as it was: with what had piled up leaving at once, and
    /// with each of it taking what a batch cost. None: that is not known.
    pub(super) woken: Option<(Theory, Theory)>,
    /// Of the batches due in the window, those for which it was woken late; none: as before.
    pub(super) woken_late_share: Option<f64>,
    /// When the server had answered; none: it did not write down all of it.
    pub(super) witnessed: Option<Theory>,
}

impl Theories {
    pub(super) fn of(
        question: &Question,
        behaviour: &Behaviour,
        finished: &Finished,
        (journal, floor): (&Journal, Option<&Floor>),
    ) -> anyhow::Result<Self> {
        let (anchor, (start, end)) = (finished.times.anchor, finished.times.window);
        let in_time = question.kind != Kind::SlowAccept
            || question.protocol != Protocol::Http1
            || anchor < behaviour.from;
        ensure!(
            in_time,
            "the connections were opened too late to know when each was accepted: is this machine \
             busy with something else?"
        );
        let load = question.load();
        let window = Window { start, end };
        let due = || {
            let mut schedule = Schedule::new(&load, question.seed);
            let due = std::iter::from_fn(move || Some(anchor.plus(schedule.next_ns())));
            due.take_while(move |due| *due < end)
        };
        let paths = question.paths(behaviour, anchor, load.in_flight_max);
        let real = Paths { turnaround_ns: round_trip_ns(floor), ..paths.clone() };
        let awake = Late { journal, sleeps: &Sleeps::default(), batch_ns: 0 };
        let sleeping = Late { sleeps: &finished.sleeps, ..awake };
        let batch_ns = (finished.trial.cost.generator_cpu_us_per_batch * 1e3) as u64;
        let working = Late { batch_ns, ..sleeping };
        let with = |late| simulate_late(behaviour, late, &real, due(), window);
        let are_known = finished.sleeps.are_complete();
        let in_window = (0..).zip(due()).filter(|(_, intended)| window.contains(*intended));
        let woken_late = in_window.filter(|(seq, due)| sleeping.was_late_for(*seq, *due)).count();
        let rule = simulate(behaviour, &paths, due(), window);
        Ok(Self {
            woken_late_share: are_known.then(|| woken_late as f64 / rule.due.max(1) as f64),
            rule,
            served: with(awake),
            woken: are_known.then(|| (with(sleeping), with(working))),
            witnessed: journal.witnessed(due(), window),
        })
    }
}

impl Theories {
    /// Between what the generator's late wake-ups put a percentile.
    pub(super) fn woken_ns_at(&self, q: f64) -> Option<(u64, u64)> {
        let (at_once, worked_off) = self.woken.as_ref()?;
        at_once.ns_at(q).zip(worked_off.ns_at(q))
    }
}

/// What the bare echo typically needed on the same schedule.
fn round_trip_ns(floor: Option<&Floor>) -> u64 {
    floor.and_then(|floor| floor.ns_at(0.5)).unwrap_or(0)
}
