//! What else is installed: Redis, for a third of the pipelines; PostgreSQL, for a store; known load generators, for
//! comparisons; Node and a browser, for the pages and their tests. Nothing is started but
//! `redis-server --version` and `postgres --version`.

use std::env;
use std::path::PathBuf;

use tailrace_backend::Found;
use tailrace_measure::record::{Examined, Fitness};

use super::examined;
use crate::cli::RedisArgs;
use crate::postgres::PostgresArgs;

/// What is looked for, what it is for, and the package of Debian that has it.
const TOOLS: [(&str, &[&str], &str, &str); 5] = [
    ("wrk", &["wrk"], "the instrument is held against it over HTTP/1.1", "wrk"),
    ("h2load", &["h2load"], "the instrument is held against it over HTTP/2", "nghttp2-client"),
    ("node", &["node", "nodejs"], "contestants in JavaScript run on it", "nodejs"),
    ("npm", &["npm"], "the pages' charts come by it; without it they show plots", "npm"),
    (
        "browser",
        &["chromium", "chromium-browser", "google-chrome"],
        "tests open the pages in it",
        "chromium",
    ),
];

/// Whether pipelines with Redis can run.
pub(super) fn redis(arguments: &RedisArgs) -> Examined {
    match crate::redis::find(arguments) {
        Found::Given(url) => {
            let seen = format!("given, {}", tailrace_backend::redis::masked(&url));
            let means = "pipelines with Redis use it; its CPU is not attributed, and faults are \
                         not made on it";
            examined("redis", Fitness::Good, seen, means)
        }
        Found::Private => {
            let version = tailrace_backend::private::installed_version();
            let seen = format!("redis-server {}", version.unwrap_or_else(|| "unknown".into()));
            let means = "each trial of a pipeline with Redis starts a private one";
            examined("redis", Fitness::Good, seen, means)
        }
        Found::Missing(how) => {
            let means = format!("pipelines with Redis are left out: {how}");
            examined("redis", Fitness::Missing, "not found".into(), &means)
        }
    }
}

/// Whether the store `postgres` can be had.
pub(super) fn postgres(arguments: &PostgresArgs) -> Examined {
    match arguments.find() {
        Found::Given(url) => {
            let seen = format!("given, {}", tailrace_backend::redis::masked(&url));
            let means = "the store postgres is kept there, in a schema of its own, also of pipelines \
                         that commit to it; its CPU is not \
                         attributed, and faults are not made on it";
            examined("postgres", Fitness::Good, seen, means)
        }
        Found::Private => {
            let version = tailrace_backend::private::installed_postgres();
            let seen = format!("server {}", version.unwrap_or_else(|| "unknown".into()));
            let means = "each trial with the store postgres starts a private one, also of pipelines that \
                         commit to it";
            examined("postgres", Fitness::Good, seen, means)
        }
        Found::Missing(how) => {
            let means =
                format!("the store postgres is left out, and pipelines that commit to it: {how}");
            examined("postgres", Fitness::Missing, "not found".into(), &means)
        }
    }
}

/// The tools.
pub(super) fn examine() -> Vec<Examined> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    TOOLS
        .into_iter()
        .map(|(name, programs, what, package)| {
            if let Some(found) = find(&folders, programs) {
                return examined(name, Fitness::Good, found.display().to_string(), what);
            }
            let means = format!("{what}; `apt install {package}` where that exists");
            examined(name, Fitness::Missing, "not on PATH".into(), &means)
        })
        .collect()
}

/// The first of these names in the first folder that has one.
fn find(folders: &[PathBuf], programs: &[&str]) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |path: &PathBuf| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    let paths =
        programs.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    paths.into_iter().find(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_started_is_found() {
        let folders = [PathBuf::from("/nowhere"), PathBuf::from("/bin"), PathBuf::from("/etc")];
        assert_eq!(find(&folders, &["no-such", "sh"]), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find(&folders, &["hostname"]).filter(|path| path.starts_with("/etc")), None);
        assert_eq!(find(&folders, &["passwd"]).filter(|path| path.starts_with("/etc")), None);
    }
}
