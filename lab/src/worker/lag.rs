//! How a worker's group is doing, and that of the detector beside it: asked of the log once a
//! second, for a CSV file and for whoever scrapes. A log that does not answer leaves a row with empty fields: that is news too.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tailrace_contract::{Group, Lag};
use tailrace_worker::progress::{CSV_HEAD, Progress, Sampler};
use tailrace_worker::{Detector, Tally, Worker};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two rows: fine enough to see a backlog drain, and nothing for the log.
const EVERY: Duration = Duration::from_secs(1);

/// The newest lag of a group, shared with whoever tells it. None: the log did not answer.
#[derive(Clone, Default)]
struct Newest(Arc<Mutex<Option<Lag>>>);

impl Newest {
    fn get(&self) -> Option<Lag> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the group.
    async fn ask(&self, group: &dyn Group) -> Option<Lag> {
        let lag = timeout(EVERY, group.lag()).await.ok().and_then(Result::ok);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lag;
        lag
    }
}

/// What is watched.
#[derive(Clone)]
struct Watched {
    group: Arc<dyn Group>,
    progress: Arc<Progress>,
    newest: Newest,
    detector: Option<(Arc<dyn Group>, Arc<Tally>, Newest)>,
}

/// Looks at the lag until it is dropped.
pub(super) struct Watch {
    task: JoinHandle<()>,
    watched: Watched,
}

impl Watch {
    /// Begins; with a file, a row a second is written there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn start(
        worker: &Worker,
        detector: Option<&Detector>,
        file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let file = file.map(create).transpose()?;
        let detector = detector.map(|one| (one.group(), one.tally(), Newest::default()));
        let (group, progress) = (worker.group(), worker.progress());
        let watched = Watched { group, progress, newest: Newest::default(), detector };
        let task = tokio::spawn(watch(watched.clone(), file));
        Ok(Self { task, watched })
    }

    /// What Prometheus is told of the worker in this group, whenever it asks.
    pub(super) fn text(&self, group: String) -> impl Fn() -> String + Send + 'static {
        let watched = self.watched.clone();
        move || {
            let mut text = String::new();
            watched.progress.prometheus(&group, watched.newest.get(), &mut text);
            if let Some((_, tally, newest)) = &watched.detector {
                tally.prometheus(newest.get(), &mut text);
            }
            text
        }
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

async fn watch(watched: Watched, mut file: Option<File>) {
    let (mut sampler, mut tick) = (Sampler::default(), interval(EVERY));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let row = row(&watched, &mut sampler).await;
        if let Some(open) = &mut file
            && let Err(error) = writeln!(open, "{row}")
        {
            tracing::warn!(%error, "the rows of the lag end here");
            file = None;
        }
    }
}

async fn row(watched: &Watched, sampler: &mut Sampler) -> String {
    let lag = watched.newest.ask(&*watched.group).await;
    let detector = match &watched.detector {
        Some((group, tally, newest)) => Some((&**tally, newest.ask(&**group).await)),
        None => None,
    };
    sampler.row((&watched.progress, lag), detector, wall_ms())
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
