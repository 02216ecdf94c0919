//! Stamps the build with what a manifest must say about it: revision and compiler.

use std::process::Command;

/// The revision, where there is no git or no history to ask: in an image.
const GIVEN: &str = "TAILRACE_REVISION";

fn main() {
    let given = std::env::var(GIVEN).ok().filter(|text| !text.is_empty());
    let revision = given.or_else(|| output("git", &["rev-parse", "--short=12", "HEAD"]));
    let revision = revision.unwrap_or_default();
    let changed = output("git", &["status", "--porcelain", "--untracked-files=no"]);
    let dirty = if changed.is_none_or(|text| text.is_empty()) { "" } else { "+dirty" };
    let rustc = std::env::var("RUSTC").ok().and_then(|rustc| output(&rustc, &["--version"]));
    println!("cargo:rustc-env=TAILRACE_REVISION={revision}{dirty}");
    println!("cargo:rustc-env=TAILRACE_RUSTC={}", rustc.unwrap_or_default());
    println!("cargo:rerun-if-env-changed={GIVEN}");
    println!("cargo:rerun-if-changed=../.git/HEAD");
    println!("cargo:rerun-if-changed=../.git/index");
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
