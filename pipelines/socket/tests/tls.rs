//! How connections begin on a listener that speaks TLS, over real sockets: everything a client
//! can do right or wrong before the first request. What is served is an echo.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use tailrace_conformance::secured::{connect, identity};
use tailrace_contract::{Server, TlsIdentity};
use tailrace_socket::{Security, Stream, serve_secured};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Far longer than anything here takes, so that a hang fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);
/// A limit that a test wants to see hit.
const SHORT: Duration = Duration::from_millis(150);
const ALPN: &str = "test/1";

struct Echo {
    server: Box<dyn Server>,
    address: SocketAddr,
    identity: TlsIdentity,
}

fn start(handshake_limit: Duration) -> Echo {
    let identity = identity().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let security = Security::new(Some(&identity), ALPN).unwrap();
    let server = serve_secured(listener, 16, (security, handshake_limit), echo).unwrap();
    Echo { address: server.addresses()[0], server, identity }
}

/// Gives back what comes, and ends in good order when the client has.
async fn echo(mut stream: Stream, _stop: CancellationToken) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        stream.write_all(&buffer[..n]).await.unwrap();
        stream.flush().await.unwrap();
    }
    let _ = stream.shutdown().await;
}

impl Echo {
    /// Whoever does it right is served.
    async fn check_served(&self) {
        let mut stream = connect(self.address, &self.identity, &[ALPN]).await.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"ping");
    }
}

/// Reads until the end; a reset is an end too.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the end in time");
    rest
}

#[tokio::test]
async fn both_agree_on_the_protocol() {
    let echo = start(PATIENCE);
    let stream = connect(echo.address, &echo.identity, &["other/1", ALPN]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(ALPN.as_bytes()));
    // Scripts offer nothing.
    let stream = connect(echo.address, &echo.identity, &[]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
}

#[tokio::test]
async fn another_protocol_is_refused_by_an_alert() {
    let echo = start(PATIENCE);
    let refused = connect(echo.address, &echo.identity, &["other/1"]).await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    echo.check_served().await;
}

#[tokio::test]
async fn who_trusts_another_certificate_hangs_up_and_harms_nobody() {
    let echo = start(PATIENCE);
    let refused = connect(echo.address, &identity().unwrap(), &[ALPN]).await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    echo.check_served().await;
}

#[tokio::test]
async fn large_data_comes_through_and_the_end_is_said() {
    let echo = start(PATIENCE);
    let stream = connect(echo.address, &echo.identity, &[ALPN]).await.unwrap();
    let (mut from, mut to) = tokio::io::split(stream);
    let sent: Vec<u8> = (0..5_000_000u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        to.write_all(&sent).await.unwrap();
        // Half of the connection ends; the other half still carries the echo.
        to.shutdown().await.unwrap();
        to
    });
    let mut received = Vec::new();
    // An end without a goodbye would be an error here.
    timeout(PATIENCE, from.read_to_end(&mut received)).await.unwrap().unwrap();
    assert!(received == expected, "{} bytes came back", received.len());
    sending.await.unwrap();
}

#[tokio::test]
async fn half_a_handshake_times_out_and_delays_nobody() {
    let echo = start(SHORT);
    let began = Instant::now();
    // The header of a record of 512 bytes, and nothing behind it; and a client that says nothing.
    let mut half = TcpStream::connect(echo.address).await.unwrap();
    half.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    let mut silent = TcpStream::connect(echo.address).await.unwrap();
    echo.check_served().await;
    assert!(rest(&mut half).await.len() < 100);
    assert!(rest(&mut silent).await.is_empty());
    assert!(began.elapsed() >= SHORT, "cut before its time");
}

#[tokio::test]
async fn garbage_in_a_record_ends_the_connection() {
    let echo = start(PATIENCE);
    let mut stream = TcpStream::connect(echo.address).await.unwrap();
    stream.write_all(&[&[22, 3, 1, 0, 32][..], &[0xff; 32]].concat()).await.unwrap();
    let alert = rest(&mut stream).await;
    assert!(alert.first().is_none_or(|&kind| kind == 21), "not an alert: {alert:?}");
    echo.check_served().await;
}

#[tokio::test]
async fn clear_text_is_told_that_this_port_speaks_tls() {
    let echo = start(PATIENCE);
    let mut stream = TcpStream::connect(echo.address).await.unwrap();
    let head = b"POST /v1/ingest HTTP/1.1\r\nhost: t\r\ncontent-length: 300000\r\n\r\n";
    stream.write_all(&[&head[..], &vec![b' '; 300_000]].concat()).await.unwrap();
    let answer = String::from_utf8(rest(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("https://"), "{answer}");
    // What is not even HTTP gets an end and no answer.
    let mut stream = TcpStream::connect(echo.address).await.unwrap();
    stream.write_all(&[0, 0, 0, 4, 1, 2, 3, 4]).await.unwrap();
    assert!(rest(&mut stream).await.is_empty());
    echo.check_served().await;
}

#[tokio::test]
async fn draining_waits_for_no_handshake() {
    let echo = start(PATIENCE);
    let mut silent = TcpStream::connect(echo.address).await.unwrap();
    // Accepted behind it, so it is accepted too.
    echo.check_served().await;
    let began = Instant::now();
    assert_eq!(echo.server.drain(PATIENCE).await.cut, 0);
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert!(rest(&mut silent).await.is_empty());
}

#[test]
fn a_key_of_another_certificate_is_refused_before_serving() {
    let check = |identity: &TlsIdentity, expect: &str| {
        let told = Security::new(Some(identity), ALPN).unwrap_err().to_string();
        assert!(told.contains(expect), "{told}");
    };
    let (one, other) = (identity().unwrap(), identity().unwrap());
    check(&TlsIdentity { key: other.key, ..one.clone() }, "served together");
    check(&TlsIdentity { key: b"no key".to_vec(), ..one.clone() }, "known kind");
    check(&TlsIdentity { chain: Vec::new(), ..one }, "served together");
}
