//! What the client half costs: sixteen messages written, sixteen answers read from one
//! piece. Run with `cargo bench -p tailrace-ws`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tailrace_contract::{Request, Wire};
use tailrace_ws::WsWire;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const ANSWER: &[u8] = b"\x81\x19{\"seq\":1234,\"accepted\":1}";
const COUNT: u64 = 16;

fn request(body: &[u8]) -> Request<'_> {
    Request { method: "POST", target: "/v1/ingest", headers: &[], body }
}

fn open_wire(requests: u64) -> WsWire {
    let mut wire = WsWire::new("127.0.0.1:8080", "/v1/ingest", None, COUNT as usize);
    let mut out = Vec::new();
    wire.open(&mut out);
    let head = String::from_utf8(out.clone()).unwrap();
    let key = head.split("sec-websocket-key: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!("HTTP/1.1 101 X\r\nsec-websocket-accept: {accept}\r\n\r\n");
    wire.decode(answer.as_bytes(), &mut out, &mut Vec::new()).unwrap();
    (0..requests).for_each(|key| wire.encode(&request(b"{}"), key, &mut out));
    wire
}

fn encode(c: &mut Criterion) {
    let body = [b'x'; 200];
    let mut out = Vec::with_capacity(1 << 14);
    let mut group = c.benchmark_group("ws wire");
    group.throughput(Throughput::Elements(COUNT));
    group.bench_function("encode 16 messages of 200 bytes", |b| {
        b.iter_batched_ref(
            || open_wire(0),
            |wire| {
                out.clear();
                (0..COUNT).for_each(|key| wire.encode(&request(&body), key, &mut out));
                black_box(out.len())
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    // The length byte must fit the text behind it.
    assert_eq!(ANSWER.len(), 2 + usize::from(ANSWER[1]));
    let answers = ANSWER.repeat(COUNT as usize);
    let (mut out, mut events) = (Vec::new(), Vec::with_capacity(COUNT as usize));
    let mut group = c.benchmark_group("ws wire");
    group.throughput(Throughput::Elements(COUNT));
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
