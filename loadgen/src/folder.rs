//! A run's folder. Every file is written under a temporary name and renamed, and every trial is
//! complete on disk before the next begins: whatever happens to the generator, what was
//! measured can be read. The layout is described in `results/README.md`.

use std::fmt::Write as _;
use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tailrace_measure::csv::{csv, read_timeline, timeline_csv};
use tailrace_measure::hlog;
use tailrace_measure::record::{Manifest, Slice, Summary, Trial};
use tailrace_measure::recorder::Measured;
use tailrace_measure::stein::ROUNDS_MAX;

use crate::trial::Finished;
use crate::watch::Watched;

/// Whole distribution of one kind.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// A run's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// A trial as it stands on disk.
pub struct Stored {
    /// `trial.json`.
    pub trial: Trial,
    /// `ack.hlog`.
    pub ack: Histogram,
    /// `service.hlog`.
    pub service: Histogram,
    /// `lateness.hlog`.
    pub lateness: Histogram,
    /// `live.hlog`, if the trial had a subscriber.
    pub live: Option<Histogram>,
    /// `durable.hlog`, if it had a store as well.
    pub durable: Option<Histogram>,
    /// `timeline.csv`.
    pub slices: Vec<Slice>,
}

impl Folder {
    /// A new run's folder, made with its parents.
    ///
    /// # Errors
    /// It exists already, or cannot be made.
    pub fn create(path: PathBuf) -> anyhow::Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        }
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self { path })
    }

    /// The folder of a recorded run.
    pub fn open(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `manifest.json`.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_manifest(&self, manifest: &Manifest) -> anyhow::Result<()> {
        write_json(&self.path.join("manifest.json"), manifest)
    }

    /// Writes `summary.json` and `summary.csv`.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_summary(&self, summary: &Summary) -> anyhow::Result<()> {
        write_json(&self.path.join("summary.json"), summary)?;
        let csv = csv(summary);
        write(&self.path.join("summary.csv"), csv.as_bytes())
    }

    /// Writes everything of one trial.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_trial(&self, finished: &Finished) -> anyhow::Result<()> {
        let trial = &finished.trial;
        let folder = self.trial_folder(trial);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        write_histograms(&folder, &finished.measured, trial.window_ns)?;
        write(&folder.join("timeline.csv"), timeline_csv(&finished.measured.slices).as_bytes())?;
        write(&folder.join("resources.csv"), resources_csv(&finished.watched).as_bytes())?;
        write_json(&folder.join("ledger.json"), &trial.ledger)?;
        // Last, because it says that the others are complete.
        write_json(&folder.join("trial.json"), trial)
    }

    fn trial_folder(&self, trial: &Trial) -> PathBuf {
        let round = trial.round.to_string();
        self.path.join("trials").join(&trial.arm).join(&trial.load).join(round)
    }

    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// It is missing or damaged, or was written by a newer program.
    pub fn read_manifest(&self) -> anyhow::Result<Manifest> {
        read_json(&self.path.join("manifest.json"))
    }

    /// Reads `summary.json`; none when the run was cut short before it was written.
    ///
    /// # Errors
    /// It is damaged, or of another version.
    pub fn read_summary(&self) -> anyhow::Result<Option<Summary>> {
        let path = self.path.join("summary.json");
        if path.exists() { read_json(&path).map(Some) } else { Ok(None) }
    }

    /// Reads every complete trial of the manifest's arms, loads and rounds; a run that was cut
    /// short has fewer.
    ///
    /// # Errors
    /// A trial that calls itself complete is damaged.
    pub fn read_trials(&self, manifest: &Manifest) -> anyhow::Result<Vec<Stored>> {
        let experiment = &manifest.experiment;
        let mut stored = Vec::new();
        // A run that was cut short while it decided may have more rounds than its manifest says.
        let rounds = if experiment.decide { ROUNDS_MAX as u32 } else { experiment.rounds };
        for round in 1..=rounds {
            for arm in &experiment.arms {
                for load in &experiment.loads {
                    let place = self.path.join("trials").join(&arm.slug).join(&load.slug);
                    let folder = place.join(round.to_string());
                    if folder.join("trial.json").exists() {
                        stored.push(read_trial(&folder)?);
                    }
                }
            }
        }
        Ok(stored)
    }
}

fn read_trial(folder: &Path) -> anyhow::Result<Stored> {
    let trial: Trial = read_json(&folder.join("trial.json"))?;
    let timeline = folder.join("timeline.csv");
    let text = fs::read_to_string(&timeline).with_context(|| timeline.display().to_string())?;
    let slices = read_timeline(&text).with_context(|| timeline.display().to_string())?;
    let seen = |name| {
        let path = folder.join(name);
        path.exists().then(|| read_hlog(&path)).transpose()
    };
    Ok(Stored {
        trial,
        ack: read_hlog(&folder.join("ack.hlog"))?,
        service: read_hlog(&folder.join("service.hlog"))?,
        lateness: read_hlog(&folder.join("lateness.hlog"))?,
        live: seen("live.hlog")?,
        durable: seen("durable.hlog")?,
        slices,
    })
}

/// Writes the whole distributions of a window that ended just now, one `.hlog` each.
///
/// # Errors
/// The disk refuses.
pub fn write_histograms(folder: &Path, measured: &Measured, window_ns: u64) -> anyhow::Result<()> {
    let length = Duration::from_nanos(window_ns);
    let start = SystemTime::now() - length;
    let always = [
        ("ack", &measured.ack),
        ("service", &measured.service),
        ("lateness", &measured.lateness),
        ("queued", &measured.queued),
    ];
    let sometimes = [("live", &measured.live), ("durable", &measured.durable)];
    let present = sometimes.into_iter().filter_map(|(tag, h)| Some((tag, &h.as_ref()?.histogram)));
    for (tag, histogram) in always.into_iter().chain(present) {
        let mut bytes = Vec::new();
        hlog::write(&mut bytes, start, tag, length, histogram)?;
        write(&folder.join(format!("{tag}.hlog")), &bytes)?;
    }
    Ok(())
}

fn read_hlog(path: &Path) -> anyhow::Result<Histogram> {
    let file = fs::File::open(path).with_context(|| path.display().to_string())?;
    let intervals = hlog::read(file).with_context(|| path.display().to_string())?;
    let mut parts = intervals.into_iter().map(|interval| interval.histogram);
    let mut whole = parts.next().with_context(|| format!("{} is empty", path.display()))?;
    for part in parts {
        whole.add(part).with_context(|| path.display().to_string())?;
    }
    Ok(whole)
}

/// One line a sample; an empty field means that the process was gone or not ours to read.
fn resources_csv(watched: &Watched) -> String {
    let mut text = String::from(
        "at_ms,server_cpu_ns,backend_cpu_ns,server_rss_bytes,backend_rss_bytes,server_switches,\
         generator_run_delay_ns,steal_ns,worker_cpu_ns\n",
    );
    let field = |value: Option<u64>| value.map(|v| v.to_string()).unwrap_or_default();
    for sample in &watched.series {
        let at_ms = sample.at.since(watched.start.at) / 1_000_000;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{at_ms},{},{},{},{},{},{},{},{}",
            field(sample.server_cpu_ns),
            field(sample.backend_cpu_ns),
            field(sample.server_rss_bytes),
            field(sample.backend_rss_bytes),
            field(sample.server_switches),
            field(sample.generator_delay_ns),
            sample.steal_ns,
            field(sample.worker_cpu_ns),
        );
    }
    text
}

/// Writes a value as indented JSON, under a temporary name at first.
///
/// # Errors
/// The disk refuses.
pub fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    serde_json::to_writer_pretty(BufWriter::new(&mut bytes), value)?;
    bytes.push(b'\n');
    write(path, &bytes)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is damaged, or of another version", path.display()))
}

/// To a temporary name, then renamed: nobody ever reads half a file.
///
/// # Errors
/// The disk refuses.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let temporary = path.with_extension("part");
    fs::write(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(|| format!("writing {}", path.display()))
}
