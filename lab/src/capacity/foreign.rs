//! Somebody's endpoint in the place of a server that is started for each trial. It is the same server
//! for the whole search, so what a trial that failed left behind would be in the next one: each begins
//! when a single request has been answered again. Nothing is known of its cost, and nothing is audited.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use tailrace_contract::{RunId, Wire};
use tailrace_loadgen::arena::{Launched, Launcher};
use tailrace_loadgen::gauge::Gauge;
use tailrace_loadgen::load;
use tailrace_loadgen::plan::Plan;
use tailrace_loadgen::template::Asked;
use tailrace_measure::record::{Arm, Arrivals, Codec, Flush, Load};
use tailrace_producers::tls::Tls;

use crate::endpoint::Endpoint;
use crate::redis;

/// Folder and name of the endpoint in records: its address has characters that no folder has.
const SLUG: &str = "endpoint";
/// One request every so often, while it is asked whether it is back.
const PROBE_MS: u64 = 20;
/// An endpoint that is still busy with an earlier trial so long after it is measured as it is.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// Hands out the endpoint as if it were fresh.
pub(super) struct Foreign {
    endpoint: Endpoint,
    timeout: Duration,
    /// Whether it has ever answered.
    is_known: bool,
}

impl Foreign {
    pub(super) fn new(endpoint: Endpoint, timeout: Duration) -> Self {
        Self { endpoint, timeout, is_known: false }
    }

    /// The endpoint as an arm.
    pub(super) fn arm(&self) -> Arm {
        let Endpoint { url, connections, per_connection, tls, .. } = &self.endpoint;
        Arm {
            slug: SLUG.into(),
            pipeline: url.clone(),
            promise: "what its acknowledgement promises is not known".into(),
            floor: false,
            connections: *connections,
            in_flight_per_connection: *per_connection,
            batch_metrics: 1,
            codec: Codec::Json,
            tls: tls.is_some(),
            flush: Flush::Batch,
            link: None,
            keys: false,
            store: None,
            fsync: None,
        }
    }

    /// Sends one request; whether it was acknowledged, and if not, what became of it.
    fn probe(&self) -> anyhow::Result<Result<(), String>> {
        let load = Load {
            slug: "probe".into(),
            label: String::new(),
            rate_per_s: 1e3 / PROBE_MS as f64,
            arrivals: Arrivals::Constant,
            warm_up_ms: 0,
            window_ms: PROBE_MS,
            timeout_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            in_flight_max: 1,
            feed_one_in: None,
            crowd: None,
            spin: false,
        };
        let endpoint = &self.endpoint;
        let mut plan = Plan::of_load(&load, 0, redis::fresh_run(), endpoint.address);
        plan.tls.clone_from(&endpoint.tls);
        plan.keeps_connections = endpoint.keeps_connections;
        let gauge = Arc::new(Gauge::default());
        let asked = (&endpoint.asked, 0);
        let loaded = load::run(vec![plan], asked, &*endpoint.wires(), &[], &gauge)
            .map_err(|error| endpoint.untaken(error))?;
        let outcomes = &loaded.ran.driven.measured.window_outcomes;
        if outcomes.acked == outcomes.scheduled {
            return Ok(Ok(()));
        }
        let refused = outcomes.refused.keys().next();
        Ok(Err(match refused {
            // Then it was the body that was not expected.
            Some(status) if endpoint.asked.is_ack(*status) => format!(
                "it answered with status {status}, and without {:?} in its body",
                endpoint.expected_body.as_deref().unwrap_or_default()
            ),
            Some(status) => format!("it answered with status {status}"),
            None => "it did not answer".into(),
        }))
    }
}

impl Launcher for Foreign {
    fn launch(&mut self, _: &Arm) -> anyhow::Result<Box<dyn Launched>> {
        let deadline = Instant::now() + SETTLE_MAX;
        loop {
            match self.probe() {
                Ok(Ok(())) => break,
                // The first time, nothing can be meant but that it does not do what is asked.
                Ok(Err(why)) if !self.is_known => bail!(
                    "{} did not acknowledge a single request: {why}; which answers acknowledge is \
                     said by --expect-status and --expect-body, what is sent by --method, --header \
                     and --body",
                    self.endpoint.url
                ),
                Err(why) if !self.is_known || Instant::now() > deadline => return Err(why),
                _ if Instant::now() > deadline => break,
                _ => {}
            }
        }
        self.is_known = true;
        Ok(Box::new(Reached(self.endpoint.clone())))
    }
}

/// The endpoint in one trial.
struct Reached(Endpoint);

impl Launched for Reached {
    fn ingest(&self) -> SocketAddr {
        self.0.address
    }

    fn observer(&self) -> Option<SocketAddr> {
        None
    }

    fn ingest_tls(&self) -> Option<Tls> {
        self.0.tls.clone()
    }

    fn wires(&self) -> Box<dyn Fn(RunId) -> Box<dyn Wire> + Send + Sync> {
        let new_wire = self.0.wires();
        Box::new(move |_| new_wire())
    }

    fn asked(&self) -> Option<&Asked> {
        Some(&self.0.asked)
    }

    fn keeps_connections(&self) -> bool {
        self.0.keeps_connections
    }

    fn audit_at(&self, _: RunId) -> Result<(SocketAddr, String), String> {
        Err("an endpoint that is not a pipeline is asked for no audit".into())
    }

    /// There is no process of that number: somebody else's is not ours to read.
    fn server_pid(&self) -> u32 {
        0
    }

    fn backend_pid(&self) -> Option<u32> {
        None
    }

    fn server_death(&mut self) -> Option<String> {
        None
    }

    fn recover(&mut self) -> Result<(), String> {
        Ok(())
    }
}
