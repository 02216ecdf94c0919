//! The folder of a private PostgreSQL: which binaries, which account they run as (they refuse
//! root), where the folder may be, and how it is filled. Next: [`super::postgres`].

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tailrace_sys::{Account, account, is_root, spawn_bound};

use super::folder::{Folder, Kind};
use super::postgres::PostgresStartError;
use super::process::tail;

/// The role of the clients, which owns everything there.
pub(super) const USER: &str = "tailrace";
/// The database that is there from the beginning.
pub(super) const DATABASE: &str = "postgres";
/// Where Debian keeps the servers of all versions, outside of PATH.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Folders that every account may enter, if the one for temporary files is not of that kind.
const OPEN_FOLDERS: [&str; 2] = ["/tmp", "/var/tmp"];
/// Who runs it if this program is root's.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// A filled folder with all that is needed to start a server on it.
pub(super) struct Cluster {
    binaries: PathBuf,
    account: Option<Account>,
    pub(super) dir: Folder,
    pub(super) version: String,
    pub(super) password: String,
}

impl Cluster {
    /// Makes the folder and fills it; takes about half a second.
    pub(super) fn create() -> Result<Self, PostgresStartError> {
        let binaries = find_postgres().ok_or(PostgresStartError::Missing)?;
        let account = other_account()?;
        let version = version_of(&binaries.join("postgres"))?;
        let folder = if account.is_some() { open_folder() } else { std::env::temp_dir() };
        let dir = Folder::within(&folder, Kind::Postgres)?;
        let password = fresh_password()?;
        let cluster = Self { binaries, account, dir, version, password };
        cluster.give(cluster.dir.path())?;
        cluster.fill()?;
        Ok(cluster)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A program of PostgreSQL, run by the account that owns the folder.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        // The present folder may be one that the account cannot enter.
        command.current_dir(self.dir.path());
        // Settings of an interactive user's own client or server.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").env("TZ", "UTC");
        if let Some(Account { uid, gid }) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn fill(&self) -> Result<(), PostgresStartError> {
        let (secret, log) = (self.dir.path().join("secret"), self.dir.path().join("initdb.log"));
        File::create(&secret)?.set_permissions(Permissions::from_mode(0o600))?;
        fs::write(&secret, &self.password)?;
        self.give(&secret)?;
        let output = File::create(&log)?;
        let mut command = self.command("initdb");
        command.arg("--pgdata").arg(self.data()).arg("--pwfile").arg(&secret);
        command.args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8"]);
        // Nobody will miss the folder after a power failure.
        command.args(["--locale", "C", "--no-sync"]);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let status = spawn_bound(&mut command, None)?.wait()?;
        fs::remove_file(&secret)?;
        if status.success() { Ok(()) } else { Err(PostgresStartError::Initdb { log: tail(&log) }) }
    }

    fn give(&self, path: &Path) -> io::Result<()> {
        let Some(Account { uid, gid }) = self.account else { return Ok(()) };
        chown(path, Some(uid), Some(gid))
    }
}

/// The folder with the binaries of the server: of PATH, or else of the newest version that
/// Debian's packages have installed.
pub fn find_postgres() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = debian_folders(Path::new(DEBIAN));
    std::env::split_paths(&path).chain(debian).find_map(|folder| {
        // A link in PATH to one program says where the others are.
        let server = folder.join("postgres").canonicalize().ok()?;
        let folder = server.parent()?;
        (server.is_file() && folder.join("initdb").is_file()).then(|| folder.to_owned())
    })
}

/// Newest version first.
fn debian_folders(root: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(root).into_iter().flatten().flatten();
    let number = |name: &str| name.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().ok();
    let mut versions: Vec<_> = versions
        .filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, path)| path.join("bin")).collect()
}

/// The version of the installed server, such as "15.14"; none without one.
pub fn installed_postgres() -> Option<String> {
    version_of(&find_postgres()?.join("postgres")).ok()
}

/// From "postgres (PostgreSQL) 15.14 (Debian …)".
fn version_of(binary: &Path) -> io::Result<String> {
    let text = Command::new(binary).arg("--version").stdin(Stdio::null()).output()?.stdout;
    let text = String::from_utf8_lossy(&text);
    Ok(text.split_whitespace().nth(2).unwrap_or("unknown").to_owned())
}

/// Whom it runs as, if not as this program's own user.
fn other_account() -> Result<Option<Account>, PostgresStartError> {
    if !is_root() {
        return Ok(None);
    }
    let found = ACCOUNTS.into_iter().find_map(account);
    found.map(Some).ok_or(PostgresStartError::Account)
}

/// A folder for temporary files that every account may enter: that of root may be its own.
fn open_folder() -> PathBuf {
    let everybody =
        |path: &Path| path.metadata().is_ok_and(|folder| folder.permissions().mode() & 0o001 != 0);
    let candidates = [std::env::temp_dir()].into_iter().chain(OPEN_FOLDERS.map(PathBuf::from));
    let mut open = candidates.filter(|folder| folder.ancestors().all(everybody));
    open.next().unwrap_or_else(std::env::temp_dir)
}

/// 128 random bits.
fn fresh_password() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_a_number_not_a_text() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "17", "9.10", "lost+found"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let folders = debian_folders(root.path());
        let names: Vec<_> =
            folders.iter().map(|path| path.strip_prefix(root.path()).unwrap()).collect();
        assert_eq!(names, ["17/bin", "15/bin", "9.10/bin", "9.6/bin"].map(Path::new));
    }
}
