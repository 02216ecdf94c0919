//! The floor as a program, for experiments with `strace -c` or a load generator:
//! `cargo run --release -p tailrace-tcp --example bare_tcp -- 127.0.0.1:8080`.

use std::net::TcpListener;
use std::time::Duration;

use tailrace_tcp::{Limits, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let server = serve(TcpListener::bind(address)?, Limits::default())?;
    println!("listening on {:?}; Ctrl-C ends it", server.addresses());
    tokio::signal::ctrl_c().await?;
    println!("{:?}", server.drain(Duration::from_secs(5)).await);
    Ok(())
}
