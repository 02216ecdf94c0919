//! What the client half costs: sixteen requests written, sixteen answers read from one piece.
//! Run with `cargo bench -p tailrace-http2`.

use std::hint::black_box;
use std::sync::LazyLock;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tailrace_contract::{Peer, Request, Wire};
use tailrace_http2::Http2Wire;

/// Settings without any: enough to begin.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
/// A head as our server writes it, and a body.
const HEAD: &[u8] = b"\x08\x82\x10\x05\x0f\x10\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x74\x41\xea";
const BODY: &[u8] = b"{\"accepted\":1}";
const COUNT: u32 = 16;

static HEADERS: LazyLock<[(String, String); 2]> = LazyLock::new(|| {
    [
        ("content-type".into(), "application/json".into()),
        ("tailrace-run".into(), "00f0000000000000000000000000000a".into()),
    ]
});

fn request(body: &[u8]) -> Request<'_> {
    Request { method: "POST", target: "/v1/ingest", headers: &*HEADERS, body }
}

fn open_wire(requests: u32) -> Http2Wire {
    let mut wire = Http2Wire::new(&Peer::plain("127.0.0.1:8080", None, COUNT as usize));
    let mut out = Vec::new();
    wire.open(&mut out);
    wire.decode(SETTINGS, &mut out, &mut Vec::new()).unwrap();
    (0..requests).for_each(|key| wire.encode(&request(b"{}"), key.into(), &mut out));
    wire
}

fn answers() -> Vec<u8> {
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let head = [0, 0, payload.len() as u8, kind, flags];
        [&head[..], &stream.to_be_bytes(), payload].concat()
    };
    let answer = |n: u32| [frame(1, 4, 2 * n + 1, HEAD), frame(0, 1, 2 * n + 1, BODY)].concat();
    (0..COUNT).flat_map(answer).collect()
}

fn encode(c: &mut Criterion) {
    let body = [b'x'; 200];
    let mut out = Vec::with_capacity(1 << 14);
    let mut group = c.benchmark_group("http2 wire");
    group.throughput(Throughput::Elements(COUNT.into()));
    group.bench_function("encode 16 requests of 200 bytes", |b| {
        b.iter_batched_ref(
            || open_wire(0),
            |wire| {
                out.clear();
                (0..COUNT).for_each(|key| wire.encode(&request(&body), key.into(), &mut out));
                black_box(out.len())
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    let answers = answers();
    let (mut out, mut events) = (Vec::new(), Vec::with_capacity(COUNT as usize));
    let mut group = c.benchmark_group("http2 wire");
    group.throughput(Throughput::Elements(COUNT.into()));
    group.bench_function("decode 16 answers in one piece", |b| {
        b.iter_batched_ref(
            || open_wire(COUNT),
            |wire| {
                events.clear();
                wire.decode(&answers, &mut out, &mut events).unwrap();
                black_box(events.len())
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);
