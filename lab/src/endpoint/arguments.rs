//! What can be asked of requests to somebody's endpoint, by whichever verb sends them.

#![allow(clippy::doc_markdown, reason = "they are help texts and no Markdown")]

use std::path::PathBuf;

use clap::Args;

use super::request::Statuses;
use crate::pacing::PacingArgs;
use crate::tls::ClientTls;

/// What is sent to an endpoint, and over which connections.
#[derive(Debug, Args, Clone)]
pub struct RequestArgs {
    /// HTTP/2 also for http:// and https://
    #[arg(long)]
    pub http2: bool,
    /// The request's method; without it POST with a body and GET without
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// A header of every request, such as 'Authorization: Bearer abc' or 'Idempotency-Key:
    /// {{uuid}}'; of a WebSocket, of its upgrade. May be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// The body or message of every request; {{seq}}, {{random}}, {{uuid}} and {{time_ms}} are
    /// filled in, \{{ stands for {{
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    pub body: Option<String>,
    /// The same from a file; its bytes are sent as they are, but for what is filled in
    #[arg(long, value_name = "FILE")]
    pub body_file: Option<PathBuf>,
    /// Statuses that acknowledge, such as 2xx or 200,202 or 200-299; any other refuses; without it
    /// 2xx,3xx
    #[arg(long, value_name = "STATUSES")]
    pub expect_status: Option<Statuses>,
    /// Only an answer whose body holds this text acknowledges; any other refuses, whatever its status
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub expect_body: Option<String>,
    /// Connections; without it 64 of HTTP/1.1 and 4 of the others
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: Option<u32>,
    /// Requests that may be unanswered on one connection; without it one of HTTP/1.1 (more is
    /// pipelining), 100 of the others
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub per_connection: Option<u32>,
    /// A connection for each request, opened when it is due: what that takes is in its latency,
    /// and told apart
    #[arg(long)]
    pub no_keepalive: bool,
    /// Threads that share schedule and connections, where one has no more time; each wants a core
    /// of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: u32,
    /// Keep the generator on this core: where the server is known to be on another. May be
    /// repeated, once for each thread
    #[arg(long = "core", value_name = "NUMBER", value_parser = core)]
    pub cores: Vec<usize>,
    /// How the generator waits
    #[command(flatten)]
    pub pacing: PacingArgs,
    /// Whom to believe behind TLS
    #[command(flatten)]
    pub trust: ClientTls,
}

impl RequestArgs {
    /// The first flag that describes a request to an endpoint, if one was given: a pipeline gets
    /// batches, and has a core of its own beside the generator's.
    pub(crate) fn of_an_endpoint(&self) -> Option<&'static str> {
        let given = [
            (self.http2, "--http2"),
            (self.method.is_some(), "--method"),
            (!self.headers.is_empty(), "--header"),
            (self.body.is_some(), "--body"),
            (self.body_file.is_some(), "--body-file"),
            (self.expect_status.is_some(), "--expect-status"),
            (self.expect_body.is_some(), "--expect-body"),
            (self.no_keepalive, "--no-keepalive"),
            (!self.cores.is_empty(), "--core"),
            (self.trust.insecure, "--insecure"),
            (self.trust.cacert.is_some(), "--cacert"),
        ];
        given.into_iter().find(|(is_given, _)| *is_given).map(|(_, flag)| flag)
    }
}

/// A core that this process may use.
fn core(text: &str) -> Result<usize, String> {
    let allowed = tailrace_sys::allowed_cores();
    let core = text.parse().ok().filter(|core| allowed.contains(core));
    core.ok_or_else(|| format!("there is no core {text:?} for this process; there are {allowed:?}"))
}
