//! The transport with nothing behind it: every body is accepted unread. For experiments on
//! what the protocol alone costs, with `curl --http2-prior-knowledge`, `h2load`, `strace -c` or a
//! load generator: `cargo run --release -p tailrace-http2 --example bare_http2 -- 127.0.0.1:8080`.

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use tailrace_contract::ingest::Accepted;
use tailrace_contract::{Answer, Caller, Ingest, Options};
use tailrace_http2::{Limits, serve};

#[derive(Clone)]
struct Nothing;

impl Ingest for Nothing {
    fn admit(&self, _: &Caller, _: Bytes) -> impl Future<Output = Answer> + Send + 'static {
        let accepted = Accepted { metrics: 1, assigned: None };
        std::future::ready(Answer { seq: None, outcome: Ok(accepted) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let server =
        serve(TcpListener::bind(address)?, Nothing, Limits::default(), &Options::default())?;
    println!("listening on {:?}; Ctrl-C ends it", server.addresses());
    tokio::signal::ctrl_c().await?;
    println!("{:?}", server.drain(Duration::from_secs(5)).await);
    Ok(())
}
