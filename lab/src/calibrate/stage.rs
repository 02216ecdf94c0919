//! Where calibrations run: cores, servers, the ways to end, the folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tailrace_loadgen::account::Finding;
use tailrace_loadgen::gauge::Gauge;

use crate::child::Children;
use crate::cli::{FsyncArg, RedisArgs};
use crate::contestants::Contestants;
use crate::machine::Surroundings;
use crate::postgres::PostgresArgs;
use crate::{interrupt, pacing, redis};

/// All that a trial needs and no trial changes.
pub(super) struct Stage {
    pub(super) surroundings: Surroundings,
    pub(super) children: Children,
    pub(super) findings: Vec<Finding>,
    /// Whether the generator spins before due times.
    pub(super) spin: bool,
    pub(super) interrupted: Arc<AtomicBool>,
    current: Arc<Mutex<Option<Arc<Gauge>>>>,
}

impl Stage {
    pub(super) fn set(spin: bool) -> anyhow::Result<Self> {
        let surroundings = Surroundings::look();
        pacing::beside_servers(spin, &surroundings)?;
        surroundings.stay_off_the_generators_core()?;
        let children = Children {
            server_cores: surroundings.server_cores.clone(),
            link_cores: surroundings.link_cores.clone(),
            contestants: Contestants::default(),
            // No server of known behaviour has a backend.
            redis: RedisArgs { url: None, password: None, fsync: FsyncArg::No },
            postgres: PostgresArgs::default(),
        };
        let current = Arc::new(Mutex::new(None::<Arc<Gauge>>));
        let stopped = Arc::clone(&current);
        let interrupted = interrupt::flag(move || {
            if let Some(gauge) = &*stopped.lock().unwrap_or_else(PoisonError::into_inner) {
                gauge.stop();
            }
        })?;
        let findings = surroundings.findings();
        Ok(Self { surroundings, children, findings, spin, interrupted, current })
    }

    /// The gauge of the next trial: Ctrl-C stops it, also when it came before.
    pub(super) fn gauge(&self) -> Arc<Gauge> {
        let gauge = Arc::new(Gauge::default());
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&gauge));
        if self.interrupted.load(Relaxed) {
            gauge.stop();
        }
        gauge
    }
}

/// `<utc date-time>-calibrate-<short id>`, made.
pub(super) fn folder(results: &Path) -> anyhow::Result<PathBuf> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let id = &redis::fresh_run().to_string()[..6];
    let folder = results.join(format!("{time}-calibrate-{id}"));
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}
