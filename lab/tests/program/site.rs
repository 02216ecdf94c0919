//! The results site as its writers meet it: what it says, what it survives. How the pages look
//! and behave in a browser is tested in `dashboard/tests/site.test.mjs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::stage::{check_code, run, tailrace, told};

/// A folder that calls itself a run, and is none that can be read.
fn damaged(results: &Path) {
    let run = results.join("2026-01-01T00-00-00Z-race-abcdef");
    fs::create_dir(&run).unwrap();
    fs::write(run.join("manifest.json"), "{}").unwrap();
}

#[test]
fn a_run_that_cannot_be_read_is_listed_with_the_reason() {
    let results = tempfile::tempdir().unwrap();
    damaged(results.path());
    let out = results.path().join("a b");
    let arguments = ["site", "--results", results.path().to_str().unwrap(), "--out"];
    let output = run(tailrace(arguments).arg(&out));
    assert!(output.status.success(), "{}", told(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Open file:///") && said.contains("/a%20b/index.html"), "{said}");
    let list = fs::read_to_string(out.join("data/runs.js")).unwrap();
    assert!(list.contains("race-abcdef/manifest.json is damaged"), "{list}");
    assert!(!list.contains(results.path().to_str().unwrap()), "whose disk it is: {list}");
    assert!(out.join("index.html").is_file() && out.join("js/histogram.js").is_file());
}

#[test]
fn npm_that_fails_is_told_and_the_site_is_written() {
    let (results, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let npm = bin.path().join("npm");
    let script =
        "#!/bin/sh\necho 'npm error code E1' >&2\necho 'npm error no way out' >&2\nexit 1\n";
    fs::write(&npm, script).unwrap();
    fs::set_permissions(&npm, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let mut command = tailrace(["site", "--results", results.path().to_str().unwrap()]);
    let output = run(command.env("PATH", path).env_remove("TAILRACE_OFFLINE"));
    assert!(output.status.success(), "{}", told(&output));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("npm failed: no way out"), "{said}");
    let site = results.path().join("site");
    let list = fs::read_to_string(site.join("data/runs.js")).unwrap();
    assert!(list.contains(r#""charts":{"missing":"npm failed: no way out"}"#), "{list}");
    let left = fs::read_dir(&site).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with('.')));
}

#[test]
fn a_site_that_cannot_be_written_is_an_error_with_its_path() {
    let results = tempfile::tempdir().unwrap();
    fs::write(results.path().join("file"), "").unwrap();
    let out = results.path().join("file/site");
    let words = ["site", "--results", results.path().to_str().unwrap(), "--no-npm", "--out"];
    let (_, said) = check_code(&[&words[..], &[out.to_str().unwrap()]].concat(), 1);
    assert!(said.contains("file/site"), "{said}");
}
