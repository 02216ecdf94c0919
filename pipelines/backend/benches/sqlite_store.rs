//! What a row costs in SQLite, and each index of it. Prints a table in Markdown: rows a second, CPU
//! time a row of the whole process, bytes of the file a row, and the last two as parts of what the
//! shipped tables cost with batches as large. The store is the real one; for the lines without
//! an index, that index is dropped from its file first.
//!
//! Wall time holds the disk's syncs, so it says something about this disk; CPU time does not.
//!
//! `cargo bench -p tailrace-backend --bench sqlite_store`, less than a minute

use std::sync::Arc;
use std::time::Instant;

use tailrace_backend::SqliteStore;
use tailrace_contract::{AttributeValue, Batch, BatchId, Metric, Producer, RunId, Store, Tenant};

/// Metrics that one call of `commit` holds: what a worker gathers under load.
const CALL_METRICS: usize = 2_000;
/// Rows of one line of the table.
const ROWS: usize = 200_000;
/// Metrics that one host reports: names repeat as those of a fleet do.
const NAMES: [&str; 6] = [
    "cpu.user",
    "cpu.system",
    "memory.used",
    "disk.read_bytes",
    "network.received_bytes",
    "network.sent_bytes",
];
const HOSTS: usize = 500;
/// 2026-01-01 00:00 UTC.
const EPOCH_MS: u64 = 1_767_225_600_000;

fn batch(seq: usize, metrics: usize) -> Batch {
    let host = seq % HOSTS;
    let id = BatchId {
        tenant: Tenant::open(),
        run: RunId(7),
        producer: Producer(format!("host-{host:04}").into()),
        seq: (seq / HOSTS) as u64,
    };
    let time_ms = EPOCH_MS + (seq * metrics / NAMES.len() * 1_000 / HOSTS) as u64;
    let metric = |n: usize| Metric {
        name: NAMES[n % NAMES.len()].into(),
        value: (seq * 31 + n * 7) as f64 / 10.0,
        time_ms: Some(time_ms + n as u64),
        attributes: vec![
            ("host".into(), AttributeValue::Text(format!("host-{host:04}").into())),
            ("region".into(), AttributeValue::Text("eu-central".into())),
        ],
    };
    Batch { id, received_ms: time_ms, metrics: (0..metrics).map(metric).collect() }
}

fn main() {
    println!(
        "| batches of | indexes | rows/s | CPU µs/row | bytes/row | CPU ÷ shipped | bytes ÷ shipped |"
    );
    println!("|---:|---|---:|---:|---:|---:|---:|");
    let mut shipped = None;
    for (metrics, without) in [
        (1, &[][..]),
        (500, &[]),
        (100, &[]),
        (100, &["metrics_by_time"]),
        (100, &["metrics_by_name"]),
        (100, &["metrics_by_time", "metrics_by_name"]),
    ] {
        let cost = measure(metrics, without);
        if metrics == 100 && without.is_empty() {
            shipped = Some(cost);
        }
        print(metrics, without, (cost, shipped));
    }
}

/// What a row cost.
#[derive(Clone, Copy)]
struct Cost {
    rows_per_s: f64,
    cpu_us: f64,
    bytes: f64,
}

fn print(metrics: usize, without: &[&str], (cost, shipped): (Cost, Option<Cost>)) {
    let indexes = match without {
        [] => "as shipped: both".into(),
        [_, _] => "none".into(),
        names => format!("without `{}`", names.join("`, `")),
    };
    let Cost { rows_per_s, cpu_us, bytes } = cost;
    let part = |of: fn(Cost) -> f64| {
        shipped.map_or("–".into(), |shipped| format!("{:.2}", of(cost) / of(shipped)))
    };
    let (cpu_part, bytes_part) = (part(|cost| cost.cpu_us), part(|cost| cost.bytes));
    println!(
        "| {metrics} | {indexes} | {rows_per_s:.0} | {cpu_us:.2} | {bytes:.0} | {cpu_part} | \
         {bytes_part} |"
    );
}

fn measure(metrics: usize, without: &[&str]) -> Cost {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    drop(SqliteStore::open(&path).expect("a new store"));
    let file = rusqlite::Connection::open(&path).expect("its file");
    for index in without {
        file.execute_batch(&format!("drop index {index}")).expect("an index of that name");
    }
    drop(file);
    let store = SqliteStore::open(&path).expect("the store again");
    let batches_a_call = (CALL_METRICS / metrics).max(1);
    let calls: Vec<_> = (0..ROWS / metrics)
        .map(|seq| batch(seq, metrics))
        .collect::<Vec<_>>()
        .chunks(batches_a_call)
        .map(|call| Arc::new(call.to_vec()))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let cpu = || tailrace_sys::proc::cpu_ns(std::process::id()).expect("CPU time of this process");
    let (start, cpu_before) = (Instant::now(), cpu());
    let stored: u64 = runtime.block_on(async {
        let mut stored = 0;
        for call in calls {
            stored += store.commit(call).await.expect("a commit").metrics;
        }
        stored
    });
    let (seconds, cpu_ns) = (start.elapsed().as_secs_f64(), cpu() - cpu_before);
    drop(store);
    let bytes = std::fs::metadata(&path).expect("the file").len();
    let rows = stored as f64;
    Cost {
        rows_per_s: rows / seconds,
        cpu_us: cpu_ns as f64 / 1e3 / rows,
        bytes: bytes as f64 / rows,
    }
}
