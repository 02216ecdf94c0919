//! A calibration on the site: a line in the list, and the whole record for its page. Verdicts and
//! figures travel as the record has them; what is allowed is this program's and travels beside
//! them, so that a page can draw it. Read `js/calibration.js` next for what a page makes of it.

use std::path::Path;

use serde::Serialize;
use tailrace_measure::calibration::{ERROR_NS_MAX, SHARE_MAX};
use tailrace_measure::record::{Calibration, Machine, Tally, Verdict};

use super::listed::Listed;
use super::script::assigning;
use super::{FORMAT, Site, files, opening, place};
use crate::{RenderError, write};

/// A calibration in the list.
pub type CalibrationEntry = Listed<CalibrationLine>;

/// What the list says of it.
#[derive(Debug, Clone, Serialize)]
pub struct CalibrationLine {
    started_utc: String,
    machine: Machine,
    revision: String,
    debug_build: bool,
    command: Vec<String>,
    /// Trials of this generator.
    cells: usize,
    tally: Tally,
    /// Other tools that stood beside it, each once.
    peers: Vec<String>,
    ping_pongs: Vec<PingPong>,
}

#[derive(Debug, Clone, Serialize)]
struct PingPong {
    protocol: String,
    verdict: Verdict,
}

impl CalibrationEntry {
    /// A calibration with its record. `name` is its folder's.
    pub fn recorded(name: &str, calibration: &Calibration) -> Self {
        let mut peers: Vec<String> = Vec::new();
        for peer in &calibration.peers {
            if !peers.contains(&peer.tool) {
                peers.push(peer.tool.clone());
            }
        }
        let ping_pongs = calibration.ping_pongs.iter();
        let line = CalibrationLine {
            started_utc: calibration.started_utc.clone(),
            machine: calibration.machine.clone(),
            revision: calibration.build.revision.clone(),
            debug_build: calibration.build.profile == "debug",
            command: calibration.command.clone(),
            cells: calibration.cells.len(),
            tally: calibration.tally,
            peers,
            ping_pongs: ping_pongs
                .map(|one| PingPong { protocol: one.protocol.clone(), verdict: one.verdict })
                .collect(),
        };
        Self::of(name, line)
    }
}

#[derive(Serialize)]
struct Data<'a> {
    format: u32,
    allowed: Allowed,
    calibration: &'a Calibration,
    /// Below `files/<calibration>/`.
    files: &'a [String],
}

/// An error passes up to this share of theory or this time, whichever is more.
#[derive(Serialize)]
struct Allowed {
    share: f64,
    error_ns: u64,
}

impl Site {
    /// Writes the data of a calibration and copies its files. `from` is its folder.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn write_calibration(
        &self,
        name: &str,
        calibration: &Calibration,
        from: &Path,
    ) -> Result<(), RenderError> {
        let place = place(name);
        let files = files::copy(from, &self.folder().join("files").join(&place))?;
        let allowed = Allowed { share: SHARE_MAX, error_ns: ERROR_NS_MAX };
        let data = Data { format: FORMAT, allowed, calibration, files: &files };
        let script = assigning(&opening(), "TAILRACE_CALIBRATION", &data)?;
        write::text(&self.folder().join("data"), &format!("{place}.js"), &script)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use serde_json::{Value, json};
    use tailrace_measure::record::Calibration;

    use super::super::tests::value_of;
    use super::super::{Charts, Site};
    use super::CalibrationEntry;

    const NAME: &str = "2026-03-01T10-00-00Z-calibrate-3f9a1c";
    const HOSTILE: &str = "</script><img src=x onerror=alert(1)>";

    fn record() -> Value {
        let point = json!({ "q": 0.5, "theory_ns": 1_000_000, "measured_ns": 1_099_000,
            "error_ns": 99_000, "verdict": "pass" });
        let peer = json!({ "tool": HOSTILE, "version": "1", "arguments": ["-c64"],
            "closed_loop": true, "protocol": "http1", "server": "constant", "rate_per_s": 1000.0,
            "window_ns": 1_000_000_000, "sent": 900, "sent_theory": 1000, "points": [point],
            "failed": null });
        json!({
            "schema_version": 3, "tailrace_version": "0.1.0",
            "started_utc": "2026-03-01T10:00:00Z", "command": ["tailrace", "calibrate"],
            "machine": { "cpu": "a processor", "cores": 2, "memory_bytes": 1, "kernel": "6",
                "governor": null, "virtualization": null },
            "build": { "revision": "abc", "binary_sha256": "0", "rustc": "1", "profile": "debug" },
            "placement": { "server_cores": [0], "generator_cores": [1], "shared": false },
            "seed": 1, "floors": [], "cells": [], "peers": [peer, peer], "absent": [],
            "warnings": [],
            "tally": { "passed": 3, "failed": 1, "knees": 0, "too_few": 0, "machine": 0,
                "invalid_trials": 0 },
        })
    }

    fn calibration() -> Calibration {
        serde_json::from_value(record()).unwrap()
    }

    #[test]
    fn a_page_gets_the_record_and_what_is_allowed_and_no_name_is_code() {
        let (out, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let written = fs::File::create(from.path().join("calibration.json")).unwrap();
        // Clocks of file systems tick some milliseconds apart.
        written.set_modified(SystemTime::now() - Duration::from_secs(5)).unwrap();
        fs::write(from.path().join("report.md"), "#").unwrap();
        let site = Site::at(out.path().to_owned());
        assert!(!site.is_fresh(NAME, from.path()));
        site.write_calibration(NAME, &calibration(), from.path()).unwrap();
        assert!(site.is_fresh(NAME, from.path()));
        let script = fs::read_to_string(out.path().join(format!("data/{NAME}.js"))).unwrap();
        assert!(!script.contains('<'));
        let data = value_of(&script);
        assert_eq!(data["allowed"], json!({ "share": 0.01, "error_ns": 150_000 }));
        assert_eq!(data["calibration"]["peers"][0]["tool"], HOSTILE);
        assert_eq!(data["calibration"]["peers"][0]["points"][0]["verdict"], "pass");
        assert_eq!(data["files"], json!(["calibration.json", "report.md"]));
        assert!(out.path().join("files").join(NAME).join("report.md").is_file());
    }

    #[test]
    fn the_list_has_the_newest_first_each_tool_once_and_what_cannot_be_read() {
        let out = tempfile::tempdir().unwrap();
        let entries = [
            CalibrationEntry::unreadable("old", "cut short".into()),
            CalibrationEntry::recorded(NAME, &calibration()),
        ];
        let site = Site::at(out.path().to_owned());
        site.write_list(&[], &entries, &Charts::Missing("offline".into())).unwrap();
        let list = value_of(&fs::read_to_string(out.path().join("data/runs.js")).unwrap());
        let [newest, oldest] = [0, 1].map(|at| &list["calibrations"][at]);
        assert_eq!((&newest["name"], &newest["peers"]), (&json!(NAME), &json!([HOSTILE])));
        assert_eq!((&newest["tally"]["passed"], &newest["debug_build"]), (&json!(3), &json!(true)));
        assert_eq!(oldest["problem"], "cut short");
    }
}
