//! What it costs to make the cached answers of one name stale: by its tag, by `KEYS` and a
//! pattern, by `SCAN` and the pattern; among N keys of which k are meant. Beside it how long
//! another client had to wait meanwhile. A private Redis; medians, and ratios paired by round: each
//! round does the same work in all three ways, one after the other.
//!
//! The claim under test, often read: "2 ms with tags against 250 ms with KEYS".
//!
//! It is no experiment file: those load pipelines through their doors by a schedule, and here is
//! neither a batch nor a due time. What a pipeline's own invalidation costs shows in their arms
//! with a store.
//!
//! Prints a table in Markdown, in less than three minutes:
//! `cargo bench -p tailrace-backend --bench cache_tags [-- KEYS_MAX]`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use tailrace_backend::{Persistence, PrivateRedis, RedisCache, RedisConfig};
use tailrace_contract::history::{NameFilter, Range};
use tailrace_contract::{About, Cache, CacheKey, Tenant, Touched};

/// Keys in the whole of Redis, unless told otherwise up to the last.
const KEYS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Answers about the name.
const ANSWERS: [usize; 3] = [1, 10, 100];
/// Rounds of each row. One of a million keys takes four seconds, almost all of them SCAN's.
const ROUNDS: usize = 7;
/// Keys of one step of SCAN: ten times the default, or it would take ten times the round trips.
const SCAN_COUNT: usize = 100;
/// Bytes of an answer.
const BODY: &[u8] = &[b'x'; 512];
const PATTERN: &str = "plain:a:cpu:*";
const RANGE: Range = Range { from_ms: 0, to_ms: 1_000 };

/// A private Redis and who asks it.
struct Bench {
    redis: PrivateRedis,
    cache: RedisCache,
    connection: MultiplexedConnection,
}

/// Milliseconds: of the work itself, and the longest that somebody else waited.
type Cost = (f64, f64);

#[tokio::main]
async fn main() {
    let most = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(KEYS[3]);
    println!(
        "Milliseconds of the work (the longest that another client waited); median of {ROUNDS}."
    );
    println!("Ratios are paired by round: median, lowest–highest.\n");
    println!("| keys | k | tags | KEYS | SCAN | KEYS ÷ tags | SCAN ÷ tags |");
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    for keys in KEYS.into_iter().filter(|keys| *keys <= most) {
        let mut bench = Bench::new(keys).await;
        for answers in ANSWERS {
            let mut costs = [Vec::new(), Vec::new(), Vec::new()];
            for _ in 0..ROUNDS {
                costs[0].push(bench.by_tags(answers).await);
                costs[1].push(bench.by_keys(answers).await);
                costs[2].push(bench.by_scan(answers).await);
            }
            let [tags, by_keys, scan] = costs;
            let cells = [&tags, &by_keys, &scan].map(|costs| text(costs)).join(" | ");
            let (by_keys, scan) = (ratio(&by_keys, &tags), ratio(&scan, &tags));
            println!("| {keys} | {answers} | {cells} | {by_keys} | {scan} |");
        }
    }
}

/// In order of size.
fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<_> = values.collect();
    all.sort_by(f64::total_cmp);
    all
}

fn text(costs: &[Cost]) -> String {
    let median = |of: fn(&Cost) -> f64| sorted(costs.iter().map(of))[costs.len() / 2];
    format!("{:.2} ({:.2})", median(|cost| cost.0), median(|cost| cost.1))
}

/// How many times as long as with tags in the same round.
fn ratio(costs: &[Cost], tags: &[Cost]) -> String {
    let all = sorted(costs.iter().zip(tags).map(|(cost, tags)| cost.0 / tags.0));
    let (median, lowest, highest) = (all[all.len() / 2], all[0], all[all.len() - 1]);
    format!("{} ({}–{})", digits(median), digits(lowest), digits(highest))
}

/// Two digits at least, none that mean nothing.
fn digits(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

impl Bench {
    /// With so many keys that are none of the cache's business.
    async fn new(keys: usize) -> Self {
        let redis = PrivateRedis::start(Persistence::None, None).expect("redis-server");
        let cache = RedisCache::new(&RedisConfig::new(redis.url(), "bench")).unwrap();
        let mut connection = connect(&redis).await;
        let all: Vec<_> = (0..keys).collect();
        for some in all.chunks(1_000) {
            let mut pipe = redis::pipe();
            for i in some {
                pipe.cmd("SET").arg(format!("other:{i}")).arg("x").ignore();
            }
            let () = pipe.query_async(&mut connection).await.unwrap();
        }
        Self { redis, cache, connection }
    }

    async fn by_tags(&mut self, answers: usize) -> Cost {
        let tenant = Tenant("a".into());
        let name = Some(NameFilter::Exactly("cpu".into()));
        let about = About { name, range: RANGE };
        for i in 0..answers {
            let question = format!("/v1/metrics?limit={i}").into();
            let key = CacheKey { tenant: tenant.clone(), question };
            let lease = self.cache.look(&key, &about).await.unwrap().lease.unwrap();
            let fresh_for = Duration::from_secs(60);
            self.cache.put(&key, &about, lease, BODY.into(), fresh_for).await.unwrap();
        }
        let touched = Touched { tenant, names: ["cpu".into()].into(), range: RANGE };
        let waiter = Waiter::start(&self.redis).await;
        let began = Instant::now();
        let forgotten = self.cache.forget(touched).await.unwrap();
        let spent = began.elapsed();
        assert_eq!(forgotten as usize, answers);
        waiter.cost(spent).await
    }

    async fn by_keys(&mut self, answers: usize) -> Cost {
        self.fill(answers).await;
        let waiter = Waiter::start(&self.redis).await;
        let began = Instant::now();
        let found: Vec<String> =
            redis::cmd("KEYS").arg(PATTERN).query_async(&mut self.connection).await.unwrap();
        self.unlink(&found).await;
        let spent = began.elapsed();
        assert_eq!(found.len(), answers);
        waiter.cost(spent).await
    }

    async fn by_scan(&mut self, answers: usize) -> Cost {
        self.fill(answers).await;
        let waiter = Waiter::start(&self.redis).await;
        let began = Instant::now();
        let (mut cursor, mut seen) = (0_u64, 0);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(PATTERN).arg("COUNT").arg(SCAN_COUNT);
            let (next, found): (u64, Vec<String>) =
                scan.query_async(&mut self.connection).await.unwrap();
            self.unlink(&found).await;
            seen += found.len();
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let spent = began.elapsed();
        assert_eq!(seen, answers);
        waiter.cost(spent).await
    }

    /// Answers under names that a pattern finds.
    async fn fill(&mut self, answers: usize) {
        let mut pipe = redis::pipe();
        for i in 0..answers {
            pipe.cmd("SET").arg(format!("plain:a:cpu:{i}")).arg(BODY).ignore();
        }
        let () = pipe.query_async(&mut self.connection).await.unwrap();
    }

    async fn unlink(&mut self, keys: &[String]) {
        if !keys.is_empty() {
            let () =
                redis::cmd("UNLINK").arg(keys).query_async(&mut self.connection).await.unwrap();
        }
    }
}

async fn connect(redis: &PrivateRedis) -> MultiplexedConnection {
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let client = redis::Client::open(redis.url()).unwrap();
    client.get_multiplexed_async_connection_with_config(&config).await.unwrap()
}

/// Another client, which asks one small question after the other.
struct Waiter {
    ending: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Duration>,
}

impl Waiter {
    async fn start(redis: &PrivateRedis) -> Self {
        let mut connection = connect(redis).await;
        let ending = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ending);
        let task = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !ended.load(Ordering::Relaxed) {
                let began = Instant::now();
                let () = redis::cmd("PING").query_async(&mut connection).await.unwrap();
                longest = longest.max(began.elapsed());
            }
            longest
        });
        Self { ending, task }
    }

    async fn cost(self, spent: Duration) -> Cost {
        self.ending.store(true, Ordering::Relaxed);
        let waited = self.task.await.unwrap();
        (spent.as_secs_f64() * 1e3, waited.as_secs_f64() * 1e3)
    }
}
