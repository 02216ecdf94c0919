//! How a worker's group is doing: asked of the log once a second, for a CSV file and for whoever
//! scrapes. A log that does not answer leaves a row with empty fields: that is news too.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tailrace_contract::{Group, Lag};
use tailrace_worker::progress::{CSV_HEAD, Progress, Sampler};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two rows: fine enough to see a backlog drain, and nothing for the log.
const EVERY: Duration = Duration::from_secs(1);

/// The newest lag, shared with whoever tells it. None: the log did not answer.
#[derive(Clone, Default)]
pub(super) struct Newest(Arc<Mutex<Option<Lag>>>);

impl Newest {
    pub(super) fn get(&self) -> Option<Lag> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the lag until it is dropped.
pub(super) struct Watch {
    task: JoinHandle<()>,
    pub(super) newest: Newest,
}

impl Watch {
    /// Begins; with a file, a row a second is written there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn start(
        group: Arc<dyn Group>,
        progress: Arc<Progress>,
        file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let file = file.map(create).transpose()?;
        let newest = Newest::default();
        let task = tokio::spawn(watch(group, progress, file, newest.clone()));
        Ok(Self { task, newest })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    let made = File::create(path).and_then(|mut file| {
        writeln!(file, "{CSV_HEAD}")?;
        Ok(file)
    });
    made.with_context(|| format!("--lag-csv {} cannot be written", path.display()))
}

async fn watch(
    group: Arc<dyn Group>,
    progress: Arc<Progress>,
    mut file: Option<File>,
    newest: Newest,
) {
    let (mut sampler, mut tick) = (Sampler::default(), interval(EVERY));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let lag = timeout(EVERY, group.lag()).await.ok().and_then(Result::ok);
        *newest.0.lock().unwrap_or_else(PoisonError::into_inner) = lag;
        let row = sampler.row(&progress, lag, wall_ms());
        if let Some(open) = &mut file
            && let Err(error) = writeln!(open, "{row}")
        {
            tracing::warn!(%error, "the rows of the lag end here");
            file = None;
        }
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
