//! The variables of the environment: what the program reads, what the containers ask for, and
//! `.env.example`, which must name each with its default and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory;
use tailrace_lab::cli::Cli;

use crate::compose::file::{File, root};

/// Folders with the program's own sources. `dashboard/render` reads no variable: what looks like
/// one there are names in a page's scripts.
const SOURCES: [&str; 4] = ["lab", "pipelines", "fake-producers", "loadgen"];

/// Variables that arguments of some verb can come from, with their defaults.
fn of_arguments(command: &clap::Command, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for argument in command.get_arguments() {
        let Some(name) = argument.get_env() else { continue };
        let defaults = argument.get_default_values().iter().map(|v| v.to_string_lossy().into());
        found.entry(name.to_string_lossy().into_owned()).or_default().extend(defaults);
    }
    command.get_subcommands().for_each(|verb| of_arguments(verb, found));
}

/// Variables that stand in sources, but for those of tests.
fn in_sources() -> BTreeSet<String> {
    let (mut names, mut folders) = (BTreeSet::new(), Vec::new());
    folders.extend(SOURCES.map(|folder| root().join(folder)));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let test = path.ends_with("tests") || path.ends_with("node_modules");
            if path.is_dir() && !test {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                names.extend(names_in(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    names
}

fn names_in(text: &str) -> impl Iterator<Item = String> {
    const PREFIX: &str = "TAILRACE_";
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let rest = &text[at + PREFIX.len()..];
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
        let own = &rest[..end.unwrap_or(rest.len())];
        (!own.is_empty() && !own.starts_with("TEST_")).then(|| format!("{PREFIX}{own}"))
    })
}

/// Names and defaults of `.env.example`; a second line of a name is refused.
fn documented() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join(".env.example")).expect(".env.example");
    let mut documented = BTreeMap::new();
    for line in text.lines() {
        let Some((name, default)) = line.trim_start_matches('#').split_once('=') else { continue };
        if name.starts_with("TAILRACE_") {
            let twice = documented.insert(name.to_owned(), default.to_owned()).is_some();
            assert!(!twice, "{name} stands twice in .env.example");
        }
    }
    documented
}

#[test]
fn every_variable_is_documented_with_its_default_and_no_other_is() {
    /// Set by the build for the program; nobody else can.
    const OF_THE_BUILD: &str = "TAILRACE_RUSTC";
    let (documented, compose) = (documented(), File::read());
    let sources = in_sources();
    let mut read = sources.clone();
    read.remove(OF_THE_BUILD);
    read.extend(compose.variables.keys().cloned());
    let names: BTreeSet<String> = documented.keys().cloned().collect();
    assert_eq!(names, read, "left: .env.example, right: what is read");

    let mut defaults = BTreeMap::new();
    of_arguments(&Cli::command(), &mut defaults);
    assert!(defaults.len() >= 5, "variables of arguments are seen: {defaults:?}");
    for (name, found) in &defaults {
        let documented = &documented[name];
        let same = found.iter().all(|default| default == documented);
        assert!(same, "{name}: {documented:?} in .env.example, {found:?} in the program");
    }
    // Where both read a variable, the program's default is the documented one.
    let only_compose = |name: &&String| !sources.contains(*name);
    for name in compose.variables.keys().filter(only_compose) {
        let found: Vec<_> = compose.variables[name].iter().collect();
        assert_eq!(found, [&documented[name]], "{name} in docker-compose.yml");
    }
}

/// A misspelt variable in a container is a setting that silently does nothing.
#[test]
fn containers_set_only_variables_that_are_read() {
    let read = in_sources();
    // Images of others have variables of their own.
    let file = File::read();
    let ours = file.services.iter().filter(|(_, service)| service.image == "tailrace");
    for (name, service) in ours {
        for variable in service.environment.keys() {
            assert!(read.contains(variable), "{name} sets {variable}, which nobody reads");
        }
    }
    let dockerfile = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    for name in names_in(&dockerfile) {
        assert!(read.contains(&name), "the image sets {name}, which nobody reads");
    }
}
