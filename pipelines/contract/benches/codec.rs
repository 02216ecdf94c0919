//! What the door pays for a body, and what writing one costs, in both codecs. Run with
//! `cargo bench -p tailrace-contract`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tailrace_contract::codec::{Codec, decode};
use tailrace_contract::{AttributeValue, Metric, Producer};

const CODECS: [Codec; 2] = [Codec::Json, Codec::Msgpack];
const METRICS: [usize; 3] = [1, 10, 100];

/// Like those of the fake hosts: three words beside a value with all its digits.
fn metrics(count: usize) -> Vec<Metric> {
    let text = |text: &str| AttributeValue::Text(text.into());
    let one = |n: usize| Metric {
        name: "network.rx".into(),
        value: 1e6 / (n as f64 + 3.0),
        time_ms: Some(1_767_225_600_000 + n as u64),
        attributes: vec![
            ("host".into(), text(&format!("host-{n}"))),
            ("region".into(), text("eu-west")),
            ("service".into(), text("checkout")),
        ],
    };
    (0..count).map(one).collect()
}

fn body(codec: Codec, metrics: &[Metric]) -> Vec<u8> {
    let mut body = Vec::new();
    codec.encode_batch(&Producer("g0".into()), 12_345, metrics, &mut body);
    body
}

fn codecs(c: &mut Criterion) {
    for count in METRICS {
        let metrics = metrics(count);
        let mut group = c.benchmark_group("decode and validate");
        group.throughput(Throughput::Elements(count as u64));
        for codec in CODECS {
            let body = body(codec, &metrics);
            let id = BenchmarkId::new(format!("{codec:?}, {} bytes", body.len()), count);
            group.bench_function(id, |b| b.iter(|| decode(black_box(&body)).is_ok()));
        }
        group.finish();
        let mut group = c.benchmark_group("encode");
        group.throughput(Throughput::Elements(count as u64));
        for codec in CODECS {
            let id = BenchmarkId::new(format!("{codec:?}"), count);
            group.bench_function(id, |b| b.iter(|| body(codec, black_box(&metrics)).len()));
        }
        group.finish();
    }
}

criterion_group!(benches, codecs);
criterion_main!(benches);
