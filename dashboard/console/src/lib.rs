//! The lab console: a page where a student picks a question or builds arms, writes down what they
//! expect, starts the run, watches it and gets the result with the prediction scored.
//!
//! It runs nothing by itself. Every run is the program's own `run` on a file that the page's order
//! was turned into, so it measures and records exactly what the command line would; every scenario
//! of high load is the program's own `demo`. There is one of either at a time, because two would
//! spoil each other's figures.
//!
//! Read `order.rs` for what a page may ask for and how it becomes an experiment, `bench.rs` for
//! the run and its progress, `routes.rs` for the paths, `guard.rs` for who may use them.

mod bench;
mod guard;
mod order;
mod pages;
mod routes;
mod site;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use order::{Order, OrderFault};

/// Makes a command that starts a program.
pub type Program = Box<dyn Fn() -> io::Result<Command> + Send + Sync>;
/// Knows the texts of experiments by their names.
pub type Experiments = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What the console stands on.
pub struct Console {
    /// Makes a command that starts this very program, without arguments.
    pub program: Program,
    /// The text of a shipped experiment; none when there is none of that name.
    pub experiment: Experiments,
    /// Folder of recorded runs; the site of the results is its folder `site`.
    pub results: PathBuf,
    /// The secret part of the address: whoever knows it may start programs here.
    pub token: String,
    /// Where a copy of Chart.js may lie: the first that can be read counts.
    pub chart_js: Vec<PathBuf>,
}

/// A console that is served.
pub struct Running {
    /// What to open in a browser, the token included.
    pub address: String,
    ending: CancellationToken,
    served: tokio::task::JoinHandle<io::Result<()>>,
    bench: Arc<bench::Bench>,
}

impl Running {
    /// Ends a run that is under way (what it measured is kept), then the pages.
    ///
    /// # Errors
    /// The listener failed before.
    pub async fn stop(self) -> io::Result<()> {
        self.bench.stop_and_wait().await;
        self.ending.cancel();
        self.served.await.map_err(io::Error::other)?
    }
}

/// Serves a console on a listener of the loopback interface, within the current runtime.
///
/// # Errors
/// The listener is not on loopback, or cannot be used; the folder for orders cannot be made.
pub fn serve(listener: std::net::TcpListener, console: Console) -> io::Result<Running> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, beyond_loopback(address)));
    }
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let ending = CancellationToken::new();
    let token = console.token.clone();
    let (router, bench) = routes::router(console, address, ending.clone())?;
    let ended = ending.clone().cancelled_owned();
    let served =
        tokio::spawn(
            async move { axum::serve(listener, router).with_graceful_shutdown(ended).await },
        );
    Ok(Running { address: format!("http://{address}/{token}/"), ending, served, bench })
}

fn beyond_loopback(address: SocketAddr) -> String {
    format!(
        "{address} can be reached from other machines, and whoever opens the console starts \
         programs here; serve it on 127.0.0.1 and use `ssh -L` from elsewhere"
    )
}
