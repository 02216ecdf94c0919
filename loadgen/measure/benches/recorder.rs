//! What it costs to record one acknowledged batch: four histogram values, outcomes and timeline.

use criterion::{Criterion, criterion_group, criterion_main};
use tailrace_measure::clock::Stamp;
use tailrace_measure::recorder::{Recorder, Stamps, Window};

const MS: u64 = 1_000_000;

fn acked(criterion: &mut Criterion) {
    let window = Window { start: Stamp(0), end: Stamp(10_000 * MS) };
    let mut recorder = Recorder::new(window, 1_000 * MS);
    let mut index = 0_u64;
    criterion.bench_function("recorder acked", |bench| {
        bench.iter(|| {
            index += 1;
            // Spread over the window and over two decades of latency, as in a run.
            let intended = Stamp(index * 50_000 % (10_000 * MS));
            let released = intended.plus(4_000 + index % 8_000);
            let sent = released.plus(1_000);
            let acked = sent.plus(40_000 + index * 7_919 % 4_000_000);
            recorder.acked(&Stamps { intended, released, sent, acked });
        });
    });
}

criterion_group!(benches, acked);
criterion_main!(benches);
