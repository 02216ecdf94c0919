//! `tailrace link`: a link between two ends, until it is told to stop. What it is made of is in
//! the crate `tailrace-link`; how a race puts one before a server is in `linked.rs`.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use tailrace_link::{Relay, Route, Shape};
use tailrace_measure::record::Link;

use crate::exit::{Ended, Fault};
use crate::{interrupt, printing};

/// Arguments of `link`.
#[derive(Debug, Args, Clone)]
#[command(
    after_help = "It delays bytes and limits how many enter, and nothing else: no packet is \
    lost or overtakes another, and TCP's slow start and congestion control do not see the \
    distance, because each half of a connection stays on its machine. A real link of this round \
    trip is at least as slow. What it costs and how exact it is: loadgen/link/README.md"
)]
pub struct LinkArgs {
    /// Where it leads: host:port. Given again, each gets a listener of its own, and all share the
    /// link
    #[arg(long, required = true, value_name = "HOST:PORT", value_parser = resolve)]
    pub to: Vec<SocketAddr>,
    /// Where it begins, one for each --to; port 0: a free one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<SocketAddr>,
    /// Delay of both directions together, such as 10ms; half of it each way
    #[arg(long, value_name = "TIME", value_parser = tailrace_link::parse_round_trip)]
    pub round_trip: Duration,
    /// What each direction carries, such as 100mbit (a second), counted in payload bytes;
    /// without it, no limit
    #[arg(long, value_name = "RATE", value_parser = tailrace_link::parse_bandwidth)]
    pub bandwidth: Option<f64>,
    /// Say where it begins as JSON
    #[arg(long)]
    pub json: bool,
    /// End when standard input ends: for whoever starts links
    #[arg(long, hide = true)]
    pub with_parent: bool,
}

/// The link of every arm of a race.
#[derive(Debug, Args, Clone)]
pub struct BeforeArgs {
    /// Put this round trip between generator and servers, the floor's too, such as 10ms; 0ms: the
    /// same proxy without a delay
    #[arg(long, value_name = "TIME", value_parser = tailrace_link::parse_round_trip)]
    pub round_trip: Option<Duration>,
    /// What that link carries each way, such as 100mbit (a second); without it, no limit
    #[arg(
        long,
        value_name = "RATE",
        requires = "round_trip",
        value_parser = tailrace_link::parse_bandwidth
    )]
    pub bandwidth: Option<f64>,
}

impl BeforeArgs {
    /// As an arm carries it.
    pub fn record(&self) -> Option<Link> {
        let round_trip_ms = self.round_trip?.as_secs_f64() * 1e3;
        Some(Link { round_trip_ms, bandwidth_mbit_per_s: self.bandwidth })
    }
}

/// The one line on standard output that says that a link accepts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ready {
    /// Where it begins.
    pub link: SocketAddr,
    /// Where the further routes begin, in the order of their `--to`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<SocketAddr>,
    /// The link's process.
    pub pid: u32,
}

/// Carries bytes until Ctrl-C, SIGTERM, or (with `--with-parent`) the end of standard input.
///
/// # Errors
/// An address in use or not on loopback, or a shape that makes no sense.
pub fn run(arguments: &LinkArgs) -> anyhow::Result<Ended> {
    let shape = Shape::new(arguments.round_trip, arguments.bandwidth)
        .map_err(|error| Fault::Usage(error.to_string()))?;
    let routes = routes(arguments)?;
    let listening: Vec<SocketAddr> =
        routes.iter().map(|route| route.listener.local_addr()).collect::<Result<_, _>>()?;
    let relay = Relay::new(shape, routes)?;
    // Dropping the writer closes the pipe, which the loop sees like any other event.
    let (stopped, stop) = std::io::pipe()?;
    interrupt::flag(move || drop(stop))?;
    announce(arguments, &listening)?;
    let input = std::io::stdin();
    let mut ends: Vec<&dyn AsFd> = vec![&stopped];
    if arguments.with_parent {
        ends.push(&input);
    }
    relay
        .run(&ends)
        .context("the link failed (with --with-parent standard input must be a pipe)")?;
    Ok(Ended::Fine)
}

fn routes(arguments: &LinkArgs) -> anyhow::Result<Vec<Route>> {
    let anywhere: SocketAddr = ([127, 0, 0, 1], 0).into();
    if arguments.listen.len() > arguments.to.len() {
        return Err(
            Fault::Usage("there are more --listen than --to; give one for each".into()).into()
        );
    }
    let listen = arguments.listen.iter().copied().chain(std::iter::repeat(anywhere));
    arguments.to.iter().zip(listen).map(|(to, listen)| route(*to, listen)).collect()
}

fn route(to: SocketAddr, listen: SocketAddr) -> anyhow::Result<Route> {
    if !listen.ip().is_loopback() {
        let why = format!(
            "{listen} can be reached from other machines, and a link asks nobody for a key; \
             listen on 127.0.0.1"
        );
        return Err(Fault::Usage(why).into());
    }
    let listener = TcpListener::bind(listen).with_context(|| {
        format!("cannot listen on {listen}: is it in use? Port 0 takes a free one")
    })?;
    Ok(Route { listener, to })
}

fn announce(arguments: &LinkArgs, listening: &[SocketAddr]) -> anyhow::Result<()> {
    if arguments.json {
        let (link, further) = listening.split_first().context("a link needs a --to")?;
        let ready = Ready { link: *link, further: further.to_vec(), pid: std::process::id() };
        return Ok(printing::line(&serde_json::to_string(&ready)?)?);
    }
    let width =
        arguments.bandwidth.map_or_else(String::new, |mbit| format!(", {mbit} Mbit/s each way"));
    for (listen, to) in listening.iter().zip(&arguments.to) {
        let round_trip = arguments.round_trip;
        printing::line(&format!("{listen} → {to}: {round_trip:?} there and back{width}"))?;
    }
    Ok(())
}

/// The first address of a name.
fn resolve(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| format!("{error}; write host:port"))?;
    found.next().ok_or_else(|| "this name has no address".into())
}
