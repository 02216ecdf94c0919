//! The client half: what it writes, what it understands however the bytes are cut, and that it
//! gets along with the server half.

mod frames;

use std::net::TcpListener;
use std::sync::LazyLock;

use tailrace_contract::WireEvent::{
    self, Answer, Closing, Ready, Unanswered, Unexpected, Untouched,
};
use tailrace_contract::{Expected, Options, Peer, Request, Wire, WireError};
use tailrace_http2::{Http2Wire, Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use frames::{
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE,
    PRIORITY, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame,
    reset, settings, window,
};

const PADDED: u8 = 8;
const PRIORITIZED: u8 = 32;
/// Settings by number.
const TABLE: u16 = 1;
const STREAMS: u16 = 3;
const WINDOW: u16 = 4;
const FRAME: u16 = 5;

fn peer(in_flight: usize) -> Peer<'static> {
    Peer::plain("host:80", None, in_flight)
}

static RUN: LazyLock<[(String, String); 1]> =
    LazyLock::new(|| [("Tailrace-Run".into(), "00f0000000000000000000000000000a".into())]);

fn request(body: &[u8]) -> Request<'_> {
    Request { method: "POST", target: "/v1/ingest", headers: &*RUN, body }
}

/// A wire that has greeted and got these settings.
fn ready(in_flight: usize, pairs: &[(u16, u32)]) -> Http2Wire {
    let (mut wire, mut out, mut events) =
        (Http2Wire::new(&peer(in_flight)), Vec::new(), Vec::new());
    wire.open(&mut out);
    assert_eq!(wire.room(), 0);
    wire.decode(&settings(pairs), &mut out, &mut events).unwrap();
    assert_eq!(events, [Ready]);
    assert!(out.ends_with(&frame(SETTINGS, ACK, 0, &[])));
    wire
}

/// The same with so many requests on their way.
fn asked(requests: u64) -> Http2Wire {
    let mut wire = ready(requests.max(1) as usize, &[]);
    (0..requests).for_each(|key| wire.encode(&request(b"{}"), key, &mut Vec::new()));
    wire
}

type Outcome = (Vec<WireEvent>, Vec<u8>, Result<(), WireError>);

/// Feeds the pieces, then the end of the connection.
fn run(requests: u64, pieces: &[&[u8]]) -> Outcome {
    let (mut wire, mut out, mut events) = (asked(requests), Vec::new(), Vec::new());
    for piece in pieces {
        if let Err(error) = wire.decode(piece, &mut out, &mut events) {
            return (events, out, Err(error));
        }
    }
    let end = wire.close(&mut events);
    (events, out, end)
}

/// The same bytes whole, cut in two at every place, and byte by byte must mean the same.
fn check(requests: u64, bytes: &[u8], expect: &[WireEvent]) -> Vec<u8> {
    let whole = run(requests, &[bytes]);
    assert_eq!((&*whole.0, &whole.2), (expect, &Ok(())));
    for at in 0..=bytes.len() {
        assert_eq!(run(requests, &[&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(run(requests, &single), whole, "byte by byte");
    whole.1
}

fn check_fault(requests: u64, bytes: &[u8], expect: &str) {
    let error = run(requests, &[bytes]).2.unwrap_err();
    assert!(error.what.contains(expect), "{error} lacks {expect}");
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(run(requests, &single).2.unwrap_err(), error);
}

fn answer(key: u64, status: u16) -> WireEvent {
    Answer { key, status }
}

fn head(stream: u32, flags: u8, status: &str) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, stream, &block(&[(":status", status), ("a", "b")]))
}

fn data(stream: u32, flags: u8, body: &[u8]) -> Vec<u8> {
    frame(DATA, flags, stream, body)
}

fn goaway(last: u32, reason: u32, text: &str) -> Vec<u8> {
    let fixed = [last.to_be_bytes(), reason.to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, &[&fixed[..], text.as_bytes()].concat())
}

/// Takes frames apart: kind, flags, stream, payload.
fn parse(mut bytes: &[u8]) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
        let stream = u32::from_be_bytes(bytes[5..9].try_into().unwrap());
        frames.push((bytes[3], bytes[4], stream, bytes[9..9 + length].to_vec()));
        bytes = &bytes[9 + length..];
    }
    frames
}

/// Bytes of bodies in these frames, by stream.
fn sent(bytes: &[u8], stream: u32) -> (usize, bool) {
    let frames = parse(bytes);
    let mine = || frames.iter().filter(|frame| frame.0 == DATA && frame.2 == stream);
    (mine().map(|frame| frame.3.len()).sum(), mine().any(|frame| frame.1 & END_STREAM != 0))
}

/// Texts of several streams at once, across frames, in data and not in padding.
#[test]
fn an_expected_text_is_found_in_each_stream_however_the_bytes_are_cut() {
    let bytes = [
        head(1, 0, "200"),
        head(3, 0, "200"),
        head(5, END_STREAM, "204"),
        data(1, 0, b"xa"),
        data(3, 0, b"b"),
        data(1, PADDED, b"\x02baa"),
        data(3, PADDED | END_STREAM, b"\x03cabc"),
        data(1, END_STREAM, b"c"),
    ]
    .concat();
    let run = |piece_bytes: usize| {
        let wire = ready(3, &[]).expecting(Expected::new(b"abc"));
        let (mut wire, mut out, mut events) = (wire, Vec::new(), Vec::new());
        (0..3).for_each(|key| wire.encode(&request(b"{}"), key, &mut out));
        for piece in bytes.chunks(piece_bytes) {
            wire.decode(piece, &mut out, &mut events).unwrap();
        }
        events
    };
    let unexpected = |key, status| Unexpected { key, status };
    for piece_bytes in 1..=bytes.len() {
        let expect = [unexpected(2, 204), unexpected(1, 200), answer(0, 200)];
        assert_eq!(run(piece_bytes), expect, "{piece_bytes} bytes at a time");
    }
}

#[test]
fn answers_come_in_any_order_however_the_bytes_are_cut() {
    let early = frame(HEADERS, END_HEADERS, 5, &block(&[(":status", "103"), ("link", "x")]));
    let long = block(&[(":status", "503"), ("x", &"y".repeat(300))]);
    let (one, two) = long.split_at(7);
    let prioritized = [&[0, 0, 0, 0, 9][..], b"\x88"].concat();
    let padded = [&[3][..], &prioritized, &[0; 3]].concat();
    let bytes = [
        head(1, 0, "202"),
        early,
        head(5, 0, "202"),
        data(5, END_STREAM, b"{\"accepted\":1}"),
        data(1, PADDED, b"\x02{}\0\0"),
        frame(PRIORITY, 0, 9, &[0; 5]),
        frame(0xfa, 0xff, 77, b"grease"),
        data(1, END_STREAM, b""),
        // In two pieces, and its status after a padding.
        frame(HEADERS, END_STREAM, 3, one),
        frame(CONTINUATION, END_HEADERS, 3, two),
        frame(HEADERS, END_HEADERS | PADDED | PRIORITIZED, 7, &padded),
        frame(HEADERS, END_HEADERS | END_STREAM, 7, &block(&[("grpc-status", "0")])),
    ];
    let expect = [answer(2, 202), answer(0, 202), answer(1, 503), answer(3, 200)];
    let out = check(4, &bytes.concat(), &expect);
    assert!(out.is_empty());
}

#[test]
fn what_must_be_answered_is() {
    let bytes = [
        frame(PING, 0, 0, b"12345678"),
        frame(PING, ACK, 0, b"87654321"),
        settings(&[(WINDOW, 1), (77, 7)]),
        frame(SETTINGS, ACK, 0, &[]),
    ];
    let out = check(0, &bytes.concat(), &[]);
    let pong = frame(PING, ACK, 0, b"12345678");
    assert_eq!(out, [pong, frame(SETTINGS, ACK, 0, &[])].concat());
}

#[test]
fn windows_are_given_back() {
    let mut bytes = head(1, 0, "200");
    (0..40).for_each(|_| bytes.extend(data(1, 0, &[0; 16_384])));
    bytes.extend(data(1, END_STREAM, b""));
    let (events, out, end) = run(1, &[&bytes]);
    assert_eq!((events, end), (vec![answer(0, 200)], Ok(())));
    let expect = [window(0, 1 << 19), window(1, 1 << 19)];
    assert_eq!(out, expect.concat());
    let mut flood = head(1, 0, "200");
    flood.extend(data(1, 0, b"").repeat(10_001));
    check_fault(1, &flood, "thousands of frames");
}

#[test]
fn a_reset_ends_one_request_and_not_the_connection() {
    let bytes = [
        reset(1, CANCEL),
        reset(3, REFUSED_STREAM),
        head(5, END_STREAM, "202"),
        // Of one that was answered: no more is wanted, or came.
        reset(5, 0),
        data(5, END_STREAM, b"late"),
        head(5, END_STREAM, "200"),
        window(5, 1),
    ];
    let unanswered = |key, reason: &str| {
        let why = format!("the server reset a request's stream: {reason}");
        Unanswered { key, why }
    };
    let expect = [unanswered(0, "CANCEL"), unanswered(1, "REFUSED_STREAM"), answer(2, 202)];
    check(3, &bytes.concat(), &expect);
}

#[test]
fn a_farewell_gives_back_what_was_not_looked_at() {
    let graceful = [goaway(u32::MAX >> 1, 0, ""), goaway(3, 0, ""), head(1, END_STREAM, "202")];
    let expect = [Closing, Untouched { key: 2 }, answer(0, 202)];
    check(3, &graceful.concat(), &expect);
    let mut wire = asked(3);
    wire.decode(&graceful[0], &mut Vec::new(), &mut Vec::new()).unwrap();
    assert_eq!(wire.room(), 0);

    let (events, _, end) = run(1, &[&goaway(1, 11, "too_many_resets")]);
    assert_eq!(events, [Closing]);
    let error = end.unwrap_err().what;
    assert!(error.contains("ENHANCE_YOUR_CALM too_many_resets"), "{error}");
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let status = block(&[(":status", "200")]);
    for (bytes, expect) in [
        (head(1, 0, "202")[..15].to_vec(), "middle of a frame"),
        (frame(HEADERS, 0, 1, b"\x88"), "middle of a frame"),
        ([frame(HEADERS, 0, 1, b"\x88"), data(1, 0, b"")].concat(), "interrupted"),
        (frame(CONTINUATION, END_HEADERS, 1, b"\x88"), "was not open"),
        ([frame(HEADERS, 0, 1, b"\x88"), frame(CONTINUATION, 4, 3, b"")].concat(), "not open"),
        (head(5, 0, "202"), "kind 1 on stream 5"),
        (head(2, 0, "202"), "kind 1 on stream 2"),
        (data(0, 0, b""), "kind 0 on stream 0"),
        (frame(PING, 0, 1, &[0; 8]), "kind 6 on stream 1"),
        (data(1, END_STREAM, b""), "without a head"),
        (head(1, END_STREAM, "103"), "interim 103"),
        ([head(1, 0, "200"), head(1, 0, "200")].concat(), "second head"),
        (head(1, 0, "2000"), ":status"),
        (frame(HEADERS, END_HEADERS | PADDED, 1, b"\x09\x88"), "padding"),
        (frame(HEADERS, END_HEADERS | PADDED, 1, b""), "padding"),
        (frame(HEADERS, END_HEADERS | PRIORITIZED, 1, b"\x88"), "cannot have"),
        (frame(PING, 0, 0, b"short"), "cannot have"),
        (frame(SETTINGS, 0, 0, b"short"), "cannot have"),
        (frame(SETTINGS, ACK, 0, &[0; 6]), "cannot have"),
        (frame(GOAWAY, 0, 0, b"short"), "cannot have"),
        (frame(RST_STREAM, 0, 1, b"short"), "cannot have"),
        (frame(PUSH_PROMISE, END_HEADERS, 1, &status), "pushes"),
        (window(0, 0), "by nothing"),
        (window(0, u32::MAX >> 1), "beyond"),
        (window(1, u32::MAX >> 1), "beyond"),
        (settings(&[(WINDOW, 1 << 31)]), "beyond"),
        (settings(&[(FRAME, 16_383)]), "16383 bytes"),
        (frame(SETTINGS, 0, 0, &[]).repeat(10_001), "thousands of frames"),
        (vec![0, 0x40, 1, DATA, 0, 0, 0, 0, 1], "16385 bytes"),
    ] {
        check_fault(2, &bytes, expect);
    }
    let endless = [frame(HEADERS, 0, 1, b"\x88"), frame(CONTINUATION, 0, 1, &[0; 9_000]).repeat(8)];
    check_fault(1, &endless.concat(), "longer than");
    let flood = [head(1, 0, "200"), data(1, PADDED, &[0; 16_384]).repeat(65)].concat();
    assert!(run(1, &[&flood]).2.is_ok(), "what was given back may be used again");
}

#[test]
fn a_server_of_another_protocol_is_recognized() {
    for (bytes, expect) in [
        (&b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"[..], "answers in HTTP/1.1"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "bytes"),
        (b"", "before the server's settings"),
        (&frame(PING, 0, 0, &[0; 8]), "not its settings"),
    ] {
        let (mut wire, mut out, mut events) = (Http2Wire::new(&peer(1)), Vec::new(), Vec::new());
        wire.open(&mut out);
        let decoded = wire.decode(bytes, &mut out, &mut events);
        let error = decoded.and_then(|()| wire.close(&mut events)).unwrap_err();
        assert!(error.what.contains(expect), "{error} lacks {expect}");
    }
}

#[test]
fn requests_are_written_as_they_must() {
    let (mut wire, mut out) = (Http2Wire::new(&peer(3)), Vec::new());
    wire.open(&mut out);
    let greeting = out.strip_prefix(PREFACE).expect("the preface");
    let [(SETTINGS, 0, 0, mine), (WINDOW_UPDATE, 0, 0, _)] = &parse(greeting)[..] else {
        panic!("{greeting:x?}")
    };
    assert_eq!(mine[..12], [0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0], "no header table, no push");
    wire.decode(&settings(&[]), &mut Vec::new(), &mut Vec::new()).unwrap();
    assert_eq!(wire.room(), 3);

    let run = "00f0000000000000000000000000000a";
    let first =
        [b"\x83\x86\x41\x07host:80\x44\x0a/v1/ingest\x40\x0ctailrace-run\x20", run.as_bytes()];
    let length = |text: &str| [&[0x0f, 0x0d, text.len() as u8], text.as_bytes()].concat();
    let later = b"\x83\x86\xc0\xbf\xbe".to_vec();
    for (stream, body, block) in [
        (1, &b"{}"[..], [first.concat(), length("2")].concat()),
        (3, &[b' '; 300], [later.clone(), length("300")].concat()),
        (5, b"", later),
    ] {
        out.clear();
        wire.encode(&request(body), 1, &mut out);
        let end = if body.is_empty() { END_STREAM } else { 0 };
        let mut expect = frame(HEADERS, END_HEADERS | end, stream, &block);
        if end == 0 {
            expect.extend(data(stream, END_STREAM, body));
        }
        assert_eq!(out, expect);
    }
    assert_eq!(wire.room(), 0);
}

#[test]
fn a_smaller_header_table_is_kept_to() {
    for (bytes, expect) in [(0, b"\x20\x83"), (200, b"\x3f\xa9")] {
        let (mut wire, mut out) = (ready(2, &[(TABLE, bytes)]), Vec::new());
        wire.encode(&request(b""), 1, &mut out);
        wire.encode(&request(b""), 2, &mut out);
        let frames = parse(&out);
        assert!(frames[0].3.starts_with(expect), "{:x?}", frames[0].3);
        let is_indexed = frames[1].3.len() < 10;
        assert_eq!(is_indexed, bytes > 0, "{:x?}", frames[1].3);
    }
}

#[test]
fn a_long_head_goes_on_in_further_frames() {
    let (mut wire, mut out) = (ready(1, &[]), Vec::new());
    let headers = [("x".to_owned(), "x".repeat(20_000))];
    wire.encode(&Request { headers: &headers, ..request(b"{}") }, 0, &mut out);
    let frames = parse(&out);
    let shapes: Vec<_> = frames.iter().map(|f| (f.0, f.1, f.3.len() <= 16_384)).collect();
    let expect = [(HEADERS, 0, true), (CONTINUATION, END_HEADERS, true), (DATA, END_STREAM, true)];
    assert_eq!(shapes, expect);
}

#[test]
fn requests_keep_to_the_number_of_streams() {
    let mut wire = ready(100, &[(STREAMS, 2)]);
    assert_eq!(wire.room(), 2);
    wire.encode(&request(b"{}"), 0, &mut Vec::new());
    let (mut out, mut events) = (Vec::new(), Vec::new());
    wire.decode(&settings(&[(STREAMS, 0)]), &mut out, &mut events).unwrap();
    assert_eq!(wire.room(), 0);
    wire.decode(&settings(&[(STREAMS, 200)]), &mut out, &mut events).unwrap();
    assert_eq!(wire.room(), 99);
}

#[test]
fn bodies_wait_for_windows_in_order() {
    let (mut wire, mut out, mut events) = (ready(9, &[(WINDOW, 20_000)]), Vec::new(), Vec::new());
    let body: Vec<u8> = (0..50_000_u32).map(|n| (n % 251) as u8).collect();
    wire.encode(&request(&body), 0, &mut out);
    assert_eq!(sent(&out, 1), (20_000, false));
    // Another stream has its own window; the connection's was 65,535 bytes.
    wire.encode(&request(&body), 1, &mut out);
    wire.encode(&request(&body), 2, &mut out);
    wire.encode(&request(b"{}"), 3, &mut out);
    assert_eq!((sent(&out, 3), sent(&out, 5)), ((20_000, false), (20_000, false)));
    assert_eq!(sent(&out, 7), (2, true));
    assert_eq!(wire.room(), 5);
    // The server takes windows back: they are below zero, and updates must first make that up.
    wire.decode(&settings(&[(WINDOW, 5_000)]), &mut out, &mut events).unwrap();
    let step = |wire: &mut Http2Wire, out: &mut Vec<u8>, bytes: &[u8]| {
        wire.decode(bytes, out, &mut Vec::new()).unwrap();
        (sent(out, 1).0, sent(out, 3).0, sent(out, 5).0)
    };
    assert_eq!(step(&mut wire, &mut out, &window(1, 15_000)), (20_000, 20_000, 20_000));
    assert_eq!(step(&mut wire, &mut out, &window(1, 100)), (20_100, 20_000, 20_000));
    // Now the connection's window is the narrower one, and older bodies go first.
    assert_eq!(step(&mut wire, &mut out, &window(3, 100_000)), (20_100, 25_433, 20_000));
    assert_eq!(wire.room(), 0, "nothing may be sent at all");
    assert_eq!(step(&mut wire, &mut out, &window(1, 100_000)), (20_100, 25_433, 20_000));
    assert_eq!(step(&mut wire, &mut out, &window(0, 30_000)), (50_000, 25_533, 20_000));
    assert_eq!(step(&mut wire, &mut out, &window(0, 1 << 20)), (50_000, 50_000, 20_000));
    assert_eq!(wire.room(), 5);
    assert_eq!(step(&mut wire, &mut out, &settings(&[(WINDOW, 50_000)])).2, 50_000);
    for stream in [1, 3, 5] {
        let pieces = parse(&out).into_iter().filter(|f| f.0 == DATA && f.2 == stream);
        assert_eq!(pieces.flat_map(|frame| frame.3).collect::<Vec<u8>>(), body, "in order");
        assert!(sent(&out, stream).1);
    }
}

#[test]
fn what_waits_for_a_window_is_bounded() {
    let (mut wire, mut out) = (ready(1_000, &[(WINDOW, 0)]), Vec::new());
    let body = vec![0; 1 << 20];
    let mut encoded = 0;
    while wire.room() > 0 {
        wire.encode(&request(&body), encoded, &mut out);
        encoded += 1;
    }
    assert_eq!(encoded, 4);
    // An answer makes the rest of its body useless, and the server is told.
    out.clear();
    wire.decode(&head(1, END_STREAM, "413"), &mut out, &mut Vec::new()).unwrap();
    assert_eq!(out, reset(1, CANCEL));
    assert!(wire.room() > 0);
    // A reset of the server needs no answer.
    out.clear();
    wire.decode(&reset(3, CANCEL), &mut out, &mut Vec::new()).unwrap();
    assert!(out.is_empty());
}

#[test]
fn longer_frames_are_written_where_the_server_takes_them() {
    let (mut wire, mut out) = (ready(1, &[(FRAME, 30_000)]), Vec::new());
    wire.encode(&request(&vec![0; 40_000]), 0, &mut out);
    let lengths: Vec<_> = parse(&out)[1..].iter().map(|frame| frame.3.len()).collect();
    assert_eq!(lengths, [30_000, 10_000]);
}

#[tokio::test]
async fn wire_and_server_understand_each_other() {
    const REQUESTS: u64 = 1_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (ingest, _watcher) = tailrace_conformance::door();
    let server = serve(listener, ingest, Limits::default(), &Options::default()).unwrap();
    let address = server.addresses()[0];
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let authority = address.to_string();
    let mut wire = Http2Wire::new(&Peer::plain(&authority, None, 64));
    let (mut next, mut out, mut events, mut seen) = (0, Vec::new(), Vec::new(), Vec::new());
    let mut input = vec![0; 1 << 16];
    wire.open(&mut out);
    while seen.len() < REQUESTS as usize {
        while wire.room() > 0 && next < REQUESTS {
            let large = vec![b' '; 300_000];
            let body = match next % 7 {
                0 => &b"full"[..],
                1 if next % 5 == 0 => &large,
                _ => b"{}",
            };
            wire.encode(&request(body), next, &mut out);
            next += 1;
        }
        let (mut reader, mut writer) = stream.split();
        let writing = async {
            writer.write_all(&out).await.unwrap();
        };
        let reading = async { reader.read(&mut input).await.unwrap() };
        let ((), n) = tokio::join!(writing, reading);
        assert!(n > 0);
        out.clear();
        wire.decode(&input[..n], &mut out, &mut events).unwrap();
        seen.extend(events.drain(..).filter(|event| *event != Ready));
    }
    seen.sort_by_key(|event| if let Answer { key, .. } = event { *key } else { 0 });
    for (key, event) in (0..).zip(&seen) {
        assert_eq!(*event, answer(key, if key.is_multiple_of(7) { 503 } else { 202 }));
    }
    let draining = tokio::spawn(server.drain(std::time::Duration::from_secs(5)));
    while !events.contains(&Closing) {
        let n = stream.read(&mut input).await.unwrap();
        wire.decode(&input[..n], &mut out, &mut events).unwrap();
    }
    stream.write_all(&out).await.unwrap();
    while stream.read(&mut input).await.unwrap() > 0 {}
    assert_eq!(wire.close(&mut events), Ok(()));
    assert_eq!(draining.await.unwrap().cut, 0);
}
