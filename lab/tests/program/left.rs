//! What a killed program leaves in the folder for temporary files, and that the next one removes
//! it. How one is told from another is tested beside `private/folder.rs`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use tailrace_sys::{Signal, send};

use crate::stage::{Bound, Lines, tailrace};

/// A server with a Redis and a store of its own.
fn serve(temporary: &Path) -> (Bound, Lines) {
    let mut command = tailrace(["serve", "http1-redis", "--open", "--store", "sqlite::temporary:"]);
    command.args(["--ingest", "127.0.0.1:0", "--observer", "127.0.0.1:0"]);
    command.env("TMPDIR", temporary).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = Bound::start(&mut command);
    let lines = child.lines();
    lines.wait_for("the readiness line", |line| line.contains("\"ready\""));
    (child, lines)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn folders_of_a_killed_server_go_with_the_next_start() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut killed, _lines) = serve(temporary.path());
    let left = names(temporary.path());
    send(killed.0.id(), Signal::Kill).unwrap();
    killed.wait();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(names(temporary.path()), left, "nobody was left to remove them");

    let (mut next, _lines) = serve(temporary.path());
    let own = names(temporary.path());
    assert_eq!(own.len(), 2, "{own:?}");
    assert!(own.is_disjoint(&left), "{own:?}");
    send(next.0.id(), Signal::Term).unwrap();
    assert!(next.wait().success());
    assert_eq!(names(temporary.path()), BTreeSet::new());
}
