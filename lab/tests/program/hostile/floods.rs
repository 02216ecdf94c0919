//! Floods of HTTP/2 frames against the real program, from many connections at once: its memory
//! stays bounded, and a client that behaves is served all the while. Which frames end a
//! connection, and why, is tested beside the transport; here nobody looks at the answers.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use serde_json::json;

use crate::foreign_clients::curl_post_over;
use crate::stage::{PATIENCE, Server};

/// Connections that flood at once.
const FLOODERS: usize = 8;
/// Bytes that each sends, unless the server ends it before. Far more than the most that may be
/// taken: streams until too many had to be refused (1,280, of at most 81 kB), what is thrown away
/// so that the client can read why (24 MiB), what waits in the kernel (36 MiB where its buffers
/// may grow). Mostly the end comes much sooner.
const FLOOD_BYTES: usize = 256 << 20;
/// Resident memory may grow by so much: freed memory stays with the allocator, but not what all
/// floods together sent.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}

/// A request's head, with everything in plain letters.
fn head(stream: u32) -> Vec<u8> {
    let mut block = b"\x83\x86\x44\x0a/v1/ingest".to_vec();
    block.extend_from_slice(b"\x00\x0a:authority\x01t");
    frame(1, 4, stream, &block)
}

/// One stream's part of a flood.
type Flood = fn(u32) -> Vec<u8>;

const FLOODS: [(&str, Flood); 7] = [
    ("rapid resets", |id| [head(id), frame(3, 0, id, &[0, 0, 0, 8])].concat()),
    ("resets behind the body", |id| {
        let body = br#"{"name":"flood","value":1}"#;
        [head(id), frame(0, 1, id, body), frame(3, 0, id, &[0, 0, 0, 8])].concat()
    }),
    ("settings", |_| frame(4, 0, 0, &[0, 3, 0, 0, 0, 1])),
    ("pings", |_| frame(6, 0, 0, &[7; 8])),
    ("streams without end", head),
    // On all streams together more than one connection may have here.
    ("bodies without end", |id| [head(id), frame(0, 0, id, &[b' '; 16_384]).repeat(5)].concat()),
    ("a head without end", |id| {
        let first = if id == 1 { frame(1, 0, 1, b"\x83\x86") } else { Vec::new() };
        [first, frame(9, 0, 1, &[])].concat()
    }),
];

/// Floods until all is sent or the server has had enough. Returns how much it took.
fn flood(ingest: SocketAddr, each: Flood) -> usize {
    let mut stream = TcpStream::connect(ingest).expect("the server accepts");
    // A server that neither takes nor ends it fails the test by what was taken.
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // No window: nothing of what the server says is taken either.
    bytes.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    let (mut taken, mut id) = (0, 1);
    while taken < FLOOD_BYTES {
        while bytes.len() < 64 << 10 {
            bytes.extend(each(id));
            id += 2;
        }
        if stream.write_all(&bytes).is_err() {
            break;
        }
        taken += bytes.len();
        bytes.clear();
    }
    taken
}

#[test]
fn floods_of_frames_leave_memory_bounded_and_others_served() {
    let server = Server::start("http2-memory", &[]);
    let good = |seq: usize| {
        let batch = json!({"producer": "good", "seq": seq,
            "metrics": [{"name": "good", "value": 1}]});
        let (_, status, answer) =
            curl_post_over(&["--http2-prior-knowledge"], server.ingest, &batch);
        assert_eq!(status, "202", "{answer}");
    };
    good(0);
    let before = server.rss_bytes();
    for (round, (name, each)) in FLOODS.into_iter().enumerate() {
        let most = std::thread::scope(|scope| {
            let flooders: Vec<_> =
                (0..FLOODERS).map(|_| scope.spawn(|| flood(server.ingest, each))).collect();
            good(2 * round + 1);
            let taken = flooders.into_iter().map(|flooder| flooder.join().expect(name));
            taken.max().unwrap_or(0)
        });
        good(2 * round + 2);
        let growth = server.rss_bytes().saturating_sub(before);
        assert!(growth < GROWTH_BYTES_MAX, "{name}: grew by {growth} bytes");
        assert!(most < FLOOD_BYTES, "{name}: a flood of {most} bytes was taken to its end");
    }
    assert_eq!(server.aggregate("good")["count"], 2 * FLOODS.len() + 1);
    assert!(server.end().success());
}
