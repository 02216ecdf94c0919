//! The suite on a real pipeline, whole and broken: a suite that passes everything is worth
//! nothing. The program runs it on every pipeline of its registry.

mod served;

use served::{Fault, Transport, serve};
use tailrace_conformance::{CASES, run};

/// Runs every case on a fresh pipeline; the names and faults of those that failed.
async fn failures(transport: Transport) -> Vec<(&'static str, String)> {
    let mut failed = Vec::new();
    for (name, case) in CASES {
        let subject = serve(transport, Fault::None).await.unwrap();
        if let Err(seen) = run(*case, &subject).await {
            failed.push((*name, format!("{seen:#}")));
        }
    }
    failed
}

/// Runs these cases on a pipeline that breaks a rule; each must notice it.
async fn check(fault: Fault, noticed_by: &[&str]) {
    for noticing in noticed_by {
        let (_, case) = CASES.iter().find(|(name, _)| name == noticing).unwrap();
        let subject = serve(Transport::Http1(16), fault).await.unwrap();
        assert!(run(*case, &subject).await.is_err(), "{noticing} did not notice {fault:?}");
    }
}

#[tokio::test]
async fn http1_memory_conforms_one_request_at_a_time() {
    assert_eq!(failures(Transport::Http1(1)).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http1_memory_conforms_pipelined() {
    assert_eq!(failures(Transport::Http1(16)).await, []);
}

#[tokio::test]
async fn ws_memory_conforms_one_message_at_a_time() {
    assert_eq!(failures(Transport::Ws(1)).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_memory_conforms_with_many_in_flight() {
    assert_eq!(failures(Transport::Ws(256)).await, []);
}

#[tokio::test]
async fn an_early_acknowledgement_is_noticed() {
    check(Fault::AcksEarly, &["ack_waits_for_its_stage", "full_log_answers_503"]).await;
}

#[tokio::test]
async fn a_lost_batch_is_noticed() {
    let by = ["audit_sees_every_acknowledged_batch_once", "every_batch_reaches_the_feed_once"];
    check(Fault::Loses, &by).await;
}

#[tokio::test]
async fn a_doubled_batch_is_noticed() {
    let by = [
        "audit_sees_every_acknowledged_batch_once",
        "every_batch_reaches_the_feed_once",
        "every_acknowledged_batch_is_given_to_one_member",
    ];
    check(Fault::Doubles, &by).await;
}

#[tokio::test]
async fn waiting_for_another_connection_is_noticed() {
    check(Fault::OneAtATime, &["stalled_log_does_not_block_other_connections"]).await;
}

#[tokio::test]
async fn taking_anything_is_noticed() {
    let by = ["malformed_is_refused_and_counted", "answers_match_their_requests"];
    check(Fault::TakesAnything, &by).await;
}

#[tokio::test]
async fn one_name_for_all_is_noticed() {
    check(Fault::OneName, &["identity_is_assigned_when_missing"]).await;
}

#[tokio::test]
async fn a_hidden_failure_is_noticed() {
    check(Fault::HidesFailure, &["full_log_answers_503", "unreachable_log_answers_503"]).await;
}
