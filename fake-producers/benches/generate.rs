//! What a batch costs to make: from a fleet, and from prepared payloads.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tailrace_contract::Producer;
use tailrace_contract::codec::Codec;
use tailrace_producers::{Fleet, FleetConfig, Payloads, Shape};

fn fleet(c: &mut Criterion) {
    for (name, shape) in [("hosts", Shape::Hosts), ("events", Shape::Events)] {
        let config = FleetConfig { shape, ..FleetConfig::default() };
        let mut fleet = Fleet::new(config).expect("the default configuration is valid");
        let mut metrics = Vec::new();
        c.bench_function(&format!("fleet batch, {name}"), |b| {
            b.iter(|| black_box(fleet.next_batch(&mut metrics)));
        });
    }
}

fn payloads(c: &mut Criterion) {
    let producer = Producer("connection-0".into());
    for metrics in [1, 100] {
        let payloads = Payloads::new(1, metrics, 100, Codec::Json).expect("the sizes are valid");
        let (mut seq, mut out) = (0, Vec::new());
        c.bench_function(&format!("payload body, {metrics} metrics"), |b| {
            b.iter(|| {
                out.clear();
                payloads.write_body(&producer, seq, &mut out);
                seq += 1;
                black_box(out.len())
            });
        });
    }
}

criterion_group!(benches, fleet, payloads);
criterion_main!(benches);
