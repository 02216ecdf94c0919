//! `tailrace produce`: a fake fleet sends its metrics to a served pipeline.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tailrace_contract::{Peer, RunId};
use tailrace_producers::pace::Pace;
use tailrace_producers::produce::{ProduceConfig, ProduceError, ProduceReport, produce};
use tailrace_producers::sender::{Connect, SenderConfig};
use tailrace_producers::{FleetConfig, Shape};
use tokio_util::sync::CancellationToken;

use crate::cli::ProduceArgs;
use crate::exit::{Ended, Fault};
use crate::registry::Protocol;
use crate::{interrupt, printing, redis};

/// Requests in flight on one connection of a message transport.
const IN_FLIGHT: usize = 256;
/// After the last batch, how long answers are waited for.
const DRAIN: Duration = Duration::from_secs(10);
/// Between two lines of the log.
const PROGRESS: Duration = Duration::from_secs(5);

/// Produces until the time is over or Ctrl-C, then says what became of every batch.
///
/// # Errors
/// An address that makes no sense, a server that cannot be reached, bad spikes or bursts.
pub fn run(arguments: &ProduceArgs) -> anyhow::Result<Ended> {
    let address = Address::parse(&arguments.url)?;
    let config = config(arguments, redis::fresh_run())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(send(config, address))?;
    print(&report, arguments.json)?;
    let complete = report.tally.acked == report.due;
    Ok(if complete { Ended::Fine } else { Ended::Failed })
}

async fn send(
    (config, run): (ProduceConfig, RunId),
    address: Address,
) -> anyhow::Result<ProduceReport> {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        if interrupt::asked_to_stop().await.is_ok() {
            asked.cancel();
        }
    });
    let (protocol, authority) = (address.protocol, address.authority);
    let depth = protocol.depth(IN_FLIGHT);
    let connect: Connect =
        Arc::new(move || protocol.wire(&Peer::plain(&authority, Some(run), depth)));
    let progress = |tally: &tailrace_producers::tally::Tally| {
        tracing::info!(
            sent = tally.sent,
            acked = tally.acked,
            retries = tally.retries,
            "producing"
        );
    };
    produce(config, address.socket, connect, stop, progress).await.map_err(|error| match error {
        ProduceError::Fleet(_) | ProduceError::Connections => usage(error).into(),
        ProduceError::Sender(_) => error.into(),
    })
}

/// What was asked for makes no sense.
fn usage(error: impl std::fmt::Display) -> Fault {
    Fault::Usage(error.to_string())
}

fn config(arguments: &ProduceArgs, run: RunId) -> anyhow::Result<(ProduceConfig, RunId)> {
    let shape: Shape = arguments.shape.parse().map_err(usage)?;
    let spikes = arguments.spikes.as_deref().map(str::parse).transpose().map_err(usage)?;
    let fleet = FleetConfig {
        seed: arguments.seed,
        hosts: arguments.hosts,
        every: arguments.every,
        shape,
        spikes,
        ..FleetConfig::default()
    };
    let burst = arguments.burst.as_deref().map(str::parse).transpose().map_err(usage)?;
    let pace = Pace::new(fleet.every, fleet.hosts, burst);
    let codec = arguments.codec.into();
    let config = ProduceConfig {
        codec,
        // The end itself is not part of it: 3 s at 50 a second are 150.
        limit: arguments.duration.map(|d| pace.due_by(d.saturating_sub(Duration::from_nanos(1)))),
        fleet,
        burst,
        connections: arguments.connections,
        sender: SenderConfig::of_run(run, codec),
        drain: DRAIN,
        progress_every: PROGRESS,
    };
    Ok((config, run))
}

/// Where to, and how.
struct Address {
    protocol: Protocol,
    authority: String,
    socket: SocketAddr,
}

impl Address {
    fn parse(url: &str) -> anyhow::Result<Self> {
        let known = [
            ("http://", Protocol::of::<tailrace_http1::Http1>()),
            ("ws://", Protocol::of::<tailrace_ws::Ws>()),
        ];
        let found = known.into_iter().find_map(|(scheme, p)| Some((url.strip_prefix(scheme)?, p)));
        let (rest, protocol) = found.ok_or_else(|| {
            Fault::Usage(format!("{url:?} begins with neither http:// nor ws://"))
        })?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !path.is_empty() && path != "v1/ingest" {
            return Err(Fault::Usage(format!(
                "pipelines take metrics at /v1/ingest, not at /{path}; leave the path out"
            ))
            .into());
        }
        let mut sockets = authority
            .to_socket_addrs()
            .with_context(|| format!("{authority:?} is not host:port of a reachable machine"))?;
        let socket = sockets.next().with_context(|| format!("{authority} has no address"))?;
        Ok(Self { protocol, authority: authority.to_owned(), socket })
    }
}

fn print(report: &ProduceReport, json: bool) -> anyhow::Result<()> {
    if json {
        return printing::json(report);
    }
    let tally = &report.tally;
    printing::line(&format!(
        "{} batches due, {} acknowledged, {} refused, {} given up, {} never sent; {} metrics at \
         {:.1} batches/s over {:.1} s; {} retries, {} broken connections, at most {:.1} ms late",
        report.due,
        tally.acked,
        tally.refused_total(),
        tally.gave_up,
        report.unsent,
        tally.metrics,
        report.rate_per_s,
        report.elapsed_s,
        tally.retries,
        tally.broken_connections,
        report.late_ms_max,
    ))?;
    for fault in &report.faults {
        printing::line(&format!("! {fault}"))?;
    }
    Ok(())
}
