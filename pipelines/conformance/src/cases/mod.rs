//! The cases, one file a family. Each takes a fresh subject and says what was broken.

mod answers;
mod audit;
mod codec;
mod drain;
mod feed;
mod group;
mod refusals;
mod stalls;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tailrace_contract::BoxFuture;

use crate::Subject;

/// A case, ready to be run on any subject.
pub type CaseFn = for<'a> fn(&'a dyn Subject) -> BoxFuture<'a, Result<()>>;

/// Time for one whole case on a busy machine.
const CASE_TIMEOUT: Duration = Duration::from_secs(90);

/// Runs one case; the error names the pipeline.
///
/// # Errors
/// The rule that was broken, or that the case did not end in time.
pub async fn run(case: CaseFn, subject: &dyn Subject) -> Result<()> {
    let ended = tokio::time::timeout(CASE_TIMEOUT, case(subject)).await;
    let ended = match ended {
        Ok(ended) => ended,
        Err(_) => Err(anyhow!("the case did not end within {CASE_TIMEOUT:?}")),
    };
    ended.with_context(|| subject.name().to_owned())
}

/// Lists cases under their functions' names.
macro_rules! cases {
    ($($family:ident :: $case:ident,)*) => {
        /// Every case with its name.
        pub const CASES: &[(&str, CaseFn)] =
            &[$((stringify!($case), |subject| Box::pin($family::$case(subject)))),*];
    };
}

cases! {
    stalls::ack_waits_for_its_stage,
    stalls::stalled_log_does_not_block_other_connections,
    stalls::stalled_log_does_not_block_send,
    answers::answers_match_their_requests,
    answers::wire_survives_splits,
    answers::identity_is_assigned_when_missing,
    codec::msgpack_is_ingested_like_json,
    feed::every_batch_reaches_the_feed_once,
    feed::slow_subscriber_is_told_it_lagged,
    audit::audit_sees_every_acknowledged_batch_once,
    audit::a_repeated_batch_is_reported_twice,
    group::every_acknowledged_batch_is_given_to_one_member,
    group::what_a_dead_member_held_is_claimed,
    refusals::malformed_is_refused_and_counted,
    refusals::too_large_is_refused,
    refusals::full_log_answers_503,
    refusals::unreachable_log_answers_503,
    drain::drain_finishes_what_is_in_flight,
}
