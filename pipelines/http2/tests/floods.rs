//! What a client may flood a server with: each ends that client's connection with a reason that
//! it can read, while another connection is served. Who bounds what stands in the README.

mod frames;

use std::net::{SocketAddr, TcpListener};

use tailrace_conformance::{Watcher, door};
use tailrace_contract::{Options, Server};
use tailrace_http2::{Limits, serve};

use frames::{
    ACK, CALM, CANCEL, CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, Farewell, HEADERS,
    PATIENCE, PING, PRIORITY, SETTINGS, block, frame, head, open, post, reset, settings, window,
};

/// So many frames are a flood for every limit here.
const MANY: usize = 20_000;

struct Floods {
    _server: Box<dyn Server>,
    address: SocketAddr,
    watcher: Watcher,
    bystander: Client,
    next: u32,
}

impl Floods {
    async fn start(limits: Limits) -> Self {
        let (ingest, watcher) = door();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = serve(listener, ingest, limits, &Options::default()).unwrap();
        let address = server.addresses()[0];
        let bystander = Client::open(address).await;
        Self { _server: server, address, watcher, bystander, next: 1 }
    }

    /// Sends this on a new connection, reads up to its end, and asks whether the other
    /// connection still stands.
    async fn check(&mut self, what: &str, bytes: &[u8]) -> Option<Farewell> {
        let mut client = Client::open(self.address).await;
        client.flood(bytes).await;
        let reading = async { while client.try_answer().await.is_some() {} };
        tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("{what}: no end"));
        self.next += 2;
        let answer = self.bystander.ask(self.next, "{}").await;
        assert_eq!(answer.status, 202, "{what}");
        client.farewell
    }

    async fn check_calm(&mut self, what: &str, bytes: &[u8]) {
        let farewell = self.check(what, bytes).await.unwrap_or_else(|| panic!("{what}: no word"));
        assert_eq!(farewell.reason, CALM, "{what}: {farewell:?}");
    }
}

/// A stream's frames, for many streams.
fn streams(count: usize, each: impl Fn(u32) -> Vec<Vec<u8>>) -> Vec<u8> {
    (0..count as u32).flat_map(|n| each(2 * n + 1).concat()).collect()
}

#[tokio::test]
async fn frames_that_serve_nothing_end_their_connection() {
    let mut floods = Floods::start(Limits::default()).await;
    floods.check_calm("settings", &settings(&[(3, 1)]).repeat(MANY)).await;
    floods.check_calm("pings", &frame(PING, 0, 0, &[7; 8]).repeat(MANY)).await;
    floods.check_calm("pongs", &frame(PING, ACK, 0, &[7; 8]).repeat(MANY)).await;
    floods.check_calm("windows", &window(0, 1).repeat(MANY)).await;
    floods.check_calm("priorities", &frame(PRIORITY, 0, 3, &[0; 5]).repeat(MANY)).await;
    floods.check_calm("unknown frames", &frame(0xfa, 0, 0, b"grease").repeat(MANY)).await;
    let empty = [open(1, &[]), frame(DATA, 0, 1, &[]).repeat(MANY)].concat();
    floods.check_calm("empty data", &empty).await;
    let tiny = [open(1, &[]), frame(DATA, 0, 1, b"x").repeat(MANY)].concat();
    floods.check_calm("tiny data", &tiny).await;
    // A row of confirmations that nobody asked for breaks the protocol at the first.
    let confirmed = frame(SETTINGS, ACK, 0, &[]).repeat(MANY);
    assert!(floods.check("confirmations", &confirmed).await.is_some());
}

#[tokio::test]
async fn rapid_resets_end_their_connection() {
    let mut floods = Floods::start(Limits::default()).await;
    // Reset before the request was looked at: many in one piece.
    let begun = streams(MANY, |id| vec![open(id, &[]), reset(id, CANCEL)]);
    floods.check_calm("resets in one piece", &begun).await;
    // Reset behind the body, and one by one, so that each request reaches the log.
    let mut client = Client::open(floods.address).await;
    let mut resets = 0;
    loop {
        let id = 2 * resets + 1;
        client.flood(&[post(id, "hold"), reset(id, CANCEL)].concat()).await;
        tokio::select! {
            _arrived = floods.watcher.arrival() => resets += 1,
            answer = client.try_answer() => {
                assert_eq!(answer, None);
                break;
            }
        }
    }
    // A few more may have been read together with the last one that was allowed.
    assert!(resets < Limits::default().resets_max + 20, "{resets} resets");
    assert_eq!(client.farewell.unwrap().reason, CALM);
    floods.check_calm("resets by the server", &forced_resets()).await;
}

/// Streams that the server must reset itself, because each breaks a rule of its own.
fn forced_resets() -> Vec<u8> {
    streams(MANY, |id| {
        vec![open(id, &[("content-length", "1")]), frame(DATA, END_STREAM, id, b"12")]
    })
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_then_ended() {
    let mut floods = Floods::start(Limits::default()).await;
    floods.check_calm("streams without end", &streams(MANY, |id| vec![open(id, &[])])).await;
}

#[tokio::test]
async fn endless_and_inflated_heads_end_their_connection() {
    let mut floods = Floods::start(Limits::default()).await;
    let begin = frame(HEADERS, 0, 1, &head(&[]));
    let pieces = frame(CONTINUATION, 0, 1, &[]).repeat(MANY);
    floods.check_calm("empty continuations", &[&begin[..], &pieces].concat()).await;
    let long = block(&[("x-padding", &"x".repeat(8_000))]);
    let pieces = frame(CONTINUATION, 0, 1, &long).repeat(2_000);
    assert!(floods.check("long continuations", &[&begin[..], &pieces].concat()).await.is_some());
    // A field of 4,000 bytes put into the header table once and named a thousand times.
    let field = [&[0x40, 1, b'x', 0x7f][..], &[0xa1, 0x1e], &[b'x'; 4_000]].concat();
    let bomb = [head(&[]), field, vec![0xbe; 10_000]].concat();
    let bomb = frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb);
    assert!(floods.check("a bomb", &bomb).await.is_some());
    // One that is merely too long is told so, and the connection goes on.
    let long = head(&[("x-padding", &"x".repeat(15_000)), ("y-padding", &"y".repeat(1_500))]);
    let mut client = Client::open(floods.address).await;
    let (first, second) = long.split_at(10_000);
    let too_long = [
        frame(HEADERS, END_STREAM, 1, first),
        frame(CONTINUATION, END_HEADERS, 1, second),
        post(3, "3"),
    ];
    client.send(&too_long.concat()).await;
    assert_eq!(client.answer().await.status, 431);
    assert_eq!(client.answer().await.body, "{\"accepted\":3}");
}

#[tokio::test]
async fn ordinary_clients_are_no_flood() {
    let mut floods = Floods::start(Limits::default()).await;
    let mut client = Client::open(floods.address).await;
    for n in 0..3_000 {
        // A window for the stream and one for the connection after each answer, as some do.
        let id = 2 * n + 1;
        let ping = if n % 10 == 0 { frame(PING, 0, 0, &[0; 8]) } else { Vec::new() };
        let asked = [post(id, "{}"), window(0, 14), window(id, 14), ping];
        client.send(&asked.concat()).await;
        assert_eq!(client.answer().await.stream, id);
    }
    // All that is open may be reset at once.
    let first = 6_001;
    let begun = |n: u32| open(first + 2 * n, &[]);
    client.send(&(0..256).flat_map(begun).collect::<Vec<u8>>()).await;
    client.send(&frame(PING, 0, 0, &[1; 8])).await;
    while client.frame().await.expect("a pong").kind != PING {}
    client.send(&(0..256).flat_map(|n| reset(first + 2 * n, CANCEL)).collect::<Vec<u8>>()).await;
    assert_eq!(client.ask(9_001, "{}").await.status, 202);
    assert_eq!(floods.bystander.ask(1, "{}").await.status, 202);
}
