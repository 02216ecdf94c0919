//! Events of a shop, as the fake front ends make them: one front end a user. How far apart its
//! reports are is found by trying, because the hour of the day decides how much happens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tailrace_contract::{Batch, BatchId, Metric, Producer, RunId, Tenant};
use tailrace_producers::{EPOCH_MS, Fleet, FleetConfig, FleetError, Shape};

use super::SeedArgs;
use super::users::User;

/// Tries for the time between two reports: each brings the length within what one day differs
/// from another.
const TRIES: usize = 4;
/// Where trying begins.
const EVERY_FIRST: Duration = Duration::from_secs(60);
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// First digits of the run of seeded batches.
const SEEDED: u128 = 0x5eed;

/// The batches of one tenant, in the order of their times.
pub(super) fn make(
    arguments: &SeedArgs,
    number: u64,
    events: usize,
    tenant: &Tenant,
    users: &[User],
) -> Result<Vec<Batch>, FleetError> {
    let length_ms = u64::from(arguments.days) * DAY_MS;
    let seed = arguments.seed.wrapping_add(number);
    let mut every = EVERY_FIRST;
    let mut made = reports(seed, users.len(), every, events)?;
    for _ in 1..TRIES {
        // One report has no length: there is nothing to try.
        if span_ms(&made) == 0 {
            break;
        }
        every = every.mul_f64(length_ms as f64 / span_ms(&made) as f64);
        made = reports(seed, users.len(), every, events)?;
    }
    let run = run_of(arguments);
    let place = Place { span_ms: span_ms(&made), length_ms, end_ms: now_ms() };
    let batch = |Report { user, seq, time_ms, mut metrics }| {
        let time_ms = place.of(time_ms);
        for metric in &mut metrics {
            metric.time_ms = Some(time_ms);
        }
        let producer = Producer(users[user].id.as_str().into());
        let id = BatchId { tenant: tenant.clone(), run, producer, seq };
        Batch { id, received_ms: time_ms, metrics }
    };
    Ok(made.into_iter().map(batch).collect())
}

/// Arguments that make other batches make another run.
fn run_of(arguments: &SeedArgs) -> RunId {
    let (days, events) = (u128::from(arguments.days), u128::from(arguments.events));
    RunId(SEEDED << 112 | days << 96 | events << 64 | u128::from(arguments.seed))
}

/// What one front end said at one time, counted from the fleet's first.
struct Report {
    user: usize,
    seq: u64,
    time_ms: u64,
    metrics: Vec<Metric>,
}

fn reports(
    seed: u64,
    users: usize,
    every: Duration,
    events: usize,
) -> Result<Vec<Report>, FleetError> {
    let config =
        FleetConfig { seed, hosts: users, every, shape: Shape::Events, ..FleetConfig::default() };
    let mut fleet = Fleet::new(config)?;
    let (mut reports, mut left) = (Vec::new(), events);
    while left > 0 {
        let mut metrics = Vec::new();
        let Some(head) = fleet.next_batch(&mut metrics) else { break };
        metrics.truncate(left);
        left -= metrics.len();
        let time_ms = metrics.first().and_then(|metric| metric.time_ms).unwrap_or(EPOCH_MS);
        let user = (head.ordinal % users as u64) as usize;
        reports.push(Report { user, seq: head.seq, time_ms: time_ms - EPOCH_MS, metrics });
    }
    Ok(reports)
}

fn span_ms(reports: &[Report]) -> u64 {
    reports.last().map_or(0, |last| last.time_ms)
}

/// Moves times so that the last one is the end, and takes the rest of the difference out.
#[allow(clippy::struct_field_names, reason = "a unit stands last in every name")]
struct Place {
    span_ms: u64,
    length_ms: u64,
    end_ms: u64,
}

impl Place {
    fn of(&self, time_ms: u64) -> u64 {
        let before_end = u128::from(self.span_ms - time_ms) * u128::from(self.length_ms)
            / u128::from(self.span_ms.max(1));
        self.end_ms.saturating_sub(before_end as u64)
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;
    use crate::seed::users;

    fn arguments(days: u32) -> SeedArgs {
        let command = SeedArgs::augment_args(clap::Command::new("seed"));
        let days = days.to_string();
        let given = command.get_matches_from(["seed", "--tenants", "a", "--days", &days]);
        SeedArgs::from_arg_matches(&given).unwrap()
    }

    #[test]
    fn events_are_as_many_as_asked_and_cover_the_days() {
        for (days, events) in [(1, 1), (3_650, 2), (1, 999), (30, 5_000)] {
            let (tenant, users) = users::of(&["a".into()]).unwrap().remove(0);
            let before = now_ms();
            let made = make(&arguments(days), 0, events, &tenant, &users).unwrap();
            let after = now_ms();
            let count: usize = made.iter().map(|batch| batch.metrics.len()).sum();
            assert_eq!(count, events);
            assert!(made.is_sorted_by_key(|batch| batch.received_ms));
            let (first, last) = (made[0].received_ms, made[made.len() - 1].received_ms);
            assert!((before..=after).contains(&last), "the last is now");
            if made.len() > 1 {
                assert_eq!(last - first, u64::from(days) * DAY_MS);
            }
            let names: std::collections::BTreeSet<_> =
                made.iter().map(|batch| &batch.id.producer).collect();
            assert_eq!(names.len(), users.len().min(made.len()));
        }
    }

    #[test]
    fn identities_repeat_and_other_arguments_make_other_ones() {
        let (tenant, users) = users::of(&["a".into()]).unwrap().remove(0);
        let ids = |arguments: &SeedArgs| {
            let made = make(arguments, 0, 500, &tenant, &users).unwrap();
            made.into_iter().map(|batch| (batch.id, batch.metrics.len())).collect::<Vec<_>>()
        };
        assert_eq!(ids(&arguments(7)), ids(&arguments(7)));
        assert_ne!(ids(&arguments(7))[0], ids(&arguments(8))[0]);
        assert_ne!(ids(&arguments(7))[0], ids(&SeedArgs { seed: 2, ..arguments(7) })[0]);
    }
}
