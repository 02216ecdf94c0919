//! Due times of a file: CSV whose first line names its columns, one of them `due_ns` or `due_s`.
//! It is read as a stream, whatever its size, once to know its figures and then again in every
//! trial; that it is still the same is checked before and after each.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::hex;
use crate::record::Replay;

/// Bytes of a file: it is read through before every trial, and that takes a second then.
pub const FILE_BYTES_MAX: u64 = 512 << 20;
/// Bytes of a line: a due time and what else a log may say.
const LINE_BYTES_MAX: u64 = 4 << 10;
/// Time from the first batch to the last: no experiment lasts longer, and the nanoseconds since
/// an anchor stay exact in a 64-bit float.
const SPAN_NS_MAX: u64 = 24 * 3_600_000_000_000;
/// Read at once.
const BLOCK_BYTES: usize = 64 << 10;

const SECOND_NS: u64 = 1_000_000_000;

const BACKWARDS: &str = "due times must not go back from one line to the next";

/// What is wrong with a file of due times.
#[derive(Debug, thiserror::Error)]
pub enum ReplayFault {
    /// It cannot be read.
    #[error("{file} cannot be read")]
    Unreadable {
        /// Its path.
        file: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It is none, or breaks a rule.
    #[error("{file}:{line}: {what}")]
    Malformed {
        /// Its path.
        file: String,
        /// From 1.
        line: u64,
        /// What was expected.
        what: String,
    },
    /// It is not the file that the record names.
    #[error(
        "{file} has changed since the run began, so its due times are not those of the record; \
         give it back its content, or begin again"
    )]
    Changed {
        /// Its path.
        file: String,
    },
}

/// Reads a file through: how many due times, over which time.
///
/// # Errors
/// It cannot be read, or a line is not as it must be.
pub fn survey(path: &Path) -> Result<Replay, ReplayFault> {
    let mut lines = Lines::open(path)?;
    let (mut batches, mut last, mut second, mut within, mut second_max) = (0, 0, 0, 0, 0);
    while let Some(due_ns) = lines.next_ns()? {
        // Logs have milliseconds or seconds: what they saw in the same one is due at the same time.
        if due_ns < last {
            return Err(lines.malformed(BACKWARDS));
        }
        if due_ns > SPAN_NS_MAX {
            return Err(lines.malformed("more than a day after the first"));
        }
        if due_ns / SECOND_NS > second {
            (second, within) = (due_ns / SECOND_NS, 0);
        }
        within += 1;
        second_max = second_max.max(within);
        (batches, last) = (batches + 1, due_ns);
    }
    if batches < 2 {
        return Err(lines.malformed("a schedule needs two due times or more"));
    }
    if last == 0 {
        return Err(lines.malformed("all due times are the same: they tell no rate"));
    }
    let file = path.display().to_string();
    Ok(Replay { sha256: sha256(path)?, file, batches, span_ns: last, second_max })
}

/// Whether the file is still the one of the record.
///
/// # Errors
/// It is not, or cannot be read.
pub(super) fn check(replay: &Replay) -> Result<(), ReplayFault> {
    if sha256(Path::new(&replay.file))? == replay.sha256 {
        return Ok(());
    }
    Err(ReplayFault::Changed { file: replay.file.clone() })
}

fn sha256(path: &Path) -> Result<String, ReplayFault> {
    let unreadable = |cause| ReplayFault::Unreadable { file: path.display().to_string(), cause };
    let mut file = File::open(path).map_err(unreadable)?;
    let (mut hash, mut block) = (Sha256::new(), vec![0; BLOCK_BYTES]);
    loop {
        match file.read(&mut block).map_err(unreadable)? {
            0 => return Ok(hex(hash)),
            read => hash.update(&block[..read]),
        }
    }
}

/// The due times of a file, from 0 for the first, over and over, stretched to a rate.
#[derive(Debug)]
pub(super) struct Player {
    replay: Replay,
    lines: Result<Lines, ReplayFault>,
    /// Time as scheduled divided by time as recorded.
    stretch: f64,
    /// Of one pass, recorded time.
    pass_ns: f64,
    passes: u64,
}

impl Player {
    pub(super) fn new(replay: &Replay, rate_per_s: f64) -> Self {
        let stretch = replay.rate_per_s() / rate_per_s;
        let pass_ns = replay.span_ns as f64 * replay.batches as f64
            / replay.batches.saturating_sub(1).max(1) as f64;
        let lines = Lines::open(Path::new(&replay.file));
        Self { replay: replay.clone(), lines, stretch, pass_ns, passes: 0 }
    }

    /// The next due time; [`u64::MAX`], never, once the file cannot be read: whoever drives finds
    /// that it has changed.
    pub(super) fn next_ns(&mut self) -> u64 {
        let Some(recorded) = self.recorded_ns() else { return u64::MAX };
        ((self.passes as f64 * self.pass_ns + recorded as f64) * self.stretch) as u64
    }

    fn recorded_ns(&mut self) -> Option<u64> {
        if let Some(due_ns) = self.lines.as_mut().ok()?.next_ns().ok()? {
            return Some(due_ns);
        }
        self.passes += 1;
        self.lines = Lines::open(Path::new(&self.replay.file));
        self.lines.as_mut().ok()?.next_ns().ok()?
    }
}

/// The due times of a file as it says them.
#[derive(Debug)]
struct Lines {
    reader: BufReader<File>,
    file: String,
    text: String,
    line: u64,
    column: usize,
    in_seconds: bool,
    first: Option<u64>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, ReplayFault> {
        let name = path.display().to_string();
        let unreadable = |cause| ReplayFault::Unreadable { file: name.clone(), cause };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let reader = BufReader::with_capacity(BLOCK_BYTES, file);
        let (column, in_seconds) = (0, false);
        let mut lines = Self {
            reader,
            file: name.clone(),
            text: String::new(),
            line: 0,
            column,
            in_seconds,
            first: None,
        };
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            let most = FILE_BYTES_MAX >> 20;
            return Err(lines.malformed(&format!("it must be a file of at most {most} MiB")));
        }
        lines.read_head()?;
        Ok(lines)
    }

    fn read_head(&mut self) -> Result<(), ReplayFault> {
        self.read_line()?;
        let is = |name: &str| self.text.split(',').position(|column| column.trim() == name);
        let found = is("due_ns").map(|at| (at, false)).or_else(|| is("due_s").map(|at| (at, true)));
        (self.column, self.in_seconds) = found.ok_or_else(|| {
            self.malformed("the first line must name the columns, one of them due_ns or due_s")
        })?;
        Ok(())
    }

    /// Whether there was one.
    fn read_line(&mut self) -> Result<bool, ReplayFault> {
        self.text.clear();
        self.line += 1;
        let mut limited = (&mut self.reader).take(LINE_BYTES_MAX);
        let read = limited.read_line(&mut self.text);
        let read =
            read.map_err(|cause| ReplayFault::Unreadable { file: self.file.clone(), cause })?;
        if read as u64 == LINE_BYTES_MAX {
            return Err(self.malformed(&format!("a line may have {LINE_BYTES_MAX} bytes")));
        }
        Ok(read > 0)
    }

    /// From the first one on; none at the end.
    fn next_ns(&mut self) -> Result<Option<u64>, ReplayFault> {
        if !self.read_line()? {
            return Ok(None);
        }
        let field = self.text.split(',').nth(self.column).unwrap_or_default().trim();
        let due = if self.in_seconds { seconds(field) } else { field.parse().ok() };
        let due: u64 = due.ok_or_else(|| {
            let shown: String = field.chars().take(60).collect();
            let kind = if self.in_seconds { "seconds such as 12.000350" } else { "nanoseconds" };
            self.malformed(&format!("{shown:?} is no due time: {kind} without a sign or quotes"))
        })?;
        let first = *self.first.get_or_insert(due);
        due.checked_sub(first).map(Some).ok_or_else(|| self.malformed(BACKWARDS))
    }

    fn malformed(&self, what: &str) -> ReplayFault {
        ReplayFault::Malformed { file: self.file.clone(), line: self.line, what: what.to_owned() }
    }
}

/// Digits of a fraction: a nanosecond.
const FRACTION_DIGITS: usize = 9;

/// Seconds with at most nine digits behind the point, exactly, in nanoseconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > FRACTION_DIGITS || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction_ns: u64 = format!("{fraction:0<FRACTION_DIGITS$}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(SECOND_NS)?.checked_add(fraction_ns)
}
