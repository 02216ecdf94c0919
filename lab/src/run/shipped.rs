//! Where an experiment comes from: a path, else `experiments/NAME.toml` in the folder that one
//! stands in, else one that comes with the program.

use std::path::{Path, PathBuf};

use crate::exit::Fault;

/// The experiments that come with the program, in the order in which they are listed.
pub const SHIPPED: &[(&str, &str)] = &[
    ("protocols", include_str!("../../../experiments/protocols.toml")),
    ("batch-size", include_str!("../../../experiments/batch-size.toml")),
    ("connections-or-streams", include_str!("../../../experiments/connections-or-streams.toml")),
    ("flush-coalescing", include_str!("../../../experiments/flush-coalescing.toml")),
    ("price-of-redis", include_str!("../../../experiments/price-of-redis.toml")),
    ("arrivals", include_str!("../../../experiments/arrivals.toml")),
    ("distance", include_str!("../../../experiments/distance.toml")),
    ("codec", include_str!("../../../experiments/codec.toml")),
    ("tls", include_str!("../../../experiments/tls.toml")),
    ("price-of-the-gate", include_str!("../../../experiments/price-of-the-gate.toml")),
    ("events-an-hour", include_str!("../../../experiments/events-an-hour.toml")),
    ("price-of-durability", include_str!("../../../experiments/price-of-durability.toml")),
    ("direct-writes", include_str!("../../../experiments/direct-writes.toml")),
    ("worker-outage", include_str!("../../../experiments/worker-outage.toml")),
    ("wire-to-store", include_str!("../../../experiments/wire-to-store.toml")),
    ("outages", include_str!("../../../experiments/outages.toml")),
    ("fan-out", include_str!("../../../experiments/fan-out.toml")),
    ("express", include_str!("../../../experiments/express.toml")),
];

/// Files of the folder that one stands in come before those of the program.
const FOLDER: &str = "experiments";

/// An experiment's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// For messages: its path, or where it would be in the source.
    pub file: String,
    /// TOML.
    pub text: String,
}

/// Reads the experiment of that path or name.
///
/// # Errors
/// There is none, or its file cannot be read.
pub fn find(name: &str) -> Result<Found, Fault> {
    let is_path = name.contains(['/', '\\']) || Path::new(name).extension().is_some();
    if is_path {
        return open(Path::new(name));
    }
    let here = here(name);
    if here.exists() {
        return open(&here);
    }
    let shipped = SHIPPED.iter().find(|(known, _)| *known == name);
    shipped.map(|(name, text)| embedded(name, text)).ok_or_else(|| {
        let known = names().join(", ");
        Fault::Usage(format!(
            "there is no experiment {name:?}: no {}, and the program comes with {known}",
            here.display()
        ))
    })
}

/// The text of an experiment by its name; none for anything else, a path for example.
pub fn named(name: &str) -> Option<String> {
    let known = names().iter().any(|known| known == name);
    known.then(|| find(name).ok()).flatten().map(|found| found.text)
}

/// Every name, of the program and of the folder that one stands in.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut own = own_names();
    own.retain(|name| !names.contains(name));
    names.extend(own);
    names
}

/// What is in the folder that one stands in; a folder that cannot be read has none.
fn own_names() -> Vec<String> {
    let entries = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let files = paths.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let mut names: Vec<String> =
        files.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

fn here(name: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{name}.toml"))
}

fn open(path: &Path) -> Result<Found, Fault> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fault::Usage(format!(
            "cannot read {file}: {error}; a name without an ending means one of {}",
            names().join(", ")
        ))
    })?;
    Ok(Found { file, text })
}

fn embedded(name: &str, text: &str) -> Found {
    Found { file: here(name).display().to_string(), text: text.to_owned() }
}
