//! `tailrace health`: asks a served pipeline how it is, for people, scripts and the health
//! checks of containers, whose image has no HTTP client. It asks once and does not wait for a
//! server to come up: whoever calls it decides how often. The answer is made in
//! `pipelines/service/src/health.rs`.

use std::net::ToSocketAddrs;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::Value;
use tailrace_loadgen::observer::{self, Key, Manner};
use tailrace_producers::tls::Tls;

use crate::cli::HealthArgs;
use crate::exit::{Ended, Fault};
use crate::printing;
use crate::shown::KeyArgs;
use crate::tls::ClientTls;

/// The path that is asked.
const PATH: &str = "/health";

/// Prints what the pipeline says of itself; fine only when it is healthy.
///
/// # Errors
/// An address that makes no sense, nobody there, a certificate that is not trusted, no answer
/// in time, or a pipeline that cannot take batches: with its reason.
pub fn run(arguments: &HealthArgs) -> anyhow::Result<Ended> {
    let (_, authority) = parse(&arguments.url)?;
    let credentials = (&arguments.tls, &arguments.key);
    let answer = ask_server(&arguments.url, credentials, ("GET", PATH), arguments.timeout)
        .with_context(|| format!("{authority} is not healthy"))?;
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

/// Asks the observer at a URL something, with the credentials of a command line. `what` is a method
/// and a path. Blocks.
///
/// # Errors
/// As [`run`].
pub(crate) fn ask_server(
    url: &str,
    (tls, key): (&ClientTls, &KeyArgs),
    what: (&str, &str),
    patience: Duration,
) -> anyhow::Result<Vec<u8>> {
    let (secure, authority) = parse(url)?;
    let tls = if secure { Some(Tls::new(authority, &tls.trust()?, "http/1.1")?) } else { None };
    let key = key.shown()?.map(|key| Key(key.text().to_owned()));
    ask(authority, (tls.as_ref(), key.as_ref()).into(), what, patience)
}

/// Asks each address of a host until one answers.
fn ask(
    authority: &str,
    manner: Manner<'_>,
    what: (&str, &str),
    patience: Duration,
) -> anyhow::Result<Vec<u8>> {
    let addresses = authority
        .to_socket_addrs()
        .with_context(|| format!("{authority:?} is not host:port of a reachable machine"))?;
    let mut answer = Err(anyhow!("{authority} has no address"));
    for address in addresses {
        answer = observer::ask_within(address, manner, what, patience);
        if answer.is_ok() {
            break;
        }
    }
    answer
}

/// Whether an observer's URL asks for TLS, and its host and port.
pub(crate) fn parse(url: &str) -> Result<(bool, &str), Fault> {
    let schemes = [("http://", false), ("https://", true)];
    let found = schemes.iter().find_map(|(scheme, tls)| Some((*tls, url.strip_prefix(scheme)?)));
    let (tls, rest) = found.ok_or_else(|| {
        Fault::Usage(format!(
            "{url:?} begins with neither http:// nor https://: give the address of an observer, \
             such as http://127.0.0.1:7071"
        ))
    })?;
    match rest.split_once('/').unwrap_or((rest, "")) {
        (authority, "" | "health") => Ok((tls, authority)),
        (authority, path) => Err(Fault::Usage(format!(
            "an observer tells its health at {PATH}, not at /{path}; leave the path out: {authority}"
        ))),
    }
}

/// The answer in words. A server with keys tells strangers only whether.
fn sentence(health: &Value) -> Option<String> {
    let (pipeline, log) = (health["pipeline"].as_str()?, &health["log"]);
    if log.is_null() {
        return Some(format!("{pipeline} is healthy; a key with the role admin is told more"));
    }
    Some(format!(
        "{pipeline} is healthy: {}; {} batches in the log, {} waiting; {} live subscribers",
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
        let check = |url: &str, expect: Option<(bool, &str)>| {
            assert_eq!(parse(url).ok(), expect, "{url}");
        };
        check("http://127.0.0.1:7071", Some((false, "127.0.0.1:7071")));
        check("https://http1-redis:7071/", Some((true, "http1-redis:7071")));
        check("http://[::1]:7071/health", Some((false, "[::1]:7071")));
        check("http://127.0.0.1:7071/metrics", None);
        check("127.0.0.1:7071", None);
    }
}
