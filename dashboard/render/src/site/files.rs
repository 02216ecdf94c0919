//! What a reader can download: the run's own files, copied beside the pages, so that the site is
//! whole wherever it is put.

use std::fs;
use std::path::Path;

use crate::{RenderError, write};

/// Endings of files that a run consists of; anything else in its folder was put there by others.
const ENDINGS: [&str; 7] = ["json", "csv", "hlog", "svg", "png", "html", "md"];
/// Folders below a run's: `trials/<arm>/<load>/<round>`.
const DEPTH_MAX: usize = 4;

/// Copies the files and returns their paths below `to`, with `/`, sorted. A file that is there
/// with the same length and is not older is left alone.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Vec<String>, RenderError> {
    let mut paths = Vec::new();
    walk(from, "", DEPTH_MAX, &mut paths)?;
    paths.sort();
    for path in &paths {
        copy_one(&from.join(path), &to.join(path))?;
    }
    Ok(paths)
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    paths: &mut Vec<String>,
) -> Result<(), RenderError> {
    let read = |source| RenderError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        // Names that are no text, and links, which could lead anywhere, are nothing of a run's.
        let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else {
            continue;
        };
        let path = format!("{prefix}{name}");
        if kind.is_dir() && depth > 0 {
            walk(&entry.path(), &format!("{path}/"), depth - 1, paths)?;
        } else if kind.is_file() && belongs(&name) {
            paths.push(path);
        }
    }
    Ok(())
}

fn belongs(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    !name.starts_with('.') && ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

fn copy_one(from: &Path, to: &Path) -> Result<(), RenderError> {
    if same(from, to) {
        return Ok(());
    }
    let (Some(folder), Some(name)) = (to.parent(), to.file_name()) else { return Ok(()) };
    let read = |source| RenderError::Read { path: from.to_owned(), source };
    let bytes = fs::read(from).map_err(read)?;
    write::bytes(folder, &name.to_string_lossy(), &bytes)?;
    Ok(())
}

fn same(from: &Path, to: &Path) -> bool {
    let (Ok(from), Ok(to)) = (fs::metadata(from), fs::metadata(to)) else { return false };
    let times = from.modified().ok().zip(to.modified().ok());
    from.len() == to.len() && times.is_some_and(|(from, to)| to >= from)
}
