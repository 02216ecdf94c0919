//! Drives: a load on an address, with what came out checked for what always holds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tailrace_contract::codec::Codec;
use tailrace_contract::{RunId, Wire};
use tailrace_loadgen::driver::{Driven, Driver};
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::plan::{FeedPlan, Plan};
use tailrace_loadgen::source::Batches;
use tailrace_measure::clock::now;
use tailrace_measure::record::{Arrivals, Load};
use tailrace_measure::schedule;
use tailrace_producers::payload::Payloads;
use tailrace_producers::tls::Tls;

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SEED: u64 = 7;
/// Sooner than this after the connections' opening nothing is due.
const HEAD_START_NS: u64 = 10 * MS;

/// What is driven; public fields, so that a test says only what is special about it.
pub(crate) struct Drive {
    pub(crate) load: Load,
    pub(crate) connections: usize,
    /// Requests in flight on a connection.
    pub(crate) depth: usize,
    pub(crate) batch_metrics: usize,
    /// Observer of a feed that follows every batch.
    pub(crate) feed: Option<SocketAddr>,
    /// Whether the feed owes commits too.
    pub(crate) durable: bool,
    /// How connections begin; none: in clear text.
    pub(crate) tls: Option<Tls>,
    pub(crate) gauge: Arc<Gauge>,
}

impl Drive {
    /// Few warm-up, no feed, a timeout and limits that nothing ordinary reaches.
    pub(crate) fn new(rate_per_s: f64, window_ms: u64) -> Self {
        let load = Load {
            slug: "load".into(),
            label: "load".into(),
            rate_per_s,
            arrivals: Arrivals::Poisson,
            warm_up_ms: 50,
            window_ms,
            timeout_ms: 5_000,
            in_flight_max: 100_000,
            feed_one_in: None,
            crowd: None,
            spin: false,
        };
        let gauge = Arc::default();
        Self {
            load,
            connections: 2,
            depth: 64,
            batch_metrics: 1,
            feed: None,
            durable: false,
            tls: None,
            gauge,
        }
    }

    /// Batches due in the window, and with the warm-up.
    pub(crate) fn due(&self) -> (u64, u64) {
        let Load { warm_up_ms, window_ms, .. } = self.load;
        let until = |ms: u64| schedule::count(&self.load, SEED, ms * MS);
        let all = until(warm_up_ms + window_ms);
        (all - until(warm_up_ms), all)
    }

    /// Frames over TCP to `address`.
    pub(crate) fn run(&self, address: SocketAddr) -> Driven {
        let depth = self.depth;
        self.run_with(address, &move || Box::new(tailrace_tcp::TcpWire::new(depth))).unwrap()
    }

    /// Drives, and checks that the books balance.
    pub(crate) fn run_with(
        &self,
        address: SocketAddr,
        new_wire: &(dyn Fn() -> Box<dyn Wire> + Sync),
    ) -> io::Result<Driven> {
        let payloads = Payloads::new(SEED, self.batch_metrics, 16, Codec::Json).unwrap();
        let mut plan = Plan::of_load(&self.load, SEED, RunId(1), address);
        plan.connections = self.connections;
        plan.tls.clone_from(&self.tls);
        let durable = self.durable;
        plan.feed = self.feed.map(|observer| FeedPlan { observer, seed: SEED, one_in: 1, durable });
        let run = plan.run.to_string();
        let source = Box::new(Batches::new(&payloads, plan.producer.clone(), &run));
        let driver = Driver::open(plan, source, Arc::clone(&self.gauge), new_wire)?;
        let driven = driver.run(now().plus(HEAD_START_NS))?;
        let (window, all) = self.due();
        let measured = &driven.measured;
        for (outcomes, due) in [(&measured.window_outcomes, window), (&measured.all_outcomes, all)]
        {
            assert_eq!(outcomes.scheduled, due, "{outcomes:?}");
            assert!(outcomes.balances(), "{outcomes:?}");
        }
        assert_eq!(measured.ack.len(), measured.window_outcomes.acked);
        Ok(driven)
    }
}

/// A percentile in milliseconds.
pub(crate) fn ms_at(histogram: &hdrhistogram::Histogram<u64>, q: f64) -> f64 {
    histogram.value_at_quantile(q) as f64 / MS as f64
}

/// Later than this the generator was kept from its core: the machine's doing, not the server's.
const DISTURBED_NS: u64 = 50 * MS;

/// Repeats a drive on which the machine intruded, as its figures say nothing; the seals do the
/// same. A generator that waits for its server is late every time, and fails here.
pub(crate) fn undisturbed<T>(run: impl Fn() -> (Driven, T)) -> (Driven, T) {
    for _ in 0..5 {
        let (driven, with) = run();
        if driven.measured.lateness.max() < DISTURBED_NS {
            return (driven, with);
        }
    }
    panic!("the schedule was late in every attempt")
}
