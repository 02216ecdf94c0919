//! What holds in clear text holds behind TLS: the upgrade, answers in order, refusals, farewells,
//! clients that take nothing. How a connection begins is tested in `pipelines/socket`.

mod frames;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use frames::{UPGRADE, read_frame, read_head, text};
use tailrace_conformance::secured::{connect, identity};
use tailrace_conformance::{Watcher, door};
use tailrace_contract::{Options, Server, TlsIdentity};
use tailrace_ws::{Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

/// Far longer than anything here takes, so that a hang fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);
/// A limit that a test wants to see hit.
const SHORT: Duration = Duration::from_millis(150);

struct Secured {
    server: Box<dyn Server>,
    address: SocketAddr,
    identity: TlsIdentity,
    watcher: Watcher,
}

fn start(limits: Limits) -> Secured {
    let ((ingest, watcher), identity) = (door(), identity().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options { tls: Some(identity.clone()), ..Options::default() };
    let server = serve(listener, ingest, limits, &options).unwrap();
    Secured { address: server.addresses()[0], server, identity, watcher }
}

impl Secured {
    async fn connect(&self) -> TlsStream<TcpStream> {
        connect(self.address, &self.identity, &["http/1.1"]).await.unwrap()
    }

    async fn upgrade(&self) -> TlsStream<TcpStream> {
        let mut stream = self.connect().await;
        stream.write_all(UPGRADE.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        stream
    }
}

/// Everything until the end, which must be said and not cut.
async fn expect_end(stream: &mut TlsStream<TcpStream>) {
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("in time").expect("said");
    assert!(rest.is_empty(), "{rest:?}");
}

async fn expect_answer(stream: &mut TlsStream<TcpStream>, expect: &str) {
    let (first, payload) = timeout(PATIENCE, read_frame(stream)).await.expect("in time");
    assert_eq!((first, String::from_utf8_lossy(&payload).as_ref()), (0x81, expect));
}

#[tokio::test]
async fn messages_are_answered_in_order() {
    let mut secured = start(Limits::default());
    let mut stream = secured.upgrade().await;
    let messages: Vec<u8> = (0..200).flat_map(|n| text(&n.to_string())).collect();
    stream.write_all(&messages).await.unwrap();
    for n in 0..200 {
        expect_answer(&mut stream, &format!("{{\"seq\":{n},\"accepted\":{n}}}")).await;
        secured.watcher.arrival().await;
    }
    let body = "x".repeat(900_000);
    stream.write_all(&text(&body)).await.unwrap();
    assert_eq!(secured.watcher.arrival().await, body);
}

#[tokio::test]
async fn what_is_no_upgrade_is_told_how_and_the_end_is_said() {
    let secured = start(Limits::default());
    let mut stream = secured.connect().await;
    stream.write_all(b"GET /v1/ingest HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight_and_says_farewell() {
    let mut secured = start(Limits::default());
    let mut stream = secured.upgrade().await;
    stream.write_all(&text("hold")).await.unwrap();
    secured.watcher.arrival().await;
    let draining = tokio::spawn(secured.server.drain(PATIENCE));
    secured.watcher.release();
    expect_answer(&mut stream, "{\"seq\":0,\"accepted\":1}").await;
    let (first, _) = timeout(PATIENCE, read_frame(&mut stream)).await.expect("in time");
    assert_eq!(first, 0x88, "a farewell");
    expect_end(&mut stream).await;
    drop(stream);
    assert_eq!(draining.await.unwrap().cut, 0);
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_cut() {
    let secured = start(Limits { write_timeout: SHORT, ..Limits::default() });
    let mut stream = secured.upgrade().await;
    let messages = text("{}").repeat(1_000);
    let flood = async { while stream.write_all(&messages).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("cut in time");
    assert_eq!(secured.server.drain(PATIENCE).await.cut, 0);
}
