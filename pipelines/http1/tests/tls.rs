//! What holds in clear text holds behind TLS: order, early refusals, half-closed clients, clients
//! that take nothing, draining. How a connection begins is tested in `pipelines/socket`.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use tailrace_conformance::secured::{connect, identity, shake_hands};
use tailrace_conformance::{Watcher, door};
use tailrace_contract::{Options, Server, TlsIdentity};
use tailrace_http1::{Limits, serve};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
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
    start_on(TcpListener::bind("127.0.0.1:0").unwrap(), limits)
}

fn start_on(listener: TcpListener, limits: Limits) -> Secured {
    let ((ingest, watcher), identity) = (door(), identity().unwrap());
    let options = Options { tls: Some(identity.clone()), ..Options::default() };
    let server = serve(listener, ingest, limits, &options).unwrap();
    Secured { address: server.addresses()[0], server, identity, watcher }
}

impl Secured {
    async fn connect(&self) -> TlsStream<TcpStream> {
        connect(self.address, &self.identity, &["http/1.1"]).await.unwrap()
    }
}

fn post(body: &str) -> String {
    format!("POST /v1/ingest HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Everything until the end, which must be said and not cut.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut rest = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut rest)).await.expect("in time").expect("said");
    rest
}

/// The bodies of answers, which are JSON without spaces.
fn bodies(answers: &str) -> Vec<&str> {
    answers.split("\r\n\r\n").skip(1).map(|rest| rest.split("HTTP/1.1").next().unwrap()).collect()
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_the_end_is_said() {
    let secured = start(Limits::default());
    let mut stream = secured.connect().await;
    let requests: String = (0..200).map(|n| post(&n.to_string())).collect();
    stream.write_all(requests.as_bytes()).await.unwrap();
    // Half-closed: nothing more will come, and the answers still must.
    stream.shutdown().await.unwrap();
    let answers = rest(&mut stream).await;
    let expected: Vec<String> = (0..200).map(|n| format!("{{\"accepted\":{n}}}")).collect();
    assert_eq!(bodies(&answers), expected);
}

/// Buffers so small that the answers of one read do not fit: what the socket does not take waits
/// as records in the session, and no later write would push them out.
#[tokio::test]
async fn the_last_answer_comes_though_the_socket_was_full() {
    const REQUESTS: usize = 400;
    let socket = TcpSocket::new_v4().unwrap();
    // What is accepted inherits it.
    socket.set_send_buffer_size(4 << 10).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(8).unwrap().into_std().unwrap();
    let secured = start_on(listener, Limits::default());
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let stream = socket.connect(secured.address).await.unwrap();
    let mut stream = shake_hands(stream, &secured.identity, &["http/1.1"]).await.unwrap();
    // Not closed behind it: an end would push the rest out.
    stream.write_all(post("1").repeat(REQUESTS).as_bytes()).await.unwrap();
    let (mut answers, mut piece) = (0, vec![0; 1 << 10]);
    while answers < REQUESTS {
        let n = timeout(PATIENCE, stream.read(&mut piece)).await.expect("in time").unwrap();
        assert!(n > 0, "the end after {answers} answers");
        // Only bodies have braces.
        answers += piece[..n].split(|&byte| byte == b'}').count() - 1;
    }
}

#[tokio::test]
async fn a_body_of_many_records_arrives_whole() {
    let mut secured = start(Limits::default());
    let mut stream = secured.connect().await;
    let body = "x".repeat(900_000);
    stream.write_all(post(&body).as_bytes()).await.unwrap();
    assert_eq!(secured.watcher.arrival().await, body);
}

#[tokio::test]
async fn an_early_refusal_is_readable_while_the_client_still_sends() {
    let secured = start(Limits::default());
    let (mut from, mut to) = tokio::io::split(secured.connect().await);
    let head = "POST /v1/ingest HTTP/1.1\r\nhost: t\r\ncontent-length: 9000000\r\n\r\n";
    let sending = tokio::spawn(async move {
        to.write_all(head.as_bytes()).await.unwrap();
        let _ = to.write_all(&vec![b' '; 9_000_000]).await;
    });
    let answer = rest(&mut from).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    timeout(PATIENCE, sending).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_cut() {
    let secured = start(Limits { write_timeout: SHORT, ..Limits::default() });
    let mut stream = secured.connect().await;
    let requests = post("{}").repeat(1_000);
    let flood = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("cut in time");
    assert_eq!(secured.server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn a_request_that_does_not_come_is_told_so() {
    let secured = start(Limits { head_timeout: SHORT, ..Limits::default() });
    let mut stream = secured.connect().await;
    stream.write_all(b"POST /v1/in").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight() {
    let mut secured = start(Limits::default());
    let mut idle = secured.connect().await;
    let mut busy = secured.connect().await;
    busy.write_all(post("hold").as_bytes()).await.unwrap();
    secured.watcher.arrival().await;
    let draining = tokio::spawn(secured.server.drain(PATIENCE));
    assert_eq!(rest(&mut idle).await, "");
    secured.watcher.release();
    assert_eq!(bodies(&rest(&mut busy).await), ["{\"accepted\":1}"]);
    assert_eq!(draining.await.unwrap().cut, 0);
}

#[tokio::test]
async fn tls_on_a_port_in_clear_text_ends() {
    let (ingest, _watcher) = door();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve(listener, ingest, Limits::default(), &Options::default()).unwrap();
    let identity = identity().unwrap();
    let shaking = connect(server.addresses()[0], &identity, &["http/1.1"]);
    let refused = timeout(PATIENCE, shaking).await.expect("in time").unwrap_err();
    // What comes back is an HTTP answer, and no record.
    assert!(refused.to_string().contains("corrupt"), "{refused}");
}
