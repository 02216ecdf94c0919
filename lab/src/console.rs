//! `tailrace console`: the lab console on loopback. What it starts is this very program.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::Context;
use tailrace_console::Console;

use crate::exit::{Ended, Fault};
use crate::run::shipped;
use crate::{chart_js, interrupt, itself, keygen, printing};

/// Arguments of `console`.
#[derive(Debug, clap::Args, Clone)]
pub struct ConsoleArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// A copy of Chart.js, for the curve of the running trial
    #[arg(long, env = "TAILRACE_CHART_JS")]
    pub chart_js: Option<PathBuf>,
}

/// Serves the console until Ctrl-C. A run that is under way then is stopped, and what it measured
/// is kept.
///
/// # Errors
/// The port is in use.
pub fn run(arguments: &ConsoleArgs) -> anyhow::Result<Ended> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: &ConsoleArgs) -> anyhow::Result<Ended> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = TcpListener::bind(address).map_err(|error| {
        Fault::Usage(format!("cannot listen on {address}: {error}; --port 0 takes a free one"))
    })?;
    let console = Console {
        program: Box::new(itself::command),
        experiment: Box::new(shipped::named),
        results: arguments.results.clone(),
        token: keygen::random()?,
        chart_js: chart_js::places(arguments.chart_js.as_ref())?,
    };
    let running = tailrace_console::serve(listener, console).context("the console")?;
    printing::line(&format!("Open {}", running.address))?;
    eprintln!("Whoever has this address may start runs here. Ctrl-C ends.");
    interrupt::asked_to_stop().await?;
    running.stop().await?;
    Ok(Ended::Fine)
}
