//! What each tool prints, as figures. A percentile that a tool does not say is none; where it
//! tells every request, percentiles are taken as everywhere here.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;
use tailrace_measure::calibration::JUDGED;
use tailrace_measure::theory::Theory;

/// What a tool saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seen {
    /// Requests that it sent.
    pub(super) sent: Option<u64>,
    /// At each of [`JUDGED`].
    pub(super) ns: [Option<u64>; JUDGED.len()],
}

/// What our script makes it print: microseconds.
pub(super) fn wrk(printed: &str, _folder: &Path) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    for line in printed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["requests", count] => seen.sent = Some(count.parse()?),
            ["percentile", q, us] => {
                let (q, us): (f64, u64) = (q.parse()?, us.parse()?);
                let place = JUDGED.iter().position(|judged| (judged * 100.0 - q).abs() < 1e-9);
                if let Some(place) = place {
                    seen.ns[place] = Some(us * 1_000);
                }
            }
            _ => {}
        }
    }
    ensure!(seen.sent.is_some(), "it did not run the script that prints its percentiles");
    Ok(seen)
}

/// The same, but it counts the requests of the time in which it settles.
pub(super) fn wrk2(printed: &str, folder: &Path) -> anyhow::Result<Seen> {
    Ok(Seen { sent: None, ..wrk(printed, folder)? })
}

/// Its log: start, status, microseconds, divided by tabulators.
pub(super) fn h2load(log: &str) -> anyhow::Result<Seen> {
    let us = log.lines().map(|line| {
        let third = line.split('\t').nth(2).context("a line without a duration")?;
        Ok(third.parse::<u64>()? * 1_000)
    });
    every(us)
}

/// Its CSV: seconds first; a heading.
pub(super) fn hey(printed: &str) -> anyhow::Result<Seen> {
    every(printed.lines().skip(1).map(|line| seconds(line.split(',').next().unwrap_or_default())))
}

/// Its JSON: seconds by name.
pub(super) fn oha(printed: &str) -> anyhow::Result<Seen> {
    let report: Value = serde_json::from_str(printed).context("its report is no JSON")?;
    let percentiles = &report["latencyPercentiles"];
    let names = ["p50", "p95", "p99", "p99.9"];
    let ns = names.map(|name| percentiles[name].as_f64().map(|s| (s * 1e9) as u64));
    ensure!(ns[0].is_some(), "its report has no percentiles");
    let statuses = report["statusCodeDistribution"].as_object();
    let sent = statuses.map(|map| map.values().filter_map(Value::as_u64).sum());
    Ok(Seen { sent, ns })
}

/// Its table: percent and milliseconds; a heading. It goes no further than 99.
pub(super) fn ab(printed: &str, table: &str) -> anyhow::Result<Seen> {
    let at = |q: f64| {
        let percent = format!("{},", q * 100.0);
        let line = table.lines().find_map(|line| line.strip_prefix(&percent))?;
        line.trim().parse::<f64>().ok().map(|ms| (ms * 1e6) as u64)
    };
    let sent = printed.lines().find_map(|line| line.strip_prefix("Complete requests:"));
    let sent = sent.and_then(|count| count.trim().parse().ok());
    let ns = JUDGED.map(at);
    ensure!(ns[0].is_some(), "its table has no median");
    Ok(Seen { sent, ns })
}

fn seconds(text: &str) -> anyhow::Result<u64> {
    Ok((text.trim().parse::<f64>()? * 1e9) as u64)
}

/// From the duration of every request.
fn every(ns: impl Iterator<Item = anyhow::Result<u64>>) -> anyhow::Result<Seen> {
    let mut ack_ns = ns.collect::<anyhow::Result<Vec<u64>>>()?;
    ack_ns.sort_unstable();
    let all = Theory { due: ack_ns.len() as u64, ack_ns };
    ensure!(all.due > 0, "it recorded no request");
    Ok(Seen { sent: Some(all.due), ns: JUDGED.map(|q| all.ns_at(q)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn wrk_is_read_by_its_script() {
        let printed = "Running 4s test\n  Latency     1.50ms\npercentile 50 1070\n\
                       percentile 95 1101\npercentile 99 1207\npercentile 99.9 1900\nrequests 4001\n";
        let seen = wrk(printed, Path::new("")).unwrap();
        assert_eq!(seen.sent, Some(4_001));
        assert_eq!(seen.ns.map(|ns| ns.unwrap() / 1_000), [1_070, 1_101, 1_207, 1_900]);
        assert_eq!(wrk2(printed, Path::new("")).unwrap(), Seen { sent: None, ..seen });
        assert!(wrk("unable to connect", Path::new("")).is_err());
    }

    #[test]
    fn tools_that_tell_every_request_are_ranked_here() {
        let log: Vec<String> = (1..=1_000).map(|us| format!("17000{us}\t200\t{us}")).collect();
        let expect = [500, 950, 990, 999].map(|us| Some(us * 1_000));
        assert_eq!(h2load(&log.join("\n")).unwrap(), Seen { sent: Some(1_000), ns: expect });
        let rows = (1..=1_000).map(|ms| format!("{},0,0", f64::from(ms) / 1e3));
        let lines: Vec<String> = std::iter::once("response-time".into()).chain(rows).collect();
        let seen = hey(&lines.join("\n")).unwrap();
        assert_eq!(seen.ns[3].unwrap().div_ceil(MS), 999);
        assert!(h2load("").is_err() && h2load("1\t200\n").is_err() && hey("").is_err());
    }

    #[test]
    fn tools_that_tell_percentiles_are_believed() {
        let report = r#"{"latencyPercentiles":{"p50":0.001,"p95":0.002,"p99":0.003,"p99.9":null},
            "statusCodeDistribution":{"200":3999,"503":1}}"#;
        let ns = [Some(MS), Some(2 * MS), Some(3 * MS), None];
        assert_eq!(oha(report).unwrap(), Seen { sent: Some(4_000), ns });
        assert!(oha("{}").is_err());
        let table = "Percentage served,Time in ms\n0,0.9\n50,1.0\n95,2.0\n99,3.0\n";
        let printed = "Concurrency Level:      64\nComplete requests:      4000\n";
        assert_eq!(ab(printed, table).unwrap(), Seen { sent: Some(4_000), ns });
    }
}
