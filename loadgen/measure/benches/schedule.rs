//! What the next due time costs.

use criterion::{Criterion, criterion_group, criterion_main};
use tailrace_measure::record::{Arrivals, Load};
use tailrace_measure::schedule::Schedule;

fn next_ns(criterion: &mut Criterion) {
    let shapes = [
        ("constant", Arrivals::Constant),
        ("poisson", Arrivals::Poisson),
        ("ramp", Arrivals::Ramp { from: 1.0, to: 3.0 }),
        ("on-off", Arrivals::OnOff { on_ms: 200, off_ms: 800 }),
    ];
    for (name, arrivals) in shapes {
        let load = Load {
            slug: name.into(),
            label: name.into(),
            rate_per_s: 20_000.0,
            arrivals,
            warm_up_ms: 0,
            window_ms: 10_000,
            timeout_ms: 1_000,
            in_flight_max: 1,
            feed_one_in: None,
            crowd: None,
            spin: false,
        };
        let mut schedule = Schedule::new(&load, 1);
        criterion.bench_function(&format!("schedule next_ns {name}"), |bench| {
            bench.iter(|| schedule.next_ns());
        });
    }
}

criterion_group!(benches, next_ns);
criterion_main!(benches);
