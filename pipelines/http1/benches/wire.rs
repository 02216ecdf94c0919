//! What the client half costs: one request written, one answer read, sixteen answers read
//! from one piece. Run with `cargo bench -p tailrace-http1`.

use std::hint::black_box;
use std::sync::LazyLock;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tailrace_contract::{Request, Wire};
use tailrace_http1::Http1Wire;

const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 14\r\ndate: Sat, 21 Nov 2026 01:00:00 GMT\r\n\r\n{\"accepted\":1}";
const DEPTH: usize = 16;

static HEADERS: LazyLock<[(String, String); 2]> = LazyLock::new(|| {
    [
        ("content-type".into(), "application/json".into()),
        ("tailrace-run".into(), "00f0000000000000000000000000000a".into()),
    ]
});

fn request(body: &[u8]) -> Request<'_> {
    Request { method: "POST", target: "/v1/ingest", headers: &*HEADERS, body }
}

fn wire_with_requests(count: u64) -> Http1Wire {
    let mut wire = Http1Wire::new("127.0.0.1:8080", DEPTH);
    let mut out = Vec::new();
    (0..count).for_each(|key| wire.encode(&request(b"{}"), key, &mut out));
    wire
}

fn encode(c: &mut Criterion) {
    let body = [b'x'; 200];
    let mut out = Vec::with_capacity(DEPTH * 1024);
    let mut group = c.benchmark_group("http1 wire");
    group.throughput(Throughput::Elements(DEPTH as u64));
    group.bench_function("encode 16 requests of 200 bytes", |b| {
        b.iter_batched_ref(
            || wire_with_requests(0),
            |wire| {
                out.clear();
                (0..DEPTH as u64).for_each(|key| wire.encode(&request(&body), key, &mut out));
                black_box(out.len())
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    let answers = ANSWER.repeat(DEPTH);
    let (mut out, mut events) = (Vec::new(), Vec::with_capacity(DEPTH));
    let mut group = c.benchmark_group("http1 wire");
    group.throughput(Throughput::Elements(DEPTH as u64));
    group.bench_function("decode 16 answers in one piece", |b| {
        b.iter_batched_ref(
            || wire_with_requests(DEPTH as u64),
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
