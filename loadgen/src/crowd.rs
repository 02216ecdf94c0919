//! Subscribers beside the one that is measured: one thread reads what they are sent and throws it
//! away, as fast as it comes. The stalled among them never read: they are what a server must not
//! wait for. They follow the same sample of batches.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use anyhow::Context;
use tailrace_contract::RunId;
use tailrace_measure::record::{Crowd, Measurement};
use tailrace_producers::tls::Tls;
use tailrace_sys::poller::{Interest, Poller};

use crate::account::Finding;
use crate::driver::subscribe;
use crate::observer::Key;
use crate::plan::FeedPlan;
use crate::secure::Line;

/// How soon the thread notices that the trial is over.
const LOOK_NS: u64 = 20_000_000;
/// Bytes of one read: some hundred events.
const READ_BYTES: usize = 64 << 10;

/// Everybody who subscribes beside. Dropping it hangs up.
pub struct Subscribers {
    over: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
    /// They hold their connections and never look.
    _stalled: Vec<Line>,
}

impl Subscribers {
    /// Subscribes all of them, and reads from then on, on these cores (none: anywhere).
    ///
    /// # Errors
    /// The server refused one of them, or this process is out of descriptors.
    pub fn gather(
        crowd: Crowd,
        plan: &FeedPlan,
        (tls, key): (Option<&Tls>, Option<&Key>),
        run: RunId,
        cores: &[usize],
    ) -> anyhow::Result<Self> {
        let mut lines = Vec::with_capacity(crowd.subscribers as usize);
        for number in 1..=crowd.subscribers {
            let subscribed = subscribe(plan, (tls, key), run);
            let (line, _) = subscribed.with_context(|| {
                format!("subscriber {number} of {} beside the measured one", crowd.subscribers)
            })?;
            line.socket().set_nonblocking(true)?;
            lines.push(line);
        }
        let stalled = lines.split_off(lines.len() - (crowd.stalled as usize).min(lines.len()));
        let (over, lost) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (tell, told) = mpsc::channel();
        let (is_over, were_lost, cores) = (Arc::clone(&over), Arc::clone(&lost), cores.to_vec());
        let thread = std::thread::Builder::new().name("subscribers".into()).spawn(move || {
            // A poller stays on the thread that made it.
            match Reader::new(lines, is_over, were_lost, &cores) {
                Ok(reader) => {
                    tell.send(Ok(())).unwrap_or_default();
                    reader.run();
                }
                Err(error) => tell.send(Err(error)).unwrap_or_default(),
            }
        })?;
        told.recv().context("the subscribers' thread ended at once")??;
        Ok(Self { over, lost, thread: Some(thread), _stalled: stalled })
    }

    /// What a reader must know of them, if something is amiss: those who read and were cut off.
    pub fn finding(&self) -> Option<Finding> {
        let lost = self.lost.load(Relaxed);
        (lost > 0).then(|| {
            let text = format!(
                "{lost} of the subscribers beside the measured one were cut off by the server \
                 although they read: the trial had fewer of them than it says"
            );
            (Measurement::Suspect, text)
        })
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap_or_default();
        }
    }
}

/// What the thread works with.
struct Reader {
    poller: Poller,
    /// None: the server hung up.
    lines: Vec<Option<Line>>,
    over: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    buffer: Vec<u8>,
}

impl Reader {
    fn new(
        lines: Vec<Line>,
        over: Arc<AtomicBool>,
        lost: Arc<AtomicU64>,
        cores: &[usize],
    ) -> io::Result<Self> {
        if !cores.is_empty() {
            tailrace_sys::pin_current_thread(cores)?;
        }
        let poller = Poller::new()?;
        for (index, line) in lines.iter().enumerate() {
            poller.add(line.socket(), index as u64, Interest::Read)?;
        }
        let lines = lines.into_iter().map(Some).collect();
        Ok(Self { poller, lines, over, lost, buffer: vec![0; READ_BYTES] })
    }

    fn run(mut self) {
        while !self.over.load(Relaxed) && self.poller.wait(LOOK_NS).is_ok() {
            for n in 0..self.poller.ready_count() {
                self.read(self.poller.ready(n).token as usize);
            }
        }
    }

    /// Reads once: whoever has more is reported again.
    fn read(&mut self, index: usize) {
        let Some(line) = &mut self.lines[index] else { return };
        match line.read(&mut self.buffer) {
            Ok(n) if n > 0 => {}
            Err(e)
                if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            _ => {
                // Closing takes it out of the set.
                self.lines[index] = None;
                self.lost.fetch_add(1, Relaxed);
            }
        }
    }
}
