//! `tailrace saturate`: how much each contestant takes in a closed loop, in rounds that pair
//! them. It is for ratios ("how near is the pipeline to the bare server?"); a closed loop says
//! nothing about latency, so none is printed.

use serde::Serialize;
use tailrace_loadgen::arena::Launcher;
use tailrace_loadgen::race::{mix, payloads, shuffled};
use tailrace_loadgen::trial::{Saturated, saturate};
use tailrace_measure::record::{Arm, Flush, Ratio};
use tailrace_measure::statistics::{median_f64, ratio};

use crate::child::Children;
use crate::cli::SaturateArgs;
use crate::columns::{self, Line};
use crate::contestants::Contestants;
use crate::exit::{Ended, Fault};
use crate::postgres::PostgresArgs;
use crate::race::peers::{Order, Peer};
use crate::registry::{self, Protocol};
use crate::stocked::own_store;
use crate::{machine, printing};

/// Behind the name of a pipeline: its connections are TLS.
const TLS: &str = "-tls";

/// What came out for one contestant.
#[derive(Serialize)]
struct Contestant {
    name: String,
    connections: u32,
    in_flight_per_connection: u32,
    acked_per_s: Vec<f64>,
    acked_per_s_median: f64,
    server_cpu_us: Option<f64>,
    backend_cpu_us: Option<f64>,
    generator_cpu_us: Option<f64>,
    failed: u64,
    /// Throughput divided by the first contestant's, paired by round.
    to_first: Option<Ratio>,
    /// The program that drove it, where that was not this one.
    driven_by: Option<&'static str>,
    /// Where it was not: CPU of this program's generator for each batch divided by that one's,
    /// paired by round, on the first contestant.
    generator_cpu_to_peer: Option<Ratio>,
}

/// All of it.
#[derive(Serialize)]
struct Report {
    contestants: Vec<Contestant>,
    server_cores: Vec<usize>,
    generator_cores: Vec<usize>,
    warnings: Vec<String>,
}

/// Runs all rounds and prints the table.
///
/// # Errors
/// An unknown contestant, or a server that did not start.
pub fn run(arguments: &SaturateArgs) -> anyhow::Result<Ended> {
    let arms: Vec<Arm> =
        arguments.contestants.iter().map(|name| arm(name, arguments)).collect::<Result<_, _>>()?;
    refuse_the_mute(&arguments.contestants[0], &arguments.against)?;
    let surroundings = machine::Surroundings::with_generators(arguments.threads)?;
    let mut children = Children {
        server_cores: surroundings.server_cores.clone(),
        link_cores: surroundings.link_cores.clone(),
        redis: arguments.redis.clone(),
        postgres: PostgresArgs::default(),
        contestants: Contestants::default(),
    };
    surroundings.stay_off_the_generators_core()?;
    let entries = entries(&arms, &arguments.against);
    let rounds = play(arguments, &entries, &mut children, &surroundings.generator_cores)?;
    let warnings = surroundings.findings().into_iter().map(|(_, sentence)| sentence).collect();
    let report = Report {
        contestants: contestants(&entries, &rounds),
        server_cores: surroundings.server_cores.clone(),
        generator_cores: surroundings.generator_cores.clone(),
        warnings,
    };
    if arguments.json {
        printing::json(&report)?;
    } else {
        print(&report)?;
    }
    let failed = report.contestants.iter().any(|contestant| contestant.failed > 0);
    Ok(if failed { Ended::Failed } else { Ended::Fine })
}

/// What runs once a round: a server, and who drives it; without a peer this program does.
struct Entry<'a> {
    arm: &'a Arm,
    peer: Option<Peer>,
}

fn entries<'a>(arms: &'a [Arm], peers: &[Peer]) -> Vec<Entry<'a>> {
    let ours = arms.iter().map(|arm| Entry { arm, peer: None });
    let theirs = peers.iter().map(|&peer| Entry { arm: &arms[0], peer: Some(peer) });
    ours.chain(theirs).collect()
}

/// Every entry once a round, in an order of the round's own; results by entry.
fn play(
    arguments: &SaturateArgs,
    entries: &[Entry<'_>],
    children: &mut Children,
    cores: &[usize],
) -> anyhow::Result<Vec<Vec<Saturated>>> {
    let window_ns = u64::try_from(arguments.window.as_nanos()).unwrap_or(u64::MAX);
    let mut rounds: Vec<Vec<Saturated>> = vec![Vec::new(); entries.len()];
    for round in 1..=arguments.rounds {
        for index in shuffled(entries.len(), mix(arguments.seed, round, 0)) {
            let Entry { arm, peer } = &entries[index];
            let payloads = payloads(arguments.seed, arm)?;
            let mut server = children.launch(arm)?;
            let result = if let Some(peer) = peer {
                let order = Order { arm, payloads: &payloads, cores, window: arguments.window };
                peer.run(server.as_ref(), &order)?
            } else {
                saturate(server.as_mut(), &payloads, arm, window_ns, cores)?
            };
            let by = peer.map_or(String::new(), |peer| format!(" by {}", peer.name()));
            eprintln!("round {round}: {}{by} {:.0}/s", arm.slug, result.acked_per_s);
            rounds[index].push(result);
        }
    }
    Ok(rounds)
}

/// Peers drive the first contestant, so they must speak its protocol, in clear text.
fn refuse_the_mute(first: &str, peers: &[Peer]) -> anyhow::Result<()> {
    let of_pipeline = || registry::find(first).ok().map(|pipeline| pipeline.protocol);
    // The name of a pipeline over TLS is in neither list, and so matches nobody.
    let protocol = Protocol::of_target(first).or_else(of_pipeline).map(|protocol| protocol.name);
    match peers.iter().find(|peer| Some(peer.protocol()) != protocol) {
        Some(peer) => Err(Fault::Usage(format!(
            "{} speaks {} in clear text only, which {first} does not",
            peer.name(),
            peer.protocol()
        ))
        .into()),
        None => Ok(()),
    }
}

fn arm(name: &str, arguments: &SaturateArgs) -> anyhow::Result<Arm> {
    let (pipeline, tls) = name.strip_suffix(TLS).map_or((name, false), |name| (name, true));
    let (protocol, log) = match Protocol::of_target(pipeline) {
        Some(_) if tls => return Err(in_clear_text(pipeline).into()),
        Some(protocol) => (protocol, None),
        None => match registry::find(pipeline)? {
            found if tls && found.log().is_none() => return Err(in_clear_text(pipeline).into()),
            found => (found.protocol, found.log()),
        },
    };
    let (connections, in_flight) = protocol.fair_load;
    Ok(Arm {
        slug: name.into(),
        pipeline: pipeline.into(),
        promise: String::new(),
        floor: false,
        connections: arguments.connections.unwrap_or(connections),
        in_flight_per_connection: arguments.in_flight.unwrap_or(in_flight),
        batch_metrics: arguments.batch,
        codec: arguments.codec.into(),
        tls,
        flush: Flush::Batch,
        link: None,
        keys: false,
        store: own_store(log),
        fsync: None,
    })
}

fn in_clear_text(name: &str) -> Fault {
    Fault::Usage(format!("{name} speaks clear text only: name it without {TLS}"))
}

fn contestants(entries: &[Entry<'_>], rounds: &[Vec<Saturated>]) -> Vec<Contestant> {
    let rates = |results: &[Saturated]| -> Vec<Option<f64>> {
        results.iter().map(|result| Some(result.acked_per_s)).collect()
    };
    let costs = |results: &[Saturated]| -> Vec<Option<f64>> {
        results.iter().map(|result| Some(result.generator_cpu_us)).collect()
    };
    let first = &rounds[0];
    let entries = entries.iter().zip(rounds).enumerate();
    let contestant = |(index, (Entry { arm, peer }, results)): (usize, (&Entry<'_>, &Vec<_>))| {
        let median =
            |figure: fn(&Saturated) -> Option<f64>| median_f64(results.iter().filter_map(figure));
        Contestant {
            name: arm.slug.clone(),
            driven_by: peer.map(Peer::name),
            connections: arm.connections,
            in_flight_per_connection: arm.in_flight_per_connection,
            acked_per_s: results.iter().map(|result| result.acked_per_s).collect(),
            acked_per_s_median: median(|result| Some(result.acked_per_s)).unwrap_or(0.0),
            server_cpu_us: median(|result| result.server_cpu_us),
            backend_cpu_us: median(|result| result.backend_cpu_us),
            generator_cpu_us: median(|result| Some(result.generator_cpu_us)),
            failed: results.iter().map(|result| result.failed).sum(),
            to_first: (index > 0).then(|| ratio(&rates(results), &rates(first))).flatten(),
            generator_cpu_to_peer: peer.and_then(|_| ratio(&costs(first), &costs(results))),
        }
    };
    entries.map(contestant).collect()
}

fn print(report: &Report) -> anyhow::Result<()> {
    let headings = [
        "closed loop",
        "connections × in flight",
        "acknowledged/s",
        "÷ first (lowest–highest)",
        "server + backend CPU µs",
        "generator CPU µs",
    ];
    let mut lines = vec![Line::Cells(headings.map(str::to_owned).to_vec())];
    lines.extend(report.contestants.iter().map(|contestant| Line::Cells(row(contestant).to_vec())));
    printing::line(&columns::align(&lines))?;
    for contestant in &report.contestants {
        if let (Some(peer), Some(ratio)) = (contestant.driven_by, &contestant.generator_cpu_to_peer)
        {
            printing::line(&format!(
                "generator CPU of a request on {}: {:.2} ({:.2}–{:.2}) times {peer}'s",
                contestant.name, ratio.mean, ratio.lowest, ratio.highest
            ))?;
        }
    }
    printing::line(&format!(
        "server and backend on core {:?}, generator on core {:?}; medians of the rounds",
        report.server_cores, report.generator_cores
    ))?;
    for warning in &report.warnings {
        printing::line(&format!("! {warning}"))?;
    }
    Ok(())
}

fn row(contestant: &Contestant) -> [String; 6] {
    let micros = |us: Option<f64>| us.map_or_else(|| "–".into(), |us| format!("{us:.2}"));
    let ratio = contestant.to_first.as_ref().map_or_else(
        || "1".into(),
        |ratio| format!("{:.2} ({:.2}–{:.2})", ratio.mean, ratio.lowest, ratio.highest),
    );
    let cpu = match contestant.backend_cpu_us {
        Some(backend) => format!("{} + {backend:.2}", micros(contestant.server_cpu_us)),
        None => micros(contestant.server_cpu_us),
    };
    let name = match contestant.driven_by {
        Some(peer) => format!("{} by {peer}", contestant.name),
        None => contestant.name.clone(),
    };
    [
        name,
        format!("{} × {}", contestant.connections, contestant.in_flight_per_connection),
        tailrace_render::format::count(contestant.acked_per_s_median as u64),
        ratio,
        cpu,
        micros(contestant.generator_cpu_us),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_drives_only_what_it_can_talk_to() {
        let speaks = |first: &str, peer| refuse_the_mute(first, &[peer]).is_ok();
        assert!(speaks("bare-http1", Peer::Wrk) && speaks("bare-http2-codec", Peer::H2load));
        assert!(!speaks("bare-http1-tls", Peer::Wrk) && !speaks("bare-ws", Peer::Wrk));
        assert!(!speaks("bare-http2", Peer::Wrk) && !speaks("bare-http1", Peer::H2load));
    }
}
