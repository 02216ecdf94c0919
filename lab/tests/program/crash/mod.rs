//! Everything between an acknowledgement and history is killed, again and again, while producers
//! send: workers, the server, Redis with an append-only file that is synced before it answers,
//! PostgreSQL. Afterwards every acknowledged batch is in the store, none twice, and the rollups are
//! the sums of the rows. The moments of the kills are drawn from a seed; what happens to be under
//! way then is not, which is the point. What happens while one of them only stands still is in
//! `outage.rs`.

mod direct;
mod outage;
mod sender;
mod stage;

use std::time::Duration;

use rand_core::Rng;
use rand_pcg::Pcg32;
use tailrace_backend::Persistence;

use self::stage::{Stage, StoreKind};

/// Kills of workers in a row.
const WORKER_KILLS: u32 = 200;
/// Kills of everything else, in turn.
const OTHER_KILLS: u32 = 9;
/// A worker lives at most so long before it is killed: several commits, and sometimes none.
const LIFE_MS_MAX: u32 = 60;

/// A number below `limit`.
fn below(random: &mut Pcg32, limit: u32) -> u32 {
    random.next_u32() % limit
}

fn pause(random: &mut Pcg32, most_ms: u32) {
    std::thread::sleep(Duration::from_millis(below(random, most_ms).into()));
}

#[test]
fn two_hundred_killed_workers_lose_nothing_and_store_nothing_twice() {
    let mut random = Pcg32::new(200, 1);
    let stage = Stage::new(StoreKind::Sqlite, Persistence::None);
    let senders = stage.send(3);
    for _ in 0..WORKER_KILLS {
        let worker = stage.worker();
        pause(&mut random, LIFE_MS_MAX);
        worker.kill();
    }
    let sent = senders.stop();
    let last = stage.worker();
    stage.check_whole(&sent);
    println!(
        "killed {WORKER_KILLS} workers; {} batches acknowledged, each stored once",
        sent.batches()
    );
    last.end();
}

#[test]
fn servers_redis_and_postgres_are_killed_in_turn_and_nothing_acknowledged_is_lost() {
    let mut random = Pcg32::new(9, 1);
    let mut stage = Stage::new(StoreKind::Postgres, Persistence::Always);
    let worker = stage.worker();
    let senders = stage.send(3);
    for kill in 0..OTHER_KILLS {
        pause(&mut random, 300);
        match kill % 3 {
            0 => stage.kill_server(),
            1 => stage.kill_redis(),
            _ => stage.kill_postgres(),
        }
        // Something must get through between two deaths, or the next one proves nothing.
        senders.wait_for_more(20);
    }
    let sent = senders.stop();
    stage.check_whole(&sent);
    println!(
        "killed the server, Redis and PostgreSQL {OTHER_KILLS} times; {} batches acknowledged, \
         each stored once",
        sent.batches()
    );
    worker.end();
}
