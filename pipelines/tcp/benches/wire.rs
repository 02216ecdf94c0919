//! What the client half costs: sixteen frames written, sixteen answers read from one piece.
//! Run with `cargo bench -p tailrace-tcp`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tailrace_contract::{Request, Wire};
use tailrace_tcp::TcpWire;

const COUNT: u64 = 16;
const BODY: [u8; 200] = [b'x'; 200];

fn request() -> Request<'static> {
    Request { method: "POST", target: "/", headers: &[], body: &BODY }
}

fn wire_with_requests(requests: u64) -> TcpWire {
    let (mut wire, mut out) = (TcpWire::new(COUNT as usize), Vec::new());
    (0..requests).for_each(|key| wire.encode(&request(), key, &mut out));
    wire
}

fn encode(c: &mut Criterion) {
    let mut out = Vec::with_capacity(1 << 14);
    let mut group = c.benchmark_group("tcp wire");
    group.throughput(Throughput::Elements(COUNT));
    group.bench_function("encode 16 frames of 200 bytes", |b| {
        b.iter_batched_ref(
            || wire_with_requests(0),
            |wire| {
                out.clear();
                (0..COUNT).for_each(|key| wire.encode(&request(), key, &mut out));
                black_box(out.len())
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    let answers = [0, 0, 0, 4, 0, 0, 0, BODY.len() as u8].repeat(COUNT as usize);
    let (mut out, mut events) = (Vec::new(), Vec::with_capacity(COUNT as usize));
    let mut group = c.benchmark_group("tcp wire");
    group.throughput(Throughput::Elements(COUNT));
    group.bench_function("decode 16 answers in one piece", |b| {
        b.iter_batched_ref(
            || wire_with_requests(COUNT),
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
