//! The pipeline that commits before it answers: it and its PostgreSQL are killed in turn while
//! producers send. There is no stream in which anything could wait: what was acknowledged is in the
//! store at that very moment.

use std::sync::{Arc, Mutex};

use rand_pcg::Pcg32;
use tailrace_backend::private::{Commits, PrivatePostgres};
use tailrace_backend::{PostgresConfig, PostgresStore};
use tailrace_contract::{Audit, Reconciled, Store};
use tailrace_sys::{Signal, send};

use super::pause;
use super::sender::{METRICS, Place, RUN, Senders};
use crate::stage::Server;

/// How each server in turn writes: every way is killed.
const WAYS: [&str; 3] = ["row", "rows", "copy"];

fn serve(postgres: &PrivatePostgres, insert: &str, place: &Place) -> Server {
    let url = postgres.url();
    let server = Server::start("http1-postgres", &["--store", &url, "--insert", insert]);
    *place.lock().expect("the place") = server.ingest;
    server
}

/// What the store holds, asked around the server.
fn stored(postgres: &PrivatePostgres) -> (Audit, Reconciled) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let store = PostgresStore::connect(&PostgresConfig::new(postgres.url())).await;
        let store = store.expect("it runs");
        let audit = store.audit(RUN.parse().expect("a run"), None).await;
        (audit.expect("it answers"), store.reconcile().await.expect("it answers"))
    })
}

#[test]
fn what_commits_first_is_killed_with_its_database_and_has_stored_what_it_acknowledged() {
    let mut random = Pcg32::new(17, 1);
    let mut postgres = PrivatePostgres::start(Commits::Synced, None).expect("a server");
    let place: Place = Arc::new(Mutex::new(([127, 0, 0, 1], 0).into()));
    let [first, others @ ..] = WAYS;
    let mut server = serve(&postgres, first, &place);
    let senders = Senders::start(&place, 3);
    for insert in others {
        pause(&mut random, 200);
        send(server.pid, Signal::Kill).expect("it runs");
        drop(server);
        server = serve(&postgres, insert, &place);
        // Something must get through between two deaths, or the next one proves nothing.
        senders.wait_for_more(20);
        pause(&mut random, 200);
        postgres.kill().expect("it runs");
        postgres.restart().unwrap_or_else(|e| panic!("{e}"));
        senders.wait_for_more(20);
    }
    let sent = senders.stop();
    let (audit, seen) = stored(&postgres);
    let present: Vec<_> = audit.producers.iter().map(|one| one.present.ranges().to_vec()).collect();
    let expected: Vec<_> = sent.0.iter().map(|batches| vec![(0, batches - 1)]).collect();
    assert_eq!(present, expected);
    assert!(audit.producers.iter().all(|one| one.repeated.count() == 0), "twice: {audit:?}");
    let metrics = sent.batches() * METRICS;
    assert_eq!(
        (seen.batches, seen.metrics, seen.metrics_promised),
        (sent.batches(), metrics, metrics)
    );
    assert!(seen.wrong == 0 && seen.rollups > 0 && seen.dead == 0, "{seen:?}");
    println!(
        "killed the server and PostgreSQL {} times; {} batches acknowledged, each stored once",
        2 * others.len(),
        sent.batches()
    );
    drop(server);
}
