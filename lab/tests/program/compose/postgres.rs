//! What the image of PostgreSQL does before its server starts, with the installed server: fill the
//! folder, make user and database. The server refuses root, so another user owns the folder.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tailrace_sys::{account, is_root};

/// A program of the installed server.
pub(crate) fn program(name: &str) -> PathBuf {
    let folder = tailrace_backend::private::find_postgres();
    folder.expect("no PostgreSQL; run the tests with: cargo xtask test -p tailrace").join(name)
}

/// The server on a folder that is filled if it is empty. `variable`: a setting of the image.
pub(crate) fn command(data: &Path, port: u16, variable: &impl Fn(&str) -> String) -> Command {
    if !data.exists() {
        fill(data, variable);
    }
    let mut server = owned("postgres", data);
    server.arg("-D").arg(data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
    server.args(["-c", "unix_socket_directories="]);
    server
}

fn fill(data: &Path, variable: &impl Fn(&str) -> String) {
    std::fs::create_dir_all(data).unwrap();
    let secret = data.with_extension("secret");
    std::fs::copy(variable("POSTGRES_PASSWORD_FILE"), &secret).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    if let Some(owner) = other_user() {
        for path in [data, &secret] {
            chown(path, Some(owner.uid), Some(owner.gid)).unwrap();
        }
    }
    let mut initdb = owned("initdb", data);
    initdb.arg("-D").arg(data).arg("--pwfile").arg(&secret).args(["-A", "scram-sha-256"]);
    initdb.args(["--no-sync", "-U", &variable("POSTGRES_USER")]);
    let output = initdb.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(secret).unwrap();
    let mut single = owned("postgres", data);
    single.args(["--single", "-D"]).arg(data).arg("postgres").stdin(Stdio::piped());
    let mut single = single.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let make = format!("CREATE DATABASE {}\n", variable("POSTGRES_DB"));
    single.stdin.take().unwrap().write_all(make.as_bytes()).unwrap();
    assert!(single.wait().unwrap().success());
}

fn owned(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(program(name));
    // The present folder may be one that the other user cannot enter.
    command.current_dir(folder.parent().unwrap());
    if let Some(owner) = other_user() {
        command.uid(owner.uid).gid(owner.gid);
    }
    command
}

fn other_user() -> Option<tailrace_sys::Account> {
    is_root().then(|| account("postgres").or_else(|| account("nobody")).unwrap())
}
