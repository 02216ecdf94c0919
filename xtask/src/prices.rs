//! What a request costs the generator, beside what it costs the load generators of others that
//! are found on PATH, on the same server with the same concurrency in the same rounds. Part of
//! `cargo xtask bench`.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::{self, Options};
use crate::shell;

/// One server, one concurrency.
struct Price {
    arguments: &'static [&'static str],
    aim: Aim,
}

/// What is aimed at.
enum Aim {
    /// At most so many times a peer's CPU.
    Peer(&'static str, f64),
    /// At most so many microseconds.
    Micros(f64),
}

/// The servers answer without looking, so that the generators are what is compared. The peers
/// send one body over and over; this one sends others each time, which is more work.
const PRICES: [Price; 3] = [
    Price { arguments: &["bare-http1"], aim: Aim::Peer("wrk", 0.85) },
    Price {
        arguments: &["bare-http2", "--connections", "16", "--in-flight", "16"],
        aim: Aim::Peer("h2load", 1.3),
    },
    Price {
        arguments: &["bare-ws", "--connections", "1", "--in-flight", "16"],
        aim: Aim::Micros(1.5),
    },
];

/// Measures and says which aims were reached.
pub(crate) fn run(options: &Options<'_>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for Price { arguments, aim } in &PRICES {
        let mut arguments = arguments.to_vec();
        if let Aim::Peer(peer, _) = aim {
            if shell::find(peer).is_none() {
                lines.push(format!("{}: left out, {peer} is not on PATH", arguments[0]));
                continue;
            }
            arguments.extend(["--against", peer]);
        }
        let report = bench::measure(&arguments, options)?;
        println!("\n{}", bench::table(&report)?);
        lines.push(verdict(aim, &report)?);
    }
    Ok(lines)
}

fn verdict(aim: &Aim, report: &Value) -> Result<String> {
    let contestants = bench::contestants(report)?;
    let ours = contestants.first().context("the report has no contestants")?;
    let name = ours["name"].as_str().unwrap_or_default();
    let (seen, reached, aimed) = match aim {
        Aim::Peer(peer, most) => {
            let theirs = contestants.iter().find(|row| row["driven_by"] == *peer);
            let ratio = theirs.map(|row| &row["generator_cpu_to_peer"]);
            let ratio = ratio.context("the report has no ratio to the peer")?;
            let part = |name: &str| ratio[name].as_f64().unwrap_or(f64::NAN);
            let (mean, low, high) = (part("mean"), part("lowest"), part("highest"));
            let seen = format!("{mean:.2} ({low:.2}–{high:.2}) times {peer}'s CPU a request");
            (seen, mean <= *most, format!("≤ {most}"))
        }
        Aim::Micros(most) => {
            let micros = ours["generator_cpu_us"].as_f64().unwrap_or(f64::NAN);
            (format!("{micros:.2} µs a message"), micros <= *most, format!("≤ {most} µs"))
        }
    };
    let reached = if reached { "reached" } else { "not reached" };
    Ok(format!("{name:<12}{seen}  aim {aimed}: {reached} on this machine at this time"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn aims_are_upper_bounds() {
        let report = json!({ "contestants": [
            { "name": "s", "generator_cpu_us": 1.4, "driven_by": null },
            { "name": "s", "driven_by": "wrk",
              "generator_cpu_to_peer": { "mean": 0.9, "lowest": 0.8, "highest": 1.0 } },
        ] });
        let check = |aim: Aim, expect: &str| {
            let line = verdict(&aim, &report).unwrap();
            assert!(line.contains(expect), "{expect} is not in {line}");
        };
        check(
            Aim::Peer("wrk", 0.85),
            "0.90 (0.80–1.00) times wrk's CPU a request  aim ≤ 0.85: not reached",
        );
        check(Aim::Peer("wrk", 0.95), "aim ≤ 0.95: reached");
        check(Aim::Micros(1.5), "1.40 µs a message  aim ≤ 1.5 µs: reached");
    }
}
