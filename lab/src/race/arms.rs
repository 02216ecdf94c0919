//! Which arms a race has: what was asked for, or everything that this machine can run.

use tailrace_backend::Found;
use tailrace_contract::Survives;
use tailrace_measure::record::{Arm, BackendInfo, Experiment, Flush};

use crate::cli::{FsyncArg, RaceArgs};
use crate::exit::Fault;
use crate::redis;
use crate::registry::{self, FLOOR, LogKind, PIPELINES, Pipeline};

/// The arms in declared order, and a line for each that had to be left out.
///
/// # Errors
/// An unknown pipeline; or one that was asked for by name and lacks its Redis.
pub(super) fn choose(arguments: &RaceArgs) -> Result<(Vec<Arm>, Vec<String>), Fault> {
    let asked: Vec<Pipeline> =
        arguments.pipelines.iter().map(|name| registry::find(name)).collect::<Result<_, _>>()?;
    let wanted = |pipeline: &&Pipeline| {
        asked.is_empty() || pipeline.name == FLOOR || is_asked(&asked, pipeline)
    };
    let redis = redis::find(&arguments.redis);
    let (mut arms, mut left_out) = (Vec::new(), Vec::new());
    for pipeline in PIPELINES.iter().filter(wanted) {
        match (pipeline.log(), &redis) {
            (Some(LogKind::Redis), Found::Missing(how)) if is_asked(&asked, pipeline) => {
                return Err(Fault::Missing(how.clone()));
            }
            (Some(LogKind::Redis), Found::Missing(how)) => {
                left_out.push(format!("{}: {how}", pipeline.name));
            }
            _ => arms.push(arm(*pipeline, arguments)),
        }
    }
    Ok((arms, left_out))
}

fn is_asked(asked: &[Pipeline], pipeline: &Pipeline) -> bool {
    asked.iter().any(|one| one.name == pipeline.name)
}

fn arm(pipeline: Pipeline, arguments: &RaceArgs) -> Arm {
    let (connections, in_flight_per_connection) = pipeline.protocol.fair_load;
    Arm {
        slug: pipeline.name.into(),
        pipeline: pipeline.name.into(),
        promise: promise(pipeline.log(), arguments.redis.fsync),
        floor: pipeline.name == FLOOR,
        connections,
        in_flight_per_connection,
        batch_metrics: arguments.batch,
        codec: arguments.codec.into(),
        tls: false,
        flush: Flush::Batch,
        link: arguments.link.record(),
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
    }
}

/// What the manifest says about the backends.
pub(super) fn backends(arguments: &RaceArgs, experiment: &Experiment) -> Vec<BackendInfo> {
    if !experiment.arms.iter().any(|arm| arm.pipeline.ends_with("-redis")) {
        return Vec::new();
    }
    let (description, private) = match redis::find(&arguments.redis) {
        Found::Given(url) => {
            let url = tailrace_backend::redis::masked(&url);
            (format!("given by address, {url}; its CPU is not attributed"), false)
        }
        Found::Private => {
            let version = tailrace_backend::private::installed_version().unwrap_or_default();
            let fsync = format!("{:?}", arguments.redis.fsync).to_lowercase();
            let beside = "fresh for each arm and round, on the server's core";
            (format!("Redis {version}, appendfsync {fsync}, noeviction, {beside}"), true)
        }
        Found::Missing(_) => return Vec::new(),
    };
    vec![BackendInfo { name: "redis".into(), description, private }]
}
