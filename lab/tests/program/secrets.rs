//! Passwords of Redis and PostgreSQL show in nothing that the program says, however much it is
//! asked to log, and though both servers die while it runs.

use std::cell::RefCell;
use std::process::Stdio;

use tailrace_backend::PrivatePostgres;
use tailrace_backend::private::Commits;

use crate::stage::{self, Bound, Lines, tailrace};

/// Nothing else in a log looks like it.
const REDIS: &str = "7h1s-1s-5ecret";

#[test]
fn passwords_are_in_no_log() {
    let mut redis = stage::redis();
    let mut client = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut guard = ::redis::cmd("CONFIG");
    let () = guard.arg("SET").arg("requirepass").arg(REDIS).query(&mut client).unwrap();
    let mut postgres = PrivatePostgres::start(Commits::Lazy, None).unwrap();
    let url = postgres.url();
    let password = url.split('@').next().unwrap().rsplit(':').next().unwrap().to_owned();
    assert!(password.len() > 8, "no password in the URL of a private server");

    let mut command = tailrace(["worker", "--with-parent", "--detector", "--drain", "200ms"]);
    command.env("TAILRACE_REDIS_URL", format!("redis://:{REDIS}@127.0.0.1:{}/", redis.port()));
    command.env("TAILRACE_STORE", &url).env("TAILRACE_LOG", "trace");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut worker = Bound::start(&mut command);
    let (lines, log) = (worker.lines(), Lines::of(worker.0.stderr.take().unwrap()));
    let said = RefCell::new(Vec::new());
    let heard = |line: &str, part: &str| {
        said.borrow_mut().push(line.to_owned());
        line.contains(part)
    };
    lines.wait_for("the readiness line", |line| heard(line, "\"ready\""));
    postgres.kill().unwrap();
    log.wait_for("PostgreSQL's death", |line| heard(line, "PostgreSQL ended"));
    redis.kill().unwrap();
    log.wait_for("that of Redis", |line| heard(line, "trying again"));
    drop(worker.0.stdin.take());
    worker.wait();
    let mut said = said.into_inner();
    said.extend(lines.rest().into_iter().chain(log.rest()));
    for secret in [REDIS, &password] {
        let shown: Vec<_> = said.iter().filter(|line| line.contains(secret)).collect();
        assert!(shown.is_empty(), "{shown:?}");
    }
}
