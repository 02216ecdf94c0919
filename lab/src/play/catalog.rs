//! Which pipelines there are for an experiment, and which of its arms this machine can run.

use tailrace_backend::Found;
use tailrace_backend::private::{POSTGRES_SETTINGS, installed_postgres};
use tailrace_contract::Survives;
use tailrace_loadgen::experiment::Known;
use tailrace_measure::record::{Arm, BackendInfo, StoreKind};

use crate::cli::{FsyncArg, RedisArgs};
use crate::contestants::Contestants;
use crate::postgres::PostgresArgs;
use crate::redis;
use crate::registry::{self, FLOOR, LogKind, PIPELINES, Pipeline};
use crate::stocked::own_store;

/// Everything that an experiment may name: the pipelines, then the contestants.
pub fn with_contestants(redis: &RedisArgs, contestants: &Contestants) -> Vec<Known> {
    let mut known = catalog(redis.fsync);
    known.extend(contestants.known(redis));
    known
}

/// Every pipeline of the registry, as experiments know it; what Redis promises depends on how it
/// writes to disk.
pub fn catalog(fsync: FsyncArg) -> Vec<Known> {
    PIPELINES.iter().map(|pipeline| known(pipeline, fsync)).collect()
}

fn known(pipeline: &Pipeline, fsync: FsyncArg) -> Known {
    let (connections, in_flight_per_connection) = pipeline.protocol.fair_load;
    Known {
        name: pipeline.name.into(),
        promise: promise(pipeline.log(), fsync),
        floor: pipeline.name == FLOOR,
        connections,
        in_flight_per_connection,
        promises: (pipeline.log() == Some(LogKind::Redis)).then(|| {
            let fsyncs = [FsyncArg::No, FsyncArg::Everysec, FsyncArg::Always];
            fsyncs.map(|fsync| promise(pipeline.log(), fsync))
        }),
        commits_to: own_store(pipeline.log()).map(|store| store.kind),
    }
}

/// The heading under which somebody else's server is compared: the same words.
pub fn promise_of(survives: Survives, on_redis: bool, fsync: FsyncArg) -> String {
    match survives {
        Survives::ServerDeath if on_redis => promise(Some(LogKind::Redis), fsync),
        survives => survives.heading().into(),
    }
}

/// The heading under which a pipeline is compared. A Redis that was given is only known to
/// outlive the server.
fn promise(log: Option<LogKind>, fsync: FsyncArg) -> String {
    match (log, fsync) {
        (None, _) => "an echo: the machine's own floor".into(),
        (Some(LogKind::Memory), _) => Survives::Nothing.heading().into(),
        (Some(LogKind::Redis), FsyncArg::Always) => {
            format!("{} (Redis, fsync always)", Survives::HostDeath.heading())
        }
        (Some(LogKind::Redis), _) => format!("{} (Redis)", Survives::ServerDeath.heading()),
        (Some(LogKind::Postgres), _) => {
            format!("{} (committed to PostgreSQL)", Survives::HostDeath.heading())
        }
    }
}

/// The arms that can run here, and a line for each that cannot.
pub fn available(
    arms: &[Arm],
    redis: &RedisArgs,
    postgres: &PostgresArgs,
    contestants: &Contestants,
) -> (Vec<Arm>, Vec<String>) {
    let (arms, mut left_out) = with(arms, &redis::find(redis), on_redis);
    let (mut arms, without) = with(&arms, &postgres.find(), on_postgres);
    left_out.extend(without);
    arms.retain(|arm| {
        let lacks = contestants.lacks(arm, redis);
        left_out.extend(lacks.iter().map(|how| format!("{}: {how}", arm.slug)));
        lacks.is_none()
    });
    (arms, left_out)
}

/// The arms that can run with what was found.
fn with(arms: &[Arm], found: &Found, needs: impl Fn(&Arm) -> bool) -> (Vec<Arm>, Vec<String>) {
    let Found::Missing(how) = found else { return (arms.to_vec(), Vec::new()) };
    let (lacking, rest): (Vec<Arm>, Vec<Arm>) = arms.iter().cloned().partition(needs);
    (rest, lacking.iter().map(|arm| format!("{}: {how}", arm.slug)).collect())
}

fn on_redis(arm: &Arm) -> bool {
    registry::find(&arm.pipeline).is_ok_and(|pipeline| pipeline.log() == Some(LogKind::Redis))
}

fn on_postgres(arm: &Arm) -> bool {
    arm.store.is_some_and(|store| store.kind == StoreKind::Postgres)
}

/// What the manifest says about the backends.
pub fn backends(
    arms: &[Arm],
    redis: &RedisArgs,
    postgres: &PostgresArgs,
    contestants: &Contestants,
) -> Vec<BackendInfo> {
    let mut backends = redis_info(arms, redis, contestants);
    if arms.iter().any(on_postgres) {
        backends.extend(postgres_info(postgres));
    }
    if arms.iter().any(|arm| arm.store.is_some_and(|store| store.kind == StoreKind::Sqlite)) {
        let beside = "a fresh file for each arm and round";
        let version = tailrace_backend::store::sqlite::version();
        let description = format!("SQLite {version}, WAL, synced at every commit, {beside}");
        backends.push(BackendInfo { name: "sqlite".into(), description, private: true });
    }
    backends
}

fn postgres_info(arguments: &PostgresArgs) -> Option<BackendInfo> {
    let (description, private) = match arguments.find() {
        Found::Given(_) => {
            let text = "given by address and shared by all arms; its CPU is not attributed";
            (text.to_owned(), false)
        }
        Found::Private => {
            let version = installed_postgres().unwrap_or_default();
            let settings = POSTGRES_SETTINGS.map(|(name, value)| format!("{name} {value}"));
            let settings = settings.join(", ");
            let beside = "fresh for each arm and round, on the server's core";
            let text = format!("PostgreSQL {version}, synchronous_commit on, {settings}, {beside}");
            (text, true)
        }
        Found::Missing(_) => return None,
    };
    Some(BackendInfo { name: "postgres".into(), description, private })
}

fn redis_info(arms: &[Arm], arguments: &RedisArgs, contestants: &Contestants) -> Vec<BackendInfo> {
    if !arms.iter().any(|arm| on_redis(arm) || contestants.want_redis(&arm.pipeline)) {
        return Vec::new();
    }
    let (description, private) = match redis::find(arguments) {
        Found::Given(url) => {
            let url = tailrace_backend::redis::masked(&url);
            (format!("given by address, {url}; its CPU is not attributed"), false)
        }
        Found::Private => {
            let version = tailrace_backend::private::installed_version().unwrap_or_default();
            let fsync = format!("{:?}", arguments.fsync).to_lowercase();
            let beside = "fresh for each arm and round, on the server's core";
            (format!("Redis {version}, appendfsync {fsync}, noeviction, {beside}"), true)
        }
        Found::Missing(_) => return Vec::new(),
    };
    vec![BackendInfo { name: "redis".into(), description, private }]
}

#[cfg(test)]
mod tests {
    use tailrace_loadgen::experiment::read;

    use super::*;

    #[test]
    fn arms_without_their_redis_are_left_out_with_a_line() {
        let (_, text) = crate::run::shipped::SHIPPED
            .iter()
            .find(|(name, _)| *name == "price-of-redis")
            .expect("it comes with the program");
        let arms = read("x.toml", text, &[], &catalog(FsyncArg::Everysec)).unwrap().arms;
        let (rest, left_out) = with(&arms, &Found::Missing("install one".into()), on_redis);
        assert!(rest.iter().all(|arm| !arm.pipeline.ends_with("-redis")), "{rest:?}");
        let lacking = arms.iter().filter(|arm| arm.pipeline.ends_with("-redis"));
        let expect: Vec<String> = lacking.map(|arm| arm.slug.clone() + ": install one").collect();
        assert!(!expect.is_empty());
        assert_eq!(left_out, expect);
        let (all, none) = with(&arms, &Found::Private, on_redis);
        assert_eq!((all.len(), none.len()), (arms.len(), 0));
    }
}
