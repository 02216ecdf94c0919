//! Loads of a scenario: the event loop that measures runs, on a thread of its own, beside whoever
//! shows how it goes. Read next: `moving.rs`, for what of it is shown meanwhile.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tailrace_contract::{Peer, Producer, RunId, Transport};
use tailrace_http1::Http1;
use tailrace_loadgen::driver::{Driven, Driver};
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::observer::Key;
use tailrace_loadgen::plan::{FeedPlan, Pace, Plan};
use tailrace_loadgen::template::{Asked, Template, Templates};
use tailrace_measure::clock::{Stamp, now};
use tailrace_measure::record::{Arrivals, Load as LoadShape};

use super::moving::Moving;
use super::server::{Server, cores};
use super::stage::{Stage, TICK};
use crate::redis::fresh_run;
use crate::registry::Protocol;

/// Answers later than this are none; longer than any wait that a scenario makes on purpose.
const TIMEOUT: Duration = Duration::from_secs(30);
/// From the last opened connection to the first due request, as in a trial.
const HEAD_START_NS: u64 = 30_000_000;
/// Everything random comes from here: a scenario is played the same way again.
const SEED: u64 = 1;

/// What is sent, to whom, and when it is due.
pub(super) struct Offer {
    to: SocketAddr,
    run: RunId,
    shape: LoadShape,
    is_open: bool,
    feed: Option<FeedPlan>,
    asked: Asked,
    key: Key,
}

/// A load under way.
pub(super) struct Load {
    /// Identity of its batches.
    pub(super) run: RunId,
    /// From here its schedule counts.
    pub(super) anchor: Stamp,
    is_open: bool,
    gauge: Arc<Gauge>,
    thread: JoinHandle<anyhow::Result<Over>>,
}

/// A load that is over.
pub(super) struct Over {
    /// What its event loop saw.
    pub(super) driven: Driven,
    /// From the begin of its schedule to its last answer.
    pub(super) span: Duration,
}

impl Offer {
    /// Batches of so many metrics of a name, evenly due: so many a second, for so long.
    ///
    /// # Errors
    /// The name makes no request.
    pub(super) fn batches(
        server: &Server,
        tenant: usize,
        (name, metrics): (&str, usize),
        (rate_per_s, length): (f64, Duration),
    ) -> anyhow::Result<Self> {
        let metric = format!("{{\"name\":\"{name}\",\"value\":{{{{random}}}}}}");
        let all = vec![metric; metrics].join(",");
        let body = format!("{{\"producer\":\"demo\",\"seq\":{{{{seq}}}},\"metrics\":[ {all} ]}}");
        let run = fresh_run();
        let headers = [("content-type", "application/json"), ("tailrace-run", &run.to_string())];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let asked = asked("POST", "/v1/ingest", headers.to_vec(), &body)?;
        let (to, shape) = (server.ingest(), shape(rate_per_s, length));
        let key = server.key(tenant).clone();
        Ok(Self { to, run, shape, is_open: true, feed: None, asked, key })
    }

    /// One question to the observer, again and again.
    ///
    /// # Errors
    /// The server has no observer, or the path makes no request.
    pub(super) fn questions(
        server: &Server,
        path: &str,
        (rate_per_s, length): (f64, Duration),
    ) -> anyhow::Result<Self> {
        let asked = asked("GET", path, Vec::new(), "")?;
        let (to, shape) = (server.observer()?, shape(rate_per_s, length));
        let (run, key) = (fresh_run(), server.key(0).clone());
        Ok(Self { to, run, shape, is_open: true, feed: None, asked, key })
    }

    /// The same at rates that change, with their own mean.
    pub(super) fn arriving(mut self, arrivals: Arrivals, length: Duration) -> Self {
        let rate_per_s = arrivals.own_rate_per_s().unwrap_or(self.shape.rate_per_s);
        self.shape = LoadShape { arrivals, ..shape(rate_per_s, length) };
        self
    }

    /// The same without a schedule: the next one when an answer has come.
    pub(super) fn closed(mut self) -> Self {
        self.is_open = false;
        self
    }

    /// Followed by a live subscriber too; `durable`: until it is told of the commit.
    ///
    /// # Errors
    /// The server has no observer.
    pub(super) fn followed(mut self, server: &Server, durable: bool) -> anyhow::Result<Self> {
        let observer = server.observer()?;
        self.feed = Some(FeedPlan { observer, seed: SEED, one_in: 1, durable });
        Ok(self)
    }

    /// Begins.
    ///
    /// # Errors
    /// No connection could be opened, or there is no thread.
    pub(super) fn start(self, stage: &Stage) -> anyhow::Result<Load> {
        let (gauge, run, is_open) = (stage.gauge(), self.run, self.is_open);
        let (tell, told) = mpsc::channel();
        let of_driver = Arc::clone(&gauge);
        let thread = std::thread::Builder::new().name("generator".into());
        let thread = thread.spawn(move || self.drive(of_driver, &tell))?;
        match told.recv() {
            Ok(anchor) => Ok(Load { run, anchor, is_open, gauge, thread }),
            // It ended before it began, and says why.
            Err(_) => Err(joined(thread).err().unwrap_or_else(|| anyhow!("the load is gone"))),
        }
    }

    fn plan(&self) -> Plan {
        let mut plan = Plan::of_load(&self.shape, SEED, self.run, self.to);
        plan.connections = Http1::FAIR_LOAD.0 as usize;
        plan.producer = Producer("demo".into());
        (plan.feed, plan.feed_key) = (self.feed, Some(self.key.clone()));
        if !self.is_open {
            plan.pace = Pace::Saturate;
            plan.in_flight_max = plan.connections;
        }
        plan
    }

    fn drive(self, gauge: Arc<Gauge>, tell: &mpsc::Sender<Stamp>) -> anyhow::Result<Over> {
        let core = cores().1;
        if !core.is_empty() {
            tailrace_sys::pin_current_thread(&core).context("the generator was not pinned")?;
        }
        tailrace_sys::set_timer_slack_min()?;
        let plan = self.plan();
        let (authority, protocol) = (self.to.to_string(), Protocol::of::<Http1>());
        let (Key(key), run) = (&self.key, Some(self.run));
        let wire = || protocol.wire(&Peer { key: Some(key), ..Peer::plain(&authority, run, 1) });
        let source = Box::new(Templates::new(&self.asked, SEED));
        let driver = Driver::open(plan, source, gauge, &wire)?;
        let anchor = now().plus(HEAD_START_NS);
        tell.send(anchor)?;
        let driven = driver.run(anchor)?;
        Ok(Over { driven, span: Duration::from_nanos(now().since(anchor)) })
    }
}

impl Load {
    /// What of it moves.
    pub(super) fn moving(&self) -> Moving {
        Moving::new(Arc::clone(&self.gauge))
    }

    /// Ends it now: what is due later is not sent.
    pub(super) fn stop(&self) {
        self.gauge.stop();
    }

    /// Waits for its end, and calls `look` every [`TICK`].
    ///
    /// # Errors
    /// The demo was stopped, or the load failed.
    pub(super) fn end(
        self,
        stage: &mut Stage,
        mut look: impl FnMut(&Stage),
    ) -> anyhow::Result<Over> {
        while !self.thread.is_finished() {
            look(stage);
            std::thread::sleep(TICK);
        }
        let over = joined(self.thread)?;
        stage.check()?;
        if self.is_open {
            stage.note(&over.driven.measured);
        }
        Ok(over)
    }
}

/// What was due and had its time: a load that was ended early has some left over that were never
/// sent or not yet answered, and they say nothing about the server.
pub(super) fn due(driven: &Driven) -> u64 {
    let outcomes = &driven.measured.window_outcomes;
    outcomes.scheduled - outcomes.censored
}

fn asked(
    method: &str,
    path: &str,
    headers: Vec<(String, String)>,
    body: &str,
) -> anyhow::Result<Asked> {
    let template = |text: &str| Template::parse(text.as_bytes());
    let headers = headers.into_iter().map(|(name, value)| Ok((name, template(&value)?)));
    Ok(Asked {
        method: method.into(),
        target: template(path)?,
        headers: headers.collect::<anyhow::Result<_>>()?,
        body: template(body)?,
        acks: vec![(200, 299)],
    })
}

fn joined(thread: JoinHandle<anyhow::Result<Over>>) -> anyhow::Result<Over> {
    thread.join().map_err(|_| anyhow!("the generator's thread panicked"))?
}

fn shape(rate_per_s: f64, length: Duration) -> LoadShape {
    LoadShape {
        slug: String::new(),
        label: String::new(),
        rate_per_s,
        arrivals: Arrivals::Constant,
        warm_up_ms: 0,
        window_ms: length.as_millis() as u64,
        timeout_ms: TIMEOUT.as_millis() as u64,
        // All that is due may wait: what a scenario shows is how long.
        in_flight_max: (rate_per_s * length.as_secs_f64()).ceil() as u64 + 1_000,
        feed_one_in: None,
        crowd: None,
        spin: false,
    }
}
