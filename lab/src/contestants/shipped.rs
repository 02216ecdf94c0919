//! The contestants that come with the program. Only their own sources do; what they lean on is
//! installed when somebody races them.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use sha2::{Digest, Sha256};
use tailrace_loadgen::experiment::contestant::{Contestant, read};

/// A contestant's files, its description first.
type Files = &'static [(&'static str, &'static str)];

/// Name and files.
pub const SHIPPED: &[(&str, Files)] = &[(
    "express-redis",
    &[
        ("contestant.toml", include_str!("../../../contestants/express-redis/contestant.toml")),
        (".npmrc", include_str!("../../../contestants/express-redis/.npmrc")),
        ("package.json", include_str!("../../../contestants/express-redis/package.json")),
        ("package-lock.json", include_str!("../../../contestants/express-redis/package-lock.json")),
        ("server.mjs", include_str!("../../../contestants/express-redis/server.mjs")),
        ("validate.mjs", include_str!("../../../contestants/express-redis/validate.mjs")),
        ("audit.mjs", include_str!("../../../contestants/express-redis/audit.mjs")),
        ("version.mjs", include_str!("../../../contestants/express-redis/version.mjs")),
    ],
)];

/// What each says. A test sees to it that all can be read.
pub fn all() -> Vec<Contestant> {
    let files = SHIPPED.iter().filter_map(|(_, files)| files.first());
    files.filter_map(|(name, text)| read(name, text).ok()).collect()
}

/// Writes one where caches are kept, into a folder of this very version of it, and says where.
///
/// # Errors
/// There is no such contestant, or no place to write it to.
pub(super) fn unpacked(name: &str) -> anyhow::Result<PathBuf> {
    let (_, files) = SHIPPED.iter().find(|(known, _)| *known == name).context("it is not there")?;
    let mut hasher = Sha256::new();
    files.iter().for_each(|(file, text)| hasher.update(format!("{file}\0{text}\0")));
    let version =
        hasher.finalize()[..6].iter().fold(String::new(), |hex, b| hex + &format!("{b:02x}"));
    let folder = cache()?.join("contestants").join(format!("{name}-{version}"));
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (file, text) in *files {
        let path = folder.join(file);
        if fs::read_to_string(&path).is_ok_and(|there| there == *text) {
            continue;
        }
        // Renamed when it is whole: another race may be reading.
        let mut whole = tempfile::NamedTempFile::new_in(&folder)?;
        std::io::Write::write_all(&mut whole, text.as_bytes())?;
        whole.persist(&path).with_context(|| path.display().to_string())?;
    }
    Ok(folder)
}

/// This program's part of the user's cache.
fn cache() -> anyhow::Result<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let cache = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    let cache = cache.context("there is no cache to unpack it into: set XDG_CACHE_HOME or HOME")?;
    Ok(cache.join("tailrace"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_can_be_read_under_their_names() {
        let names: Vec<String> = all().into_iter().map(|contestant| contestant.name).collect();
        assert_eq!(names, SHIPPED.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn every_source_that_is_named_comes_along_and_no_lock_names_a_host() {
        for ((_, files), contestant) in SHIPPED.iter().zip(all()) {
            for source in &contestant.program.files {
                assert!(files.iter().any(|(name, _)| name == source), "{source}");
            }
            let lock = files.iter().find(|(name, _)| *name == "package-lock.json").unwrap().1;
            assert!(!lock.contains("\"resolved\""));
        }
    }
}
