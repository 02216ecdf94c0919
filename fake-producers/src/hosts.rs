//! The shape of hosts: each reports six metrics a tick. One load drives them all, so CPU,
//! network and disk rise together; memory follows slowly; disks fill and are cleaned up.
//! Counters that only grow are not made: all values are levels or rates.

use rand_pcg::Pcg32;
use tailrace_contract::{AttributeValue, Metric, SmolStr};

use crate::series::{Noise, between, daily, generator, keep, pick};

/// Names of the six metrics, in the order of a batch.
pub const HOST_METRICS: [&str; 6] =
    ["cpu.usage", "memory.used", "disk.usage", "disk.io", "network.rx", "network.tx"];

/// Region and hours ahead of UTC: each has its evening at another time.
pub(crate) const REGIONS: [(&str, u64); 5] = [
    ("us-west-2", 16),
    ("us-east-1", 19),
    ("eu-central-1", 1),
    ("ap-south-1", 5),
    ("ap-northeast-1", 9),
];

/// Role, and how much CPU, memory, disk and network it takes at full load (shares).
const ROLES: [(&str, [f64; 4]); 5] = [
    ("web", [0.70, 0.45, 0.10, 0.60]),
    ("api", [0.80, 0.50, 0.15, 0.45]),
    ("database", [0.55, 0.85, 0.70, 0.30]),
    ("cache", [0.35, 0.90, 0.05, 0.75]),
    ("batch", [0.90, 0.60, 0.45, 0.20]),
];

/// Memory sizes in bytes, the usual ones.
const MEMORY_BYTES: [f64; 4] = [8e9, 16e9, 32e9, 64e9];
/// What a solid-state disk moves in bytes per second.
const DISK_BYTES_PER_S_MAX: f64 = 500e6;
/// What a 10 Gbit/s network card moves in bytes per second.
const NETWORK_BYTES_PER_S_MAX: f64 = 1.25e9;
/// A disk is cleaned up when it is this full, in percent.
const DISK_CLEANED_AT: f64 = 88.0;

/// One host: a few numbers, however long it runs.
#[derive(Debug)]
pub(crate) struct Host {
    rng: Pcg32,
    labels: [(&'static str, SmolStr); 3],
    hours_ahead: u64,
    weights: [f64; 4],
    busy: f64,
    memory_bytes: f64,
    memory_share: f64,
    memory_keep: f64,
    disk_usage: f64,
    disk_step: f64,
    noise: Sources,
}

/// The shared noise of the load, and what each quantity adds of its own.
#[derive(Debug)]
struct Sources {
    load: Noise,
    cpu: Noise,
    disk: Noise,
    network: Noise,
}

/// What one tick is generated for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
    /// How many times as hard the host works: 1, or more in a spike.
    pub(crate) boost: f64,
}

impl Host {
    /// The host's nature follows from seed and index; `step_s` is the time between ticks.
    pub(crate) fn new(seed: u64, index: u64, name: &str, step_s: f64) -> Self {
        let mut rng = generator(seed, index);
        let (region, hours_ahead) = pick(&mut rng, &REGIONS);
        let (role, weights) = pick(&mut rng, &ROLES);
        Self {
            labels: [("host", name.into()), ("region", region.into()), ("role", role.into())],
            hours_ahead,
            weights,
            busy: between(&mut rng, 0.5, 1.0),
            memory_bytes: pick(&mut rng, &MEMORY_BYTES),
            memory_share: between(&mut rng, 0.3, 0.6),
            memory_keep: keep(step_s, 600.0),
            disk_usage: between(&mut rng, 20.0, DISK_CLEANED_AT),
            // From empty to cleaned up in one to four days.
            disk_step: between(&mut rng, 0.25, 1.0) * step_s / 1_000.0,
            noise: Sources {
                load: Noise::new(0.08, 60.0, step_s),
                cpu: Noise::new(0.03, 10.0, step_s),
                disk: Noise::new(0.06, 20.0, step_s),
                network: Noise::new(0.04, 10.0, step_s),
            },
            rng,
        }
    }

    /// Appends the metrics of one tick.
    pub(crate) fn tick(&mut self, moment: Moment, out: &mut Vec<Metric>) {
        let values = self.values(moment);
        for (name, value) in HOST_METRICS.into_iter().zip(values) {
            out.push(Metric {
                name: name.into(),
                value,
                time_ms: Some(moment.time_ms),
                attributes: self.attributes(),
            });
        }
    }

    /// In the order of [`HOST_METRICS`].
    fn values(&mut self, moment: Moment) -> [f64; 6] {
        let load = self.load(moment);
        let [cpu, memory, disk, network] = self.weights;
        let cpu_share = share(0.02 + cpu * load + self.noise.cpu.next(&mut self.rng));
        let memory_target = 0.15 + 0.75 * memory * load.min(1.0);
        self.memory_share += (1.0 - self.memory_keep) * (memory_target - self.memory_share);
        let disk_io = share(disk * load * 0.5 + self.noise.disk.next(&mut self.rng) * disk);
        let rx = share(network * load * 0.4 * (1.0 + self.noise.network.next(&mut self.rng)));
        let tx = share(rx * (0.6 + network) * (1.0 + self.noise.network.next(&mut self.rng)));
        [
            percent(cpu_share * 100.0),
            (share(self.memory_share) * self.memory_bytes).round(),
            percent(self.fill_disk(load)),
            (disk_io * DISK_BYTES_PER_S_MAX).round(),
            (rx * NETWORK_BYTES_PER_S_MAX).round(),
            (tx * NETWORK_BYTES_PER_S_MAX).round(),
        ]
    }

    /// What drives all metrics: usually 0 to 1, more in a spike.
    fn load(&mut self, moment: Moment) -> f64 {
        let day = daily(moment.time_ms, self.hours_ahead);
        let calm = self.busy * day + self.noise.load.next(&mut self.rng);
        calm.max(0.01) * moment.boost
    }

    fn fill_disk(&mut self, load: f64) -> f64 {
        self.disk_usage += self.disk_step * load.min(1.0);
        if self.disk_usage >= DISK_CLEANED_AT {
            self.disk_usage = between(&mut self.rng, 20.0, 40.0);
        }
        self.disk_usage
    }

    fn attributes(&self) -> Vec<(SmolStr, AttributeValue)> {
        let text = |(key, value): &(&str, SmolStr)| {
            (SmolStr::from(*key), AttributeValue::Text(value.clone()))
        };
        self.labels.iter().map(text).collect()
    }
}

/// Nothing is less than idle nor more than all.
fn share(value: f64) -> f64 {
    value.clamp(0.0, 1.0)
}

/// Two decimals are what monitoring agents report.
fn percent(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH_MS: u64 = crate::fleet::EPOCH_MS;

    fn series(boost: f64, step_s: u64, ticks: u64) -> Vec<[f64; 6]> {
        let mut host = Host::new(5, 1, "host-1", step_s as f64);
        let at = |tick| Moment { time_ms: EPOCH_MS + tick * step_s * 1_000, boost };
        (0..ticks).map(|tick| host.values(at(tick))).collect()
    }

    fn correlation(series: &[[f64; 6]], a: usize, b: usize) -> f64 {
        let mean = |i: usize| series.iter().map(|v| v[i]).sum::<f64>() / series.len() as f64;
        let (ma, mb) = (mean(a), mean(b));
        let product = |i: usize, mi: f64, j: usize, mj: f64| {
            series.iter().map(|v| (v[i] - mi) * (v[j] - mj)).sum::<f64>()
        };
        product(a, ma, b, mb) / (product(a, ma, a, ma) * product(b, mb, b, mb)).sqrt()
    }

    #[test]
    fn values_stay_in_range_through_days_and_spikes() {
        for boost in [1.0, 3.0, 100.0] {
            for index in 0..40 {
                let mut host = Host::new(1, index, "h", 60.0);
                for tick in 0..3 * 24 * 60 {
                    let time_ms = EPOCH_MS + tick * 60_000;
                    let [cpu, memory, disk, io, rx, tx] = host.values(Moment { time_ms, boost });
                    assert!((0.0..=100.0).contains(&cpu), "cpu {cpu}");
                    assert!((0.0..=host.memory_bytes).contains(&memory), "memory {memory}");
                    assert!((0.0..=100.0).contains(&disk), "disk {disk}");
                    assert!((0.0..=DISK_BYTES_PER_S_MAX).contains(&io), "io {io}");
                    assert!((0.0..=NETWORK_BYTES_PER_S_MAX).contains(&rx), "rx {rx}");
                    assert!((0.0..=NETWORK_BYTES_PER_S_MAX).contains(&tx), "tx {tx}");
                }
            }
        }
    }

    #[test]
    fn the_metrics_of_a_host_move_together() {
        let day = series(1.0, 60, 24 * 60);
        let [cpu, memory, rx, tx] = [0, 1, 4, 5];
        assert!(correlation(&day, cpu, rx) > 0.8, "{}", correlation(&day, cpu, rx));
        assert!(correlation(&day, rx, tx) > 0.8);
        assert!(correlation(&day, cpu, memory) > 0.5, "{}", correlation(&day, cpu, memory));
    }

    #[test]
    fn neighbours_in_time_are_near_in_value() {
        let minutes = series(1.0, 1, 3_000);
        let step = |w: &[[f64; 6]]| (w[1][0] - w[0][0]).abs();
        let near = minutes.windows(2).map(step).sum::<f64>() / 3_000.0;
        let lowest = minutes.iter().map(|v| v[0]).fold(f64::INFINITY, f64::min);
        let highest = minutes.iter().map(|v| v[0]).fold(0.0, f64::max);
        assert!(near < (highest - lowest) / 10.0, "{near} of {lowest} to {highest}");
    }

    #[test]
    fn a_spike_raises_all_that_follows_the_load() {
        let mean = |series: &[[f64; 6]], i: usize| series.iter().map(|v| v[i]).sum::<f64>();
        let (calm, spike) = (series(1.0, 1, 600), series(3.0, 1, 600));
        for metric in [0, 1, 3, 4, 5] {
            let (calm, spike) = (mean(&calm, metric), mean(&spike, metric));
            assert!(spike > calm * 1.05, "{}: {calm} {spike}", HOST_METRICS[metric]);
        }
    }
}
