//! Temporary folders of services and stores of one's own. Dropped, a folder goes. That of a program
//! that was killed stays, until the next one that makes a folder in the same place removes it: it
//! knows by a lock, which the kernel gives back whatever a program dies of. Numbers of processes
//! would not do: they are used again, and a container has its own.

use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempDir};

/// The file that is locked while its folder is used.
const OWNER: &str = "owner";

/// What a folder is for: a part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A private Redis.
    Redis,
    /// A private PostgreSQL.
    Postgres,
    /// The file of a store.
    Store,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Redis, Self::Postgres, Self::Store];

    /// How names of this kind begin.
    fn prefix(self) -> &'static str {
        match self {
            Self::Redis => "tailrace-redis-",
            Self::Postgres => "tailrace-postgres-",
            Self::Store => "tailrace-store-",
        }
    }
}

/// A folder that goes when it is dropped, or after this program.
#[derive(Debug)]
pub struct Folder {
    dir: TempDir,
    /// Locked; given back after the folder has gone.
    _owner: File,
}

impl Folder {
    /// Makes one among the system's temporary folders.
    ///
    /// # Errors
    /// There is no room, or no right to make it.
    pub fn new(kind: Kind) -> io::Result<Self> {
        Self::within(&std::env::temp_dir(), kind)
    }

    /// Makes one there, after removing what killed programs of this user have left.
    pub(super) fn within(parent: &Path, kind: Kind) -> io::Result<Self> {
        let dir = Builder::new().prefix(kind.prefix()).tempdir_in(parent)?;
        let owner = own(dir.path())?;
        remove_left(parent, owner.metadata()?.uid());
        Ok(Self { dir, _owner: owner })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Locks a new folder. The file has its name only when it is locked: nobody finds it unlocked
/// while this program lives.
fn own(folder: &Path) -> io::Result<File> {
    let unnamed = folder.join("owner.new");
    let owner = File::create(&unnamed)?;
    owner.lock()?;
    fs::rename(unnamed, folder.join(OWNER))?;
    Ok(owner)
}

/// Removes folders of this user whose program is gone. What cannot be removed stays: it is in
/// nobody's way.
fn remove_left(parent: &Path, uid: u32) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for folder in entries.filter_map(|entry| left(&entry, uid)) {
        let shown = folder.display();
        match fs::remove_dir_all(&folder) {
            Ok(()) => tracing::info!(folder = %shown, "removed what a killed program left"),
            Err(error) => tracing::debug!(folder = %shown, %error, "it stays"),
        }
    }
}

/// The folder, if it is one of ours and nobody's any more.
fn left(entry: &DirEntry, uid: u32) -> Option<PathBuf> {
    let name = entry.file_name();
    let name = name.to_str()?;
    Kind::ALL.iter().find(|kind| name.starts_with(kind.prefix()))?;
    // Of the entry itself: a link to elsewhere is no folder.
    entry.file_type().ok()?.is_dir().then_some(())?;
    let owner = entry.path().join(OWNER);
    let about = fs::symlink_metadata(&owner).ok()?;
    (about.is_file() && about.uid() == uid).then_some(())?;
    File::open(owner).ok()?.try_lock().ok()?;
    Some(entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a killed program leaves it.
    fn leave(parent: &Path, name: &str) -> PathBuf {
        let folder = parent.join(name);
        fs::create_dir_all(folder.join("data")).unwrap();
        drop(own(&folder).unwrap());
        folder
    }

    #[test]
    fn what_a_killed_program_left_goes_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let alive = Folder::within(parent.path(), Kind::Redis).unwrap();
        let left: Vec<_> = ["tailrace-redis-a", "tailrace-postgres-b", "tailrace-store-c"]
            .map(|name| leave(parent.path(), name))
            .into();
        let foreign = leave(parent.path(), "other-redis-d");
        let unowned = parent.path().join("tailrace-store-e");
        fs::create_dir(&unowned).unwrap();
        let elsewhere = leave(tempfile::tempdir_in(parent.path()).unwrap().keep().as_path(), "f");
        let link = parent.path().join("tailrace-store-g");
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();

        let next = Folder::within(parent.path(), Kind::Store).unwrap();
        assert!(left.iter().all(|folder| !folder.exists()), "{left:?}");
        for stays in [alive.path(), next.path(), &foreign, &unowned, &elsewhere, &link] {
            assert!(stays.exists(), "{}", stays.display());
        }
        let path = next.path().to_owned();
        drop(next);
        assert!(!path.exists());
    }
}
