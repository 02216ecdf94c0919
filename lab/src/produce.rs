//! `tailrace produce`: a fake fleet sends its metrics to a served pipeline.

use std::sync::Arc;
use std::time::Duration;

use tailrace_contract::{Peer, RunId};
use tailrace_producers::pace::Pace;
use tailrace_producers::produce::{ProduceConfig, ProduceError, ProduceReport, produce};
use tailrace_producers::sender::{Connect, SenderConfig};
use tailrace_producers::tls::{Tls, Trust};
use tailrace_producers::{FleetConfig, Shape};
use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::cli::ProduceArgs;
use crate::exit::{Ended, Fault};
use crate::shown::ShownKey;
use crate::tls::ClientTls;
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
    let (mut config, run) = config(arguments, redis::fresh_run())?;
    config.sender.tls = tls(&address, &arguments.trust)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(send((config, run), address, arguments.key.shown()?))?;
    print(&report, arguments.json)?;
    let complete = report.tally.acked == report.due;
    Ok(if complete { Ended::Fine } else { Ended::Failed })
}

async fn send(
    (config, run): (ProduceConfig, RunId),
    address: Address,
    shown: Option<ShownKey>,
) -> anyhow::Result<ProduceReport> {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        if interrupt::asked_to_stop().await.is_ok() {
            asked.cancel();
        }
    });
    let (protocol, authority) = (address.protocol, address.authority);
    let (in_flight, tls) = (protocol.depth(IN_FLIGHT), address.is_secured);
    let key = shown.map(|key| key.text().to_owned());
    let connect: Connect = Arc::new(move || {
        let key = key.as_deref();
        protocol.wire(&Peer { authority: &authority, tls, run: Some(run), in_flight, key })
    });
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

/// How connections begin.
fn tls(address: &Address, trust: &ClientTls) -> anyhow::Result<Option<Tls>> {
    if !address.is_secured && trust.is_given() {
        return Err(
            usage("--cacert and --insecure are about TLS, and this URL is clear text").into()
        );
    }
    // In clear text the system's authorities need not even be read.
    let trust = if address.is_secured { trust.trust()? } else { Trust::System };
    address.tls(&trust).map_err(|fault| usage(fault).into())
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
