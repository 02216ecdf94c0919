//! `--stop-at`: a worker that freezes itself at a named point, so that a test can kill it exactly
//! there. Whoever asks for it must be able to send it a signal: nothing else wakes it.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tailrace_contract::probe::{self, Point};
use tailrace_sys::{Signal, send};

/// Another thread may be the one that is told of the signal: until all of them stand, this one
/// must not go on.
const SETTLES: Duration = Duration::from_secs(1);

/// A point, and how often it is passed before the worker stops there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopAt {
    point: Point,
    /// 1: the first time.
    time: u64,
}

impl FromStr for StopAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, time) = text.split_once(':').unwrap_or((text, "1"));
        let point = Point::ALL.into_iter().find(|point| point.name() == name);
        let time = time.parse().ok().filter(|&time| time > 0);
        point.zip(time).map(|(point, time)| Self { point, time }).ok_or_else(|| {
            let known = Point::ALL.map(Point::name).join(", ");
            format!("known are {known}, each with :N for the Nth time")
        })
    }
}

impl StopAt {
    /// Stops this process there, and says so on standard output first.
    pub(super) fn install(self) {
        let passed = AtomicU64::new(0);
        probe::install(move |point| {
            if point == self.point && passed.fetch_add(1, SeqCst) + 1 == self.time {
                let line = serde_json::json!({ "stopped": point.name(), "time": self.time });
                // Whoever closed the output can still look at the process.
                let _ = crate::printing::line(&line.to_string());
                if let Err(error) = send(std::process::id(), Signal::Stop) {
                    tracing::error!(%error, "could not stop at {}", point.name());
                }
                std::thread::sleep(SETTLES);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_named_with_their_number() {
        let check = |text: &str, expect: Option<(Point, u64)>| {
            let read = text.parse::<StopAt>().ok().map(|stop| (stop.point, stop.time));
            assert_eq!(read, expect, "{text}");
        };
        check("after-read", Some((Point::AfterRead, 1)));
        check("after-commit:7", Some((Point::AfterCommit, 7)));
        for wrong in ["", "after", "after-commit:0", "after-commit:x"] {
            check(wrong, None);
        }
    }
}
