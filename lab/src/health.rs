//! `tailrace health`: asks a served pipeline how it is, for people, scripts and the health
//! checks of containers, whose image has no HTTP client. It asks once and does not wait for a
//! server to come up: whoever calls it decides how often. The answer is made in
//! `pipelines/service/src/health.rs`.

use std::net::ToSocketAddrs;

use anyhow::{Context, bail};
use serde_json::Value;
use tailrace_loadgen::observer;

use crate::cli::HealthArgs;
use crate::exit::{Ended, Fault};
use crate::printing;

/// The path that is asked.
const PATH: &str = "/health";

/// Prints what the pipeline says of itself; fine only when it is healthy.
///
/// # Errors
/// An address that makes no sense, nobody there, no answer in time, or a pipeline that cannot
/// take batches: with its reason.
pub fn run(arguments: &HealthArgs) -> anyhow::Result<Ended> {
    let authority = authority(&arguments.url)?;
    let addresses = authority
        .to_socket_addrs()
        .with_context(|| format!("{authority:?} is not host:port of a reachable machine"))?;
    let mut answer = None;
    for address in addresses {
        answer = Some(observer::get_within(address, None, PATH, arguments.timeout));
        if matches!(answer, Some(Ok(_))) {
            break;
        }
    }
    let Some(answer) = answer else { bail!("{authority} has no address") };
    let answer = answer.with_context(|| format!("{authority} is not healthy"))?;
    let health: Value = serde_json::from_slice(&answer)
        .with_context(|| format!("{authority} is no observer: its answer is not JSON"))?;
    if arguments.json {
        printing::json(&health)?;
    } else {
        printing::line(&sentence(&health).with_context(|| {
            format!("{authority} is no observer of this version; it said {health}")
        })?)?;
    }
    Ok(Ended::Fine)
}

/// Host and port of an observer's URL.
fn authority(url: &str) -> Result<&str, Fault> {
    let rest = url.strip_prefix("http://").ok_or_else(|| {
        Fault::Usage(format!(
            "{url:?} does not begin with http://: give the address of an observer, such as \
             http://127.0.0.1:7071"
        ))
    })?;
    match rest.split_once('/').unwrap_or((rest, "")) {
        (authority, "" | "health") => Ok(authority),
        (authority, path) => Err(Fault::Usage(format!(
            "an observer tells its health at {PATH}, not at /{path}; write http://{authority}"
        ))),
    }
}

/// The answer in words.
fn sentence(health: &Value) -> Option<String> {
    let log = &health["log"];
    Some(format!(
        "{} is healthy: {}; {} batches in the log, {} waiting; {} live subscribers",
        health["pipeline"].as_str()?,
        log["description"].as_str()?,
        log["entries"].as_u64()?,
        log["waiting"].as_u64()?,
        health["subscribers"].as_u64()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_address_of_an_observer() {
        let check = |url: &str, expect: Option<&str>| {
            assert_eq!(authority(url).ok(), expect, "{url}");
        };
        check("http://127.0.0.1:7071", Some("127.0.0.1:7071"));
        check("http://http1-redis:7071/", Some("http1-redis:7071"));
        check("http://[::1]:7071/health", Some("[::1]:7071"));
        check("http://127.0.0.1:7071/metrics", None);
        check("127.0.0.1:7071", None);
    }
}
