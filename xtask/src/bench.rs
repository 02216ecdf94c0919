//! `cargo xtask bench`: what a pipeline takes in a closed loop beside the bare server of its
//! library, as ratios paired by round, and what the generator costs (`prices.rs`). The program measures (`tailrace saturate`); here its
//! figures are set against what the project aims at. They are for people: machines are noisy, so
//! a ratio never fails this, only a program that fails does. Read METHODOLOGY.md on `saturate`.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{prices, shell};

/// One run of `tailrace saturate`.
struct Comparison {
    arguments: &'static [&'static str],
    claims: &'static [Claim],
}

/// A ratio of two contestants.
struct Claim {
    of: &'static str,
    to: &'static str,
    /// What the ratio should reach; without it the ratio is only shown.
    aim: Option<f64>,
    remark: &'static str,
}

/// The codec's servers do the decoding and validation that a pipeline cannot do without, so
/// they are what its transport and log are judged by; the raw ones show the whole price.
const COMPARISONS: [Comparison; 4] = [
    Comparison {
        arguments: &["bare-http1-codec", "http1-memory", "bare-http1"],
        claims: &[
            Claim { of: "http1-memory", to: "bare-http1-codec", aim: Some(0.85), remark: "" },
            Claim { of: "http1-memory", to: "bare-http1", aim: None, remark: RAW },
        ],
    },
    Comparison {
        arguments: &[
            "bare-http2-codec",
            "http2-memory",
            "bare-http2",
            "--connections",
            "16",
            "--in-flight",
            "16",
        ],
        claims: &[
            Claim { of: "http2-memory", to: "bare-http2-codec", aim: Some(0.85), remark: "" },
            Claim { of: "http2-memory", to: "bare-http2", aim: None, remark: RAW },
        ],
    },
    Comparison {
        arguments: &[
            "bare-ws-codec",
            "ws-memory",
            "bare-ws",
            "--connections",
            "1",
            "--in-flight",
            "16",
        ],
        claims: &[
            Claim { of: "ws-memory", to: "bare-ws-codec", aim: Some(0.85), remark: "" },
            Claim { of: "ws-memory", to: "bare-ws", aim: None, remark: RAW },
        ],
    },
    Comparison {
        arguments: &["http1-memory", "http1-redis"],
        claims: &[Claim {
            of: "http1-redis",
            to: "http1-memory",
            aim: Some(0.5),
            remark: "; Redis shares the server's core",
        }],
    },
];
const RAW: &str = "raw: that server does not even decode";

/// Crates with benches of their hot pieces.
const BENCHED: [&str; 8] = [
    "tailrace-contract",
    "tailrace-http1",
    "tailrace-http2",
    "tailrace-ws",
    "tailrace-tcp",
    "tailrace-backend",
    "tailrace-measure",
    "tailrace-producers",
];

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Options<'a> {
    rounds: &'a str,
    /// Length of each window; the program's own default without it.
    window: Option<&'a str>,
    criterion: bool,
}

/// Builds, compares, and says which aims were reached.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let options = options(arguments)?;
    shell::run(shell::cargo().args(["build", "--release", "--locked"]))?;
    let mut lines = Vec::new();
    let compared = COMPARISONS.iter().try_for_each(|comparison| {
        let report = measure(comparison.arguments, &options)?;
        println!("\n{}", table(&report)?);
        for claim in comparison.claims {
            lines.push(verdict(claim, &report)?);
        }
        fail_on_failures(&report)
    });
    // What was measured is shown, also when a later program failed.
    println!("\nThroughput, geometric mean of the rounds' ratios (lowest–highest):");
    println!("{}", lines.join("\n"));
    compared?;
    let lines = prices::run(&options)?;
    println!("\nCPU of the generator, geometric mean of the rounds' ratios (lowest–highest):");
    println!("{}", lines.join("\n"));
    if options.criterion {
        let packages = BENCHED.iter().flat_map(|name| ["-p", name]);
        shell::run(shell::cargo().args(["bench", "--locked"]).args(packages))?;
    }
    Ok(())
}

fn options<'a>(arguments: &[&'a str]) -> Result<Options<'a>> {
    let mut options = Options { rounds: "5", window: None, criterion: false };
    let mut rest = arguments;
    while !rest.is_empty() {
        rest = match rest {
            ["--rounds", rounds, rest @ ..] => {
                options.rounds = rounds;
                rest
            }
            ["--window", window, rest @ ..] => {
                options.window = Some(window);
                rest
            }
            ["--criterion", rest @ ..] => {
                options.criterion = true;
                rest
            }
            [word, ..] => bail!(
                "bench does not understand \"{word}\"; it knows --rounds N, --window 2s, --criterion"
            ),
            [] => rest,
        };
    }
    Ok(options)
}

/// Runs the rounds of one comparison and returns the program's report.
pub(crate) fn measure(arguments: &[&str], options: &Options<'_>) -> Result<Value> {
    let mut command = Command::new(shell::target().join("release/tailrace"));
    command.args(["saturate", "--json", "--rounds", options.rounds]).args(arguments);
    command.args(options.window.iter().flat_map(|window| ["--window", window]));
    // A private Redis, whose core is known.
    command.env_remove("TAILRACE_REDIS_URL");
    let output = shell::output(&mut command)?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("tailrace saturate printed no report ({})", output.status))
}

/// A ratio means little where batches were refused or lost.
fn fail_on_failures(report: &Value) -> Result<()> {
    for contestant in contestants(report)? {
        let failed = contestant["failed"].as_u64().unwrap_or(0);
        if failed > 0 {
            bail!("{} failed {failed} batches; its ratios do not count", contestant["name"]);
        }
    }
    Ok(())
}

pub(crate) fn contestants(report: &Value) -> Result<&Vec<Value>> {
    report["contestants"].as_array().context("the report has no contestants")
}

pub(crate) fn table(report: &Value) -> Result<String> {
    let mut lines = vec![columns([
        "closed loop",
        "load",
        "acknowledged/s",
        "server + backend µs",
        "generator µs",
    ])];
    lines.extend(contestants(report)?.iter().map(row));
    let (server, generator) = (&report["server_cores"], &report["generator_cores"]);
    lines.push(format!("server and its backend on core {server}, generator on core {generator}"));
    let warnings = report["warnings"].as_array().into_iter().flatten();
    lines.extend(warnings.map(|warning| format!("! {}", warning.as_str().unwrap_or_default())));
    Ok(lines.join("\n"))
}

fn row(contestant: &Value) -> String {
    let load =
        format!("{} × {}", contestant["connections"], contestant["in_flight_per_connection"]);
    let micros = |name: &str| contestant[name].as_f64().map(|us| format!("{us:.2}"));
    let mut spent = micros("server_cpu_us").unwrap_or_else(|| "–".into());
    if let Some(backend) = micros("backend_cpu_us") {
        spent = format!("{spent} + {backend}");
    }
    let name = contestant["name"].as_str().unwrap_or_default();
    let by = contestant["driven_by"].as_str().map(|peer| format!(" by {peer}"));
    columns([
        &format!("{name}{}", by.unwrap_or_default()),
        &load,
        &format!("{:.0}", contestant["acked_per_s_median"].as_f64().unwrap_or(f64::NAN)),
        &spent,
        &micros("generator_cpu_us").unwrap_or_default(),
    ])
}

fn columns([name, load, rate, spent, generator]: [&str; 5]) -> String {
    format!("{name:<22}{load:>9}{rate:>16}{spent:>22}{generator:>14}")
}

/// One line: the ratio, the aim, and whether it was reached.
fn verdict(claim: &Claim, report: &Value) -> Result<String> {
    let (of, to) = (rates(report, claim.of)?, rates(report, claim.to)?);
    let ratios: Vec<f64> = of.iter().zip(&to).map(|(of, to)| of / to).collect();
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = ratios.iter().copied().fold(0.0, f64::max);
    let against = match claim.aim {
        Some(aim) => {
            let reached = if mean >= aim { "reached" } else { "not reached" };
            format!("aim ≥ {aim}: {reached} on this machine at this time")
        }
        None => String::new(),
    };
    let names = format!("{} ÷ {}", claim.of, claim.to);
    let remark = claim.remark;
    Ok(format!("{names:<33}{mean:.2} ({lowest:.2}–{highest:.2})  {against}{remark}"))
}

/// Acknowledged a second, by round.
fn rates(report: &Value, name: &str) -> Result<Vec<f64>> {
    let all = contestants(report)?;
    let found = all.iter().find(|contestant| contestant["name"] == name);
    let rates = found.and_then(|contestant| contestant["acked_per_s"].as_array());
    let rates = rates.with_context(|| format!("the report has no rates of {name}"))?;
    Ok(rates.iter().filter_map(Value::as_f64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let asked = options(&["--window", "1s", "--criterion", "--rounds", "2"]).unwrap();
        assert_eq!(asked, Options { rounds: "2", window: Some("1s"), criterion: true });
        assert!(options(&["--rounds"]).is_err());
        assert!(options(&["--fast"]).is_err());
    }

    #[test]
    fn ratios_are_paired_by_round() {
        let claim = Claim { of: "a", to: "b", aim: Some(0.5), remark: "" };
        let check = |of: [f64; 2], expect: &str| {
            let a = serde_json::json!({ "name": "a", "acked_per_s": of });
            let b = serde_json::json!({ "name": "b", "acked_per_s": [100.0, 400.0] });
            let report = serde_json::json!({ "contestants": [b, a] });
            let line = verdict(&claim, &report).unwrap();
            assert!(line.contains(expect), "{expect} is not in {line}");
        };
        check([80.0, 80.0], "0.40 (0.20–0.80)  aim ≥ 0.5: not reached");
        check([100.0, 100.0], "0.50 (0.25–1.00)  aim ≥ 0.5: reached");
    }

    #[test]
    fn every_crate_with_benches_is_benched() {
        let manifests = Command::new(env!("CARGO"))
            .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
            .current_dir(shell::root())
            .output()
            .unwrap();
        let metadata: Value = serde_json::from_slice(&manifests.stdout).unwrap();
        let has_bench = |package: &&Value| {
            let targets = package["targets"].as_array().unwrap();
            targets.iter().any(|target| target["kind"][0] == "bench")
        };
        let packages = metadata["packages"].as_array().unwrap().iter();
        let mut found: Vec<_> =
            packages.filter(has_bench).map(|p| p["name"].as_str().unwrap()).collect();
        let mut listed = BENCHED.to_vec();
        found.sort_unstable();
        listed.sort_unstable();
        assert_eq!(found, listed);
    }
}
