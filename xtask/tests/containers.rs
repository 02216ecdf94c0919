//! What the image is built from, seen without an engine: every source of the Dockerfile exists
//! and is not ignored, all that the compiler needs is copied, and the last stage is not root's.
//! The services are run in `lab/tests/program/compose/`.

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Instructions of the Dockerfile with their words, continued lines joined.
fn instructions() -> Vec<Vec<String>> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    lines.map(words).filter(|words| !words.is_empty()).collect()
}

/// What is copied from the build's context into the stage that compiles, or into all.
fn copied() -> Vec<String> {
    let copies = instructions().into_iter().filter(|words| words[0] == "COPY");
    let from_context = copies.filter(|words| !words[1].starts_with("--from="));
    from_context.flat_map(|words| words[1..words.len() - 1].to_vec()).collect()
}

/// Whether `.dockerignore` keeps a path out. It uses two forms: a path, and `**/name`.
fn is_ignored(path: &str) -> bool {
    let text = read(".dockerignore");
    let rules = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rules.into_iter().any(|rule| match rule.strip_prefix("**/") {
        Some(name) => path.split('/').any(|part| part == name),
        None => path == rule || path.starts_with(&format!("{rule}/")),
    })
}

/// Whether a file is there when the image is built.
fn is_in_the_build(path: &str) -> bool {
    let inside = |copied: &String| path == copied || path.starts_with(&format!("{copied}/"));
    copied().iter().any(inside) && !is_ignored(path)
}

#[test]
fn every_source_of_the_image_exists() {
    let copied = copied();
    assert!(copied.len() > 5, "{copied:?}");
    for source in copied {
        assert!(root().join(&source).exists(), "the Dockerfile copies {source}, which is gone");
        assert!(!is_ignored(&source), "{source} is copied and ignored");
    }
    for never in [".git", ".env", "target", "results", "dashboard/node_modules"] {
        assert!(is_ignored(never), "{never} would be sent to the builder");
    }
}

#[test]
fn every_crate_is_in_the_build() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() >= 15, "the workspace is not seen as a whole");
    for package in packages {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let path = manifest.strip_prefix(root()).unwrap().to_str().unwrap();
        assert!(is_in_the_build(path), "{path} is not copied, and cargo wants every member");
    }
}

/// A file that the program includes must be where the compiler looks for it.
#[test]
fn every_included_file_is_in_the_build() {
    let mut included = Vec::new();
    for source in sources() {
        let text = std::fs::read_to_string(root().join(&source)).unwrap();
        for (at, _) in
            text.match_indices("include_str!(").chain(text.match_indices("include_bytes!("))
        {
            let rest = &text[at..];
            let path = rest.split('"').nth(1).unwrap_or_else(|| panic!("{source}: {rest:.60}"));
            let path = normal(&Path::new(&source).parent().unwrap().join(path));
            assert!(
                is_in_the_build(&path),
                "{source} includes {path}, which is not in the image's build"
            );
            included.push(path);
        }
    }
    assert!(included.len() > 5, "{included:?}");
}

/// Sources that are compiled into programs and libraries.
fn sources() -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let skipped = ["target", "node_modules", ".git", "results", "tests"];
            if path.is_dir() {
                if !skipped.iter().any(|name| path.ends_with(name)) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// A path without `..`.
fn normal(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.push(name.to_str().unwrap()),
            _ => {}
        }
    }
    parts.join("/")
}

#[test]
fn the_image_runs_as_nobody_in_particular() {
    let instructions = instructions();
    let last = instructions.iter().rposition(|words| words[0] == "FROM").unwrap();
    let stage = &instructions[last..];
    let argument = |name: &str| {
        let found = stage.iter().find(|words| words[0] == name);
        found.map(|words| words[1..].join(" ")).unwrap_or_default()
    };
    assert_eq!(argument("ENTRYPOINT"), r#"["tailrace"]"#);
    let user = argument("USER");
    assert!(user.starts_with(|c: char| ('1'..='9').contains(&c)), "{user:?} may be root");
    let stages: Vec<&String> = instructions
        .iter()
        .filter(|words| words[0] == "FROM" && words.len() == 4)
        .map(|words| &words[3])
        .collect();
    for from in instructions.iter().filter_map(|words| words.get(1)?.strip_prefix("--from=")) {
        assert!(stages.iter().any(|stage| *stage == from), "no stage {from}");
    }
}
