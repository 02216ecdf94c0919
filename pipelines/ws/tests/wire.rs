//! The client half: what it writes, what it understands however the bytes are cut, and that
//! it gets along with the server half.

mod frames;

use std::net::TcpListener;

use frames::frame;
use tailrace_contract::WireEvent::{self, Answer, Closing, Ready, Unexpected};
use tailrace_contract::{Expected, Options, Request, RunId, Wire, WireError};
use tailrace_ws::{Limits, WsWire, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

fn request(body: &[u8]) -> Request<'_> {
    Request { method: "POST", target: "/", headers: &[], body }
}

fn key_of(upgrade: &[u8]) -> String {
    let text = String::from_utf8(upgrade.to_vec()).unwrap();
    text.split("sec-websocket-key: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned()
}

fn consent(upgrade: &[u8]) -> Vec<u8> {
    let accept = derive_accept_key(key_of(upgrade).as_bytes());
    format!("HTTP/1.1 101 X\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes()
}

type Outcome = (Vec<WireEvent>, Vec<u8>, Result<(), WireError>);

/// A wire with `requests` on their way is fed the bytes in pieces, then the end. Pongs are
/// returned unmasked: masks differ.
fn run(requests: u64, bytes: &[u8], piece_bytes: impl Fn(usize) -> usize) -> Outcome {
    run_expecting(Expected::default(), requests, bytes, piece_bytes)
}

fn run_expecting(
    expected: Expected,
    requests: u64,
    bytes: &[u8],
    piece_bytes: impl Fn(usize) -> usize,
) -> Outcome {
    let (mut wire, mut out) = (WsWire::new("h", "/", None, 8).expecting(expected), Vec::new());
    wire.open(&mut out);
    assert_eq!(wire.room(), 0);
    let mut events = Vec::new();
    for byte in consent(&out) {
        wire.decode(&[byte], &mut out, &mut events).unwrap();
    }
    assert_eq!((events.as_slice(), wire.room()), (&[Ready][..], 8));
    events.clear();
    (0..requests).for_each(|key| wire.encode(&request(b"{}"), key, &mut out));
    out.clear();
    let mut at = 0;
    while at < bytes.len() {
        let end = (at + piece_bytes(at)).min(bytes.len());
        if let Err(error) = wire.decode(&bytes[at..end], &mut out, &mut events) {
            return (events, unmask(&out), Err(error));
        }
        at = end;
    }
    let end = wire.close(&mut events);
    (events, unmask(&out), end)
}

/// The short masked frames in `bytes`, without their masks.
fn unmask(mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let [first, length, a, b, c, d, rest @ ..] = bytes {
        let length = usize::from(length & 0x7f);
        let masked = rest[..length].iter().zip([a, b, c, d].into_iter().cycle());
        plain.push(*first);
        plain.extend(masked.map(|(byte, mask)| byte ^ mask));
        bytes = &rest[length..];
    }
    plain
}

/// The bytes whole, cut in two at every place, and byte by byte must mean the same.
fn check(requests: u64, bytes: &[u8], expect: &[WireEvent], reply: &[u8]) {
    let whole = run(requests, bytes, |_| bytes.len());
    assert_eq!(whole, (expect.to_vec(), reply.to_vec(), Ok(())));
    for cut in 1..bytes.len() {
        let piece = |at| if at == 0 { cut } else { bytes.len() };
        assert_eq!(run(requests, bytes, piece), whole, "cut at {cut}");
    }
    assert_eq!(run(requests, bytes, |_| 1), whole, "byte by byte");
}

fn answer(key: u64, status: u16) -> WireEvent {
    Answer { key, status }
}

#[test]
fn answers_come_in_order_however_the_bytes_are_cut() {
    let long = [b"{\"seq\":7,\"status\":400,".as_slice(), &[b' '; 300]].concat();
    let bytes = [
        frame(0x81, b"{\"seq\":9007199254740991,\"accepted\":12}", None),
        frame(0x82, &long, None),
        frame(0x89, b"abc", None),
        frame(0x81, b"something else", None),
        frame(0x81, b"", None),
        frame(0x8a, b"unasked pong", None),
    ];
    let expect = [answer(0, 202), answer(1, 400), answer(2, 200), answer(3, 200)];
    check(4, &bytes.concat(), &expect, b"\x8aabc");
}

#[test]
fn fragments_make_one_message_and_may_be_interrupted() {
    let bytes = [
        frame(0x01, b"{\"seq\":1,\"sta", None),
        frame(0x89, b"p", None),
        frame(0x00, b"tus\":50", None),
        frame(0x00, b"", None),
        frame(0x80, b"3,\"problem\":{}}", None),
        frame(0x81, b"{\"seq\":2,\"accepted\":1}", None),
    ];
    check(2, &bytes.concat(), &[answer(0, 503), answer(1, 202)], b"\x8ap");
}

/// In whole messages and in fragments, also far behind what is kept of one, and not in what comes
/// between them.
#[test]
fn an_expected_text_is_found_in_messages_however_the_bytes_are_cut() {
    let far = [&[b'x'; 500][..], b"abc"].concat();
    let bytes = [
        frame(0x81, b"-abc-", None),
        frame(0x01, b"xa", None),
        frame(0x89, b"b", None),
        frame(0x80, b"ac", None),
        frame(0x01, b"xa", None),
        frame(0x8a, b"-", None),
        frame(0x80, b"bc", None),
        frame(0x82, &far, None),
        frame(0x81, b"", None),
    ]
    .concat();
    let expect = [
        answer(0, 200),
        Unexpected { key: 1, status: 200 },
        answer(2, 200),
        answer(3, 200),
        Unexpected { key: 4, status: 200 },
    ];
    for length in 1..=bytes.len() {
        let (events, ..) = run_expecting(Expected::new(b"abc"), 5, &bytes, |_| length);
        assert_eq!(events, expect, "{length} bytes at a time");
    }
}

#[test]
fn a_close_is_answered_and_announced() {
    let bytes = [frame(0x88, b"\x03\xe9bye", None), b"ignored".to_vec()].concat();
    check(1, &bytes, &[Closing], b"\x88\x03\xe9bye");
}

#[test]
fn large_messages_are_counted_not_kept() {
    let body = vec![b'x'; 1 << 20];
    let bytes = frame(0x81, &body, None);
    assert_eq!(run(1, &bytes, |_| 4096).0, [answer(0, 200)]);
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let huge = [b"\x81\x7f".as_slice(), &(1_u64 << 40).to_be_bytes()].concat();
    for (bytes, expect) in [
        (frame(0x81, b"x", Some([1; 4])), "masked"),
        (frame(0xc1, b"x", None), "reserved bit"),
        (frame(0x80, b"x", None), "opcode 0"),
        (frame(0x83, b"x", None), "opcode 3"),
        ([frame(0x01, b"x", None), frame(0x81, b"x", None)].concat(), "opcode 1"),
        (frame(0x89, &[0; 126], None), "control frame"),
        (frame(0x09, b"", None), "control frame"),
        (huge, "longer than"),
        (b"\x81\x05ab".to_vec(), "in the middle"),
        (b"\x81".to_vec(), "in the middle"),
        (frame(0x01, b"x", None), "in the middle"),
        (frame(0x81, b"x", None).repeat(2), "without a request"),
    ] {
        for piece in [1, usize::MAX / 2] {
            let error = run(1, &bytes, |_| piece).2.unwrap_err();
            assert!(error.what.contains(expect), "{error} lacks {expect}");
        }
    }
}

#[test]
fn a_refused_upgrade_says_what_came_instead() {
    for (bytes, expect) in [
        (b"HTTP/1.1 404 Not Found\r\n\r\nno such path".as_slice(), "404: no such path"),
        (b"HTTP/1.1 101 X\r\nsec-websocket-accept: nonsense\r\n\r\n", "does not fit"),
        (b"HTTP/1.1 101 X\r\n\r\n", "does not fit"),
        (b"SSH-2.0-OpenSSH\r\n", "SSH-2.0"),
    ] {
        let (mut wire, mut out) = (WsWire::new("h", "/", None, 8), Vec::new());
        wire.open(&mut out);
        let error = wire.decode(bytes, &mut out, &mut Vec::new()).unwrap_err();
        assert!(error.what.contains(expect), "{error} lacks {expect}");
    }
    assert!(WsWire::new("h", "/", None, 8).close(&mut Vec::new()).is_err());
}

#[test]
fn messages_of_every_length_are_masked_whole() {
    let (mut wire, mut out) = (WsWire::new("h:1", "/p", Some(RunId(10)), 600), Vec::new());
    wire.open(&mut out);
    let upgrade = String::from_utf8(out.clone()).unwrap();
    assert!(upgrade.starts_with("GET /p HTTP/1.1\r\nhost: h:1\r\n"));
    assert!(upgrade.ends_with("\r\ntailrace-run: 0000000000000000000000000000000a\r\n\r\n"));
    wire.decode(&consent(&out.clone()), &mut out, &mut Vec::new()).unwrap();
    for length in (0..300).chain([65_535, 65_536]) {
        let body: Vec<u8> = (0..length).map(|n| b'a' + (n % 26) as u8).collect();
        out.clear();
        wire.encode(&request(&body), 1, &mut out);
        let at = out.len() - length - 4;
        let mask = [out[at], out[at + 1], out[at + 2], out[at + 3]];
        assert_eq!(out, frame(0x81, &body, Some(mask)), "{length}");
    }
    out.clear();
    wire.encode(&request(b"\xff"), 1, &mut out);
    assert_eq!(out[0], 0x82, "what is not text is sent as binary");
}

#[tokio::test]
async fn wire_and_server_understand_each_other() {
    const REQUESTS: usize = 2_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (ingest, _watcher) = tailrace_conformance::door();
    let server = serve(listener, ingest, Limits::default(), &Options::default()).unwrap();
    let address = server.addresses()[0];
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut wire = WsWire::new(&address.to_string(), "/v1/ingest", Some(RunId(1)), 16);
    let (mut next, mut out, mut events) = (0, Vec::new(), Vec::new());
    let mut input = vec![0; 1 << 16];
    wire.open(&mut out);
    while events.len() < REQUESTS + 1 {
        while wire.room() > 0 && next < REQUESTS as u64 {
            let body = if next.is_multiple_of(7) { &b"full"[..] } else { b"{}" };
            wire.encode(&request(body), next, &mut out);
            next += 1;
        }
        stream.write_all(&out).await.unwrap();
        out.clear();
        let n = stream.read(&mut input).await.unwrap();
        assert!(n > 0);
        wire.decode(&input[..n], &mut out, &mut events).unwrap();
    }
    assert_eq!(events[0], Ready);
    for (key, event) in (0..).zip(&events[1..]) {
        assert_eq!(*event, answer(key, if key.is_multiple_of(7) { 503 } else { 202 }));
    }
    let draining = tokio::spawn(server.drain(std::time::Duration::from_secs(5)));
    events.clear();
    let n = stream.read(&mut input).await.unwrap();
    wire.decode(&input[..n], &mut out, &mut events).unwrap();
    assert_eq!(events, [Closing]);
    stream.write_all(&out).await.unwrap();
    drop(stream);
    assert_eq!(draining.await.unwrap().cut, 0);
}
