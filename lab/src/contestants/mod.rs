//! Contestants: servers of others, each described in a file, raced like a pipeline. Those of the
//! folder `contestants/` that one stands in come before those of the program; further ones are
//! named by their path. What a file may say: `contestants/README.md`. Read `shipped.rs` for those
//! that come with the program, `install.rs` for what happens before the first race, `server.rs`
//! for a running one.

mod install;
mod server;
pub mod shipped;

use std::path::{Path, PathBuf};

use serde::Serialize;
use tailrace_backend::private::find_binary;
use tailrace_contract::{Peer, RunId, Wire};
use tailrace_http1::{Http1, Http1Wire};
use tailrace_http2::{Http2, Http2Wire};
use tailrace_loadgen::experiment::Known;
use tailrace_loadgen::experiment::contestant::{Contestant, Protocol, read};
use tailrace_loadgen::shape::RUN;
use tailrace_measure::record::{Arm, Codec, ContestantInfo, Flush};
use tailrace_ws::{Ws, WsWire};

use crate::cli::RedisArgs;
use crate::exit::Fault;
use crate::play::catalog::promise_of;
use crate::registry::{self, PIPELINES};

pub(crate) use server::Served;

/// The folder of contestants, below the one that one stands in.
const FOLDER: &str = "contestants";
/// What describes one, in a folder of its own.
const FILE: &str = "contestant.toml";

/// One contestant and where it is.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What its file says.
    pub contestant: Contestant,
    /// Where that file is; none: it comes with the program and is unpacked when it is raced.
    folder: Option<PathBuf>,
}

/// Contestants by name.
#[derive(Debug, Clone, Default)]
pub struct Contestants {
    entries: Vec<Entry>,
    /// What is wrong with the files that are none.
    faults: Vec<String>,
}

/// One line of a list.
#[derive(Debug, Serialize)]
pub struct Listed {
    name: String,
    title: String,
    /// What it lacks here and how to get it.
    missing: Option<String>,
}

impl Contestants {
    /// Those of the folder that one stands in and of the program.
    pub fn look() -> Self {
        let mut found = Self::default();
        let entries = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders.into_iter().filter(|folder| is_contestant(folder)) {
            if let Err(fault) = found.add(&folder) {
                found.faults.push(fault.to_string());
            }
        }
        let shipped =
            shipped::all().into_iter().map(|contestant| Entry { contestant, folder: None });
        let new = |entry: &Entry| found.named(&entry.contestant.name).is_none();
        let new: Vec<Entry> = shipped.filter(new).collect();
        found.entries.extend(new);
        found
    }

    /// Adds the one of a folder, or of a file; one of the same name makes room. Returns its name.
    ///
    /// # Errors
    /// The file cannot be read or is wrong, or its name is that of a pipeline.
    pub fn add(&mut self, path: &Path) -> Result<String, Fault> {
        let file = if path.is_dir() { path.join(FILE) } else { path.to_path_buf() };
        let shown = file.display().to_string();
        let text = std::fs::read_to_string(&file).map_err(|error| {
            Fault::Usage(format!(
                "cannot read {shown}: {error}; a contestant is a folder with a {FILE}"
            ))
        })?;
        let contestant = read(&shown, &text).map_err(|fault| Fault::Usage(fault.to_string()))?;
        let name = contestant.name.clone();
        if registry::find(&name).is_ok() {
            return Err(Fault::Usage(format!("{shown}: {name} is the name of a pipeline")));
        }
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        self.insert(Entry { contestant, folder: Some(folder) });
        Ok(name)
    }

    /// Adds one; one of the same name makes room.
    pub fn insert(&mut self, entry: Entry) {
        self.entries.retain(|earlier| earlier.contestant.name != entry.contestant.name);
        self.entries.push(entry);
    }

    /// That nobody has this name; who has one, and whose file is wrong.
    pub fn unknown(&self, name: &str) -> Fault {
        let names = self.entries.iter().map(|entry| entry.contestant.name.as_str());
        let known: Vec<&str> = PIPELINES.iter().map(|one| one.name).chain(names).collect();
        let faults = self.faults.iter().fold(String::new(), |told, fault| told + "\n" + fault);
        let known = known.join(", ");
        Fault::Usage(format!("there is no pipeline {name:?}; known are {known}{faults}"))
    }

    /// The one of this name.
    pub fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.contestant.name == name)
    }

    /// What is wrong with the files that are no contestants.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// All of them, as experiments know pipelines.
    pub fn known(&self, redis: &RedisArgs) -> Vec<Known> {
        self.entries.iter().map(|entry| entry.known(redis)).collect()
    }

    /// Whether the one of this name gets a Redis.
    pub fn want_redis(&self, name: &str) -> bool {
        self.named(name).is_some_and(|entry| entry.contestant.wants_redis)
    }

    /// Why an arm cannot run here, if it is one of these.
    pub fn lacks(&self, arm: &Arm, redis: &RedisArgs) -> Option<String> {
        let entry = self.named(&arm.pipeline)?;
        entry.cannot(arm).or_else(|| entry.missing(redis))
    }

    /// Installs those that the arms name, and finds out what would run.
    ///
    /// # Errors
    /// Installing failed, or one does not say its version.
    pub fn prepare(&self, arms: &[Arm]) -> anyhow::Result<Vec<ContestantInfo>> {
        let raced = |entry: &&Entry| arms.iter().any(|arm| arm.pipeline == entry.contestant.name);
        self.entries.iter().filter(raced).map(install::prepare).collect()
    }

    /// For `tailrace list`.
    pub fn listed(&self, redis: &RedisArgs) -> Vec<Listed> {
        let line = |entry: &Entry| Listed {
            name: entry.contestant.name.clone(),
            title: entry.contestant.title.clone(),
            missing: entry.missing(redis),
        };
        self.entries.iter().map(line).collect()
    }
}

impl Listed {
    /// As a line of text.
    pub fn line(&self) -> String {
        let missing = self.missing.as_ref().map(|how| format!("; missing here: {how}"));
        format!("contestant {}: {}{}", self.name, self.title, missing.unwrap_or_default())
    }
}

impl Entry {
    fn known(&self, redis: &RedisArgs) -> Known {
        let contestant = &self.contestant;
        let (connections, in_flight_per_connection) = match contestant.protocol {
            Protocol::Http1 => registry::Protocol::of::<Http1>().fair_load,
            Protocol::Http2 => registry::Protocol::of::<Http2>().fair_load,
            Protocol::Ws => registry::Protocol::of::<Ws>().fair_load,
        };
        Known {
            name: contestant.name.clone(),
            promise: promise_of(contestant.promise, contestant.wants_redis, redis.fsync),
            floor: false,
            connections,
            in_flight_per_connection,
            promises: None,
            commits_to: None,
        }
    }

    /// What an arm asks of it that it does not know.
    fn cannot(&self, arm: &Arm) -> Option<String> {
        let what = if arm.tls {
            "is raced in clear text only"
        } else if arm.keys {
            "is asked without a key only"
        } else if arm.codec != Codec::Json {
            "is sent JSON only"
        } else if arm.store.is_some() || arm.fsync.is_some() {
            "decides itself what stands behind it"
        } else if arm.flush != Flush::Batch {
            "has no say in when its answers are flushed"
        } else if arm.batch_metrics > 1 && self.contestant.shape.is_single() {
            "takes one metric a request, so a batch of one"
        } else {
            return None;
        };
        Some(format!("{} {what}", self.contestant.name))
    }

    /// What it lacks here, with how to get it.
    fn missing(&self, redis: &RedisArgs) -> Option<String> {
        for (program, get) in &self.contestant.program.needs {
            if !is_installed(program) {
                return Some(format!("{program} is not installed; {get}"));
            }
        }
        if !self.contestant.wants_redis {
            return None;
        }
        if redis.url.is_some() {
            return Some(
                "it gets a Redis of its own, since nobody would tidy up behind it; race it without \
                 --redis (TAILRACE_REDIS_URL)"
                    .into(),
            );
        }
        let installed = find_binary().is_some();
        (!installed).then(|| tailrace_backend::private::StartError::Missing.to_string())
    }

    /// Its folder; what comes with the program is unpacked first.
    fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.folder {
            Some(folder) => Ok(std::path::absolute(folder)?),
            None => shipped::unpacked(&self.contestant.name),
        }
    }

    /// The client half of one connection.
    fn wire(&self, authority: &str, run: RunId, in_flight: usize) -> Box<dyn Wire> {
        match self.contestant.protocol {
            Protocol::Http1 => Box::new(Http1Wire::new(authority, in_flight)),
            Protocol::Http2 => Box::new(Http2Wire::new(&Peer::plain(authority, None, in_flight))),
            Protocol::Ws => {
                let shape = &self.contestant.shape;
                let filled = |text: &str| text.replace(RUN, &run.to_string());
                let headers = shape.headers.iter();
                let headers: Vec<(String, String)> =
                    headers.map(|(name, value)| (name.clone(), filled(value))).collect();
                let path = filled(&shape.path);
                Box::new(WsWire::new(authority, &path, None, in_flight).with_headers(&headers))
            }
        }
    }
}

/// Whether this is the folder of one.
pub fn is_contestant(folder: &Path) -> bool {
    folder.join(FILE).is_file()
}

/// Whether PATH has a program of that name.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
