//! Files under a temporary name, then renamed; and names that are safe as file names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::RenderError;

/// Writes a text file into a folder, which is made if it is missing.
pub(crate) fn text(folder: &Path, name: &str, text: &str) -> Result<PathBuf, RenderError> {
    bytes(folder, name, text.as_bytes())
}

/// The same with bytes of any kind.
pub(crate) fn bytes(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, RenderError> {
    renamed(folder, name, |path| fs::write(path, bytes).map_err(|source| write_error(path, source)))
}

/// Lets `fill` write a file under a temporary name with the same extension, then renames it.
pub(crate) fn renamed(
    folder: &Path,
    name: &str,
    fill: impl FnOnce(&Path) -> Result<(), RenderError>,
) -> Result<PathBuf, RenderError> {
    fs::create_dir_all(folder).map_err(|source| write_error(folder, source))?;
    let temporary = folder.join(format!(".unfinished-{}-{name}", std::process::id()));
    let path = folder.join(name);
    let filled = fill(&temporary)
        .and_then(|()| fs::rename(&temporary, &path).map_err(|source| write_error(&path, source)));
    if filled.is_err() {
        // The first error is the one worth telling.
        let _ = fs::remove_file(&temporary);
    }
    filled.map(|()| path)
}

fn write_error(path: &Path, source: std::io::Error) -> RenderError {
    RenderError::Write { path: path.to_owned(), source }
}

/// A slug as part of a file name: letters, digits, `-`, `_` and `.` stay, all else becomes `-`.
/// Slugs come from files that anyone may have edited.
pub(crate) fn file_name(slug: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = slug.chars().map(|c| if safe(c) { c } else { '-' }).collect();
    name.trim_matches(['.', '-']).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn slugs_cannot_leave_the_folder() {
        assert_eq!(file_name("ws-memory"), "ws-memory");
        assert_eq!(file_name("../../etc/x"), "etc-x");
        assert_eq!(file_name("<img onerror=…>"), "img-onerror");
    }
}
