//! What PostgreSQL takes in, and what each index costs: commits by two tasks to a private server,
//! metrics a second, with the server's CPU for each, and that as a part of what the shipped tables
//! cost. Prints a table in Markdown, in about a minute. No criterion: a commit is not repeatable,
//! tables grow.
//!
//! `cargo bench -p tailrace-backend --bench postgres_commit [-- SECONDS]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tailrace_backend::private::{Commits, PrivatePostgres};
use tailrace_backend::store::{PostgresConfig, PostgresStore};
use tailrace_contract::{AttributeValue, Batch, BatchId, Metric, Producer, RunId, Store, Tenant};
use tailrace_sys::proc;
use tokio_postgres::NoTls;

/// Seconds of each row of the table, unless told otherwise.
const SECONDS: u64 = 10;
/// One commits while the other's answer is awaited.
const TASKS: u64 = 2;
/// Batches of one commit, and metrics of each.
const BATCHES: u64 = 64;
const METRICS: u64 = 100;
/// Names of metrics, as a fleet of hosts has them.
const NAMES: u64 = 24;

/// What is changed of the shipped tables, and how it is called.
const VARIANTS: [(&str, &str); 5] = [
    ("as shipped", ""),
    ("no index", "DROP INDEX metrics_name_time; DROP INDEX metrics_batch"),
    ("name and time only", "DROP INDEX metrics_batch"),
    ("batch (BRIN) only", "DROP INDEX metrics_name_time"),
    ("as shipped + time", "CREATE INDEX ON metrics (time_ms)"),
];

#[tokio::main]
async fn main() {
    let seconds = std::env::args().find_map(|word| word.parse().ok());
    let window = Duration::from_secs(seconds.unwrap_or(SECONDS));
    println!("| indexes | metrics/s | server µs/metric | client µs/metric | server ÷ shipped |");
    println!("|---|---:|---:|---:|---:|");
    let mut shipped = None;
    for (name, change) in VARIANTS {
        let server = PrivatePostgres::start(Commits::Synced, None).unwrap();
        let store = PostgresStore::connect(&PostgresConfig::new(server.url())).await.unwrap();
        alter(&server, change).await;
        let (own, theirs) = (cpu_ns(&[std::process::id()]), cpu_ns(&server.pids()));
        let (metrics, spent) = fill(Arc::new(store), window).await;
        let us = |before: u64, pids: &[u32]| {
            cpu_ns(pids).saturating_sub(before) as f64 / 1_000.0 / metrics as f64
        };
        let rate = metrics as f64 / spent.as_secs_f64();
        let (theirs, own) = (us(theirs, &server.pids()), us(own, &[std::process::id()]));
        let part = theirs / *shipped.get_or_insert(theirs);
        println!("| {name} | {rate:.0} | {theirs:.2} | {own:.2} | {part:.2} |");
    }
}

async fn alter(server: &PrivatePostgres, change: &str) {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("SET search_path = tailrace; {change}")).await.unwrap();
}

/// Of all these processes, as far as they still run.
fn cpu_ns(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|&pid| proc::cpu_ns(pid).ok()).sum()
}

/// Commits until the time is over; how many metrics, and how long it took.
async fn fill(store: Arc<PostgresStore>, window: Duration) -> (u64, Duration) {
    let started = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let tasks = (0..TASKS).map(|_| {
        let (store, next) = (store.clone(), next.clone());
        tokio::spawn(async move {
            let mut metrics = 0;
            while started.elapsed() < window {
                let from = next.fetch_add(BATCHES, Ordering::Relaxed);
                let batches = Arc::new((from..from + BATCHES).map(batch).collect());
                metrics += store.commit(batches).await.unwrap().metrics;
            }
            metrics
        })
    });
    let done = futures_util::future::join_all(tasks).await;
    (done.into_iter().map(Result::unwrap).sum(), started.elapsed())
}

fn batch(seq: u64) -> Batch {
    let host = seq % 50;
    let id = BatchId {
        tenant: Tenant::open(),
        run: RunId(7),
        producer: Producer(format!("host-{host}").into()),
        seq,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let text = |text: String| AttributeValue::Text(text.into());
    let metric = |n: u64| Metric {
        name: format!("cpu.user.{}", n % NAMES).into(),
        value: n as f64 * 0.37,
        time_ms: Some(now + n),
        attributes: vec![
            ("host".into(), text(format!("host-{host}"))),
            ("region".into(), text("eu-central".to_owned())),
        ],
    };
    Batch { id, received_ms: now, metrics: (0..METRICS).map(metric).collect() }
}
