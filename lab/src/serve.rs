//! `tailrace serve`: one pipeline until it is told to stop.

use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tailrace_backend::Insert;
use tailrace_contract::{Options, TlsIdentity};

use crate::cli::ServeArgs;
use crate::embedded::Stored;
use crate::exit::{Ended, Fault};
use crate::interrupt::Stop;
use crate::registry::{self, LogKind, Pipeline};
use crate::served::{Listeners, Served};
use crate::store::StoreChoice;
use crate::tls::fingerprint;
use crate::{chart_js, gate, printing, redis, store};

/// What a throwaway server leaves behind when it is killed goes away after this time.
const EXPIRY: std::time::Duration = std::time::Duration::from_secs(3_600);

/// The one line on standard output that says that a server accepts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ready {
    /// The pipeline's name.
    pub ready: String,
    /// The server's process.
    pub pid: u32,
    /// Address of the transport.
    pub ingest: SocketAddr,
    /// Address of the observer; the floor has none.
    pub observer: Option<SocketAddr>,
    /// Whether both speak TLS.
    #[serde(default)]
    pub tls: bool,
    /// SHA-256 of the certificate that they show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_sha256: Option<String>,
}

/// Serves until Ctrl-C, SIGTERM, or (with `--with-parent`) the end of standard input.
///
/// # Errors
/// An unknown pipeline, an address in use, neither keys nor `--open`, one that is not on loopback
/// without keys or `--trust-network`, no Redis.
pub fn run(arguments: &ServeArgs) -> anyhow::Result<Ended> {
    refuse_the_careless(arguments)?;
    let tls = arguments.tls.identity(&[arguments.ingest.ip(), arguments.observer.ip()])?;
    if let Some(bare) = tailrace_targets::Bare::find(&arguments.pipeline) {
        refuse_bare(&arguments.pipeline, tls.as_ref(), arguments)?;
        return runtime()?.block_on(serve_bare(bare, arguments));
    }
    if let Some(known) = tailrace_targets::Known::find(&arguments.pipeline) {
        refuse_bare(&arguments.pipeline, tls.as_ref(), arguments)?;
        return runtime()?.block_on(serve_known(known, arguments));
    }
    let pipeline = registry::find(&arguments.pipeline)?;
    if pipeline.log().is_none() {
        refuse_bare(pipeline.name, tls.as_ref(), arguments)?;
    }
    runtime()?.block_on(serve(pipeline, arguments, tls))
}

/// Serving in clear text what was asked to be secret, or to everybody what was asked to be behind
/// keys, would be worse than not serving it.
fn refuse_bare(name: &str, tls: Option<&TlsIdentity>, arguments: &ServeArgs) -> Result<(), Fault> {
    if tls.is_some() {
        let what = format!("{name} speaks clear text only: leave the TLS flags out");
        return Err(Fault::Usage(what));
    }
    if arguments.gate.keys.is_some() {
        return Err(Fault::Usage(format!("{name} knows no keys: say --open instead of --keys")));
    }
    Ok(())
}

/// One thread where there is one core (a pinned server): no locks, no migration.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = if cores == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    Ok(builder.enable_all().build()?)
}

fn refuse_the_careless(arguments: &ServeArgs) -> Result<(), Fault> {
    let has_keys = arguments.gate.keys.is_some();
    for address in [arguments.ingest, arguments.observer] {
        if !address.ip().is_loopback() && !arguments.trust_network && !has_keys {
            return Err(Fault::Usage(format!(
                "{address} can be reached from other machines, and this server asks for no key; \
                 give it some with --keys FILE, or serve on 127.0.0.1, or say --trust-network where everyone who can reach it may write and read"
            )));
        }
    }
    let is_secured = arguments.tls.tls_self_signed || arguments.tls.tls_cert.is_some();
    let is_public = [arguments.ingest, arguments.observer].iter().any(|at| !at.ip().is_loopback());
    if has_keys && is_public && !is_secured {
        tracing::warn!(
            "keys will travel in clear text: whoever is on the way can read them; \
                        --tls-cert and --tls-key, or --tls-self-signed, keep them secret"
        );
    }
    if !arguments.open && !has_keys {
        return Err(Fault::Usage(
            "this server asks for no key: whoever can reach its address (on this machine, any \
             program) may write and read; give --keys FILE, or say --open to confirm that this is \
             what you want"
                .into(),
        ));
    }
    Ok(())
}

async fn serve(
    pipeline: Pipeline,
    arguments: &ServeArgs,
    tls: Option<TlsIdentity>,
) -> anyhow::Result<Ended> {
    let options = Options { tls, flush: arguments.flush.into() };
    let keys = arguments.gate.keys.as_deref();
    // Before anything is started: a file that makes no sense is a mistake of the command line.
    keys.map(gate::read).transpose()?;
    let (redis, _private) = match pipeline.log() {
        Some(LogKind::Redis) => {
            let (mut config, private) =
                redis::for_server(&arguments.redis, &arguments.redis_prefix)?;
            if arguments.throwaway {
                config.expiry = Some(EXPIRY);
            }
            (Some(config), private)
        }
        _ => (None, None),
    };
    let listeners = Listeners {
        ingest: bind(arguments.ingest)?,
        observer: bind(arguments.observer)?,
        chart_js: chart_js::places(arguments.chart_js.as_ref())?,
        gate: keys.map(|keys| gate::start(keys, redis.as_ref())).transpose()?,
        stored: stored(pipeline, arguments).await?,
    };
    let mut served = Served::start(pipeline, listeners, redis::fresh_run(), redis, &options)
        .await
        .map_err(redis::missing_if_unreachable)?;
    let stop = Stop::caught()?;
    announce(pipeline.name, (served.ingest(), served.observer()), options.tls.as_ref())?;
    let has_failed = tokio::select! {
        () = until_stopped(stop, arguments.with_parent) => false,
        () = served.failed() => true,
    };
    let drained = served.drain(arguments.throwaway).await;
    if drained.cut > 0 {
        tracing::warn!(connections = drained.cut, "cut connections that did not finish in time");
    }
    if has_failed {
        anyhow::bail!("the worker ended by itself, which is a fault of this program; start again");
    }
    Ok(Ended::Fine)
}

/// Where batches end up, if a store was asked for.
async fn stored(pipeline: Pipeline, arguments: &ServeArgs) -> anyhow::Result<Option<Stored>> {
    if pipeline.log() == Some(LogKind::Postgres) {
        return committed_to(arguments).await.map(Some);
    }
    if arguments.insert.is_some() {
        return Err(Fault::Usage(format!(
            "--insert is how a pipeline writes that commits before it answers; {} leaves that to \
             a worker",
            pipeline.name
        ))
        .into());
    }
    let Some(choice) = arguments.store.chosen() else { return Ok(None) };
    if arguments.no_worker && pipeline.log() == Some(LogKind::Memory) {
        return Err(Fault::Usage(format!(
            "the log of {} lives in this process, where no other worker can read it: leave \
             --no-worker out",
            arguments.pipeline
        ))
        .into());
    }
    let store = store::open(&choice).await?;
    let (worker, detector) = (!arguments.no_worker, !arguments.no_worker && !arguments.no_detector);
    Ok(Some(Stored { store, worker, detector }))
}

/// The store of a pipeline that commits there itself: a private one, unless one was named.
async fn committed_to(arguments: &ServeArgs) -> anyhow::Result<Stored> {
    let anywhere = || StoreChoice::Postgres(arguments.store.postgres.complete(None));
    let choice = arguments.store.chosen().unwrap_or_else(anywhere);
    let insert = arguments.insert.map_or_else(Insert::default, Into::into);
    let store = store::open_direct(&choice, insert).await?;
    Ok(Stored { store, worker: false, detector: false })
}

async fn serve_bare(bare: tailrace_targets::Bare, arguments: &ServeArgs) -> anyhow::Result<Ended> {
    let listener = bind(arguments.ingest)?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(bare.serve(listener));
    let stop = Stop::caught()?;
    announce(&arguments.pipeline, (Some(address), None), None)?;
    until_stopped(stop, arguments.with_parent).await;
    server.abort();
    Ok(Ended::Fine)
}

/// On a thread of its own: its times are not a runtime's.
async fn serve_known(
    known: tailrace_targets::Known,
    arguments: &ServeArgs,
) -> anyhow::Result<Ended> {
    let listener = bind(arguments.ingest)?;
    let address = listener.local_addr()?;
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("known".into()).spawn(move || {
        let Err(error) = known.serve(listener);
        // Nobody listens once this program ends.
        let _ = tell.send(error);
    })?;
    let stop = Stop::caught()?;
    announce(&arguments.pipeline, (Some(address), None), None)?;
    tokio::select! {
        ended = told => Err(anyhow::Error::from(ended?).context("its event loop failed")),
        () = until_stopped(stop, arguments.with_parent) => Ok(Ended::Fine),
    }
}

fn announce(
    name: &str,
    (ingest, observer): (Option<SocketAddr>, Option<SocketAddr>),
    tls: Option<&TlsIdentity>,
) -> anyhow::Result<()> {
    let ready = Ready {
        ready: name.into(),
        pid: std::process::id(),
        ingest: ingest.context("the transport does not listen")?,
        observer,
        tls: tls.is_some(),
        certificate_sha256: tls.map(fingerprint),
    };
    printing::line(&serde_json::to_string(&ready)?)?;
    invite(&ready);
    Ok(())
}

/// Tells a person what to open; programs read the line above.
fn invite(ready: &Ready) {
    if let Some(observer) = ready.observer.filter(|_| std::io::stderr().is_terminal()) {
        let scheme = if ready.tls { "https" } else { "http" };
        eprintln!("Live page: open {scheme}://{observer}/ in a browser. Ctrl-C ends.");
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address}: is it in use? Port 0 takes a free one")
    })
}

/// Resolves when a signal or (if it matters) the parent's end asks to stop.
pub(crate) async fn until_stopped(mut stop: Stop, with_parent: bool) {
    tokio::select! {
        () = stop.asked() => {}
        () = end_of_input(), if with_parent => {}
    }
}

/// Standard input ends when whoever started this process is gone, however it went. It is read on a
/// thread of its own: a runtime that ends waits for its reads, and this one only the parent ends.
async fn end_of_input() {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An error ends the input as well; nobody listens once this program ends.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = tell.send(());
    });
    // An error would be the thread's end, which comes after it told.
    let _ = told.await;
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};

    #[test]
    fn only_who_trusts_the_network_is_open_to_it() {
        let check = |more: &str, allowed: bool| {
            let words = ["tailrace", "serve", "any"].into_iter();
            let cli = Cli::try_parse_from(words.chain(more.split(' '))).unwrap();
            let Some(Verb::Serve(arguments)) = cli.verb else { panic!("not serve: {more}") };
            assert_eq!(refuse_the_careless(&arguments).is_ok(), allowed, "{more}");
        };
        check("--open", true);
        check("--open --ingest 0.0.0.0:7070", false);
        check("--open --observer [::]:7071", false);
        check("--open --trust-network --ingest 0.0.0.0:7070 --observer 0.0.0.0:7071", true);
        check("--trust-network --ingest 0.0.0.0:7070", false);
        check("--trust-network", false);
        check("--keys k.toml", true);
        check("--keys k.toml --ingest 0.0.0.0:7070 --observer [::]:7071", true);
    }
}
