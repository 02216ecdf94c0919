//! What the next due time costs.

use criterion::{Criterion, criterion_group, criterion_main};
use tailrace_measure::record::Arrivals;
use tailrace_measure::schedule::Schedule;

fn next_ns(criterion: &mut Criterion) {
    for (name, arrivals) in [("constant", Arrivals::Constant), ("poisson", Arrivals::Poisson)] {
        let mut schedule = Schedule::new(arrivals, 20_000.0, 1);
        criterion.bench_function(&format!("schedule next_ns {name}"), |bench| {
            bench.iter(|| schedule.next_ns());
        });
    }
}

criterion_group!(benches, next_ns);
criterion_main!(benches);
