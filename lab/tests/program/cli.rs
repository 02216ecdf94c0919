//! The command line itself: help, completions, colours, exit codes, and readers that go away.

use std::process::Stdio;

use clap::CommandFactory;
use tailrace_lab::cli::Cli;
use tailrace_lab::registry::PIPELINES;

use crate::stage::{Bound, Server, check_code, redis, run, run_with_input, tailrace, told};

/// Every verb, as the program itself lists them.
fn verbs() -> Vec<String> {
    let verbs = Cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    assert!(Vec::len(&verbs) >= 10, "{verbs:?}");
    verbs
}

#[test]
fn help_names_every_verb_and_every_verb_has_help() {
    let (help, _) = check_code(&["--help"], 0);
    for verb in verbs() {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb} is not in {help}");
        let (help, _) = check_code(&[&verb, "--help"], 0);
        assert!(help.contains(&format!("Usage: tailrace {verb}")), "{help}");
    }
    let (version, _) = check_code(&["--version"], 0);
    assert_eq!(version.trim(), format!("tailrace {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_a_script_that_bash_reads() {
    let (script, _) = check_code(&["completions", "bash"], 0);
    assert!(verbs().iter().all(|verb| script.contains(verb)), "{script}");
    let output = run_with_input(std::process::Command::new("bash").arg("-n"), script.as_bytes());
    assert!(output.status.success(), "{}", told(&output));
    check_code(&["completions", "elvish?"], 2);
}

/// What makes no sense is refused with exit code 2 and words that help.
fn check_usage(arguments: &[&str], hint: &str) {
    let (out, error) = check_code(arguments, 2);
    assert!(error.contains(hint), "{arguments:?}: {error}");
    assert_eq!(out, "", "{arguments:?}: errors go to standard error");
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_to_try() {
    for pipeline in PIPELINES {
        check_usage(&["race", "http9-memory"], pipeline.name);
        check_usage(&["serve", "http9-memory", "--open"], pipeline.name);
        check_usage(&["http9-memory"], pipeline.name);
    }
    check_usage(&["serve", "http1-memory", "--ingest", "127.0.0.1:0"], "--open");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        check_usage(&["serve", "http1-memory", "--open", "--ingest", address], "127.0.0.1");
        check_usage(&["serve", "http1-memory", "--open", "--observer", address], "127.0.0.1");
    }
    check_usage(&["serve", "http1-memory", "--open", "--chart-js", "/nowhere"], "where npm puts");
    check_usage(&["race", "--fault", "disk:melt@1s"], "redis:stop:3s@2s");
    check_usage(&["race", "--rounds", "0"], "1..=20");
    check_usage(&["race", "--rate", "NaN"], "2,000,000");
    check_usage(&["race", "--frobnicate"], "--frobnicate");
    check_usage(&["race", "--redis-password-file", "/dev/null", "--redis", "redis://a"], "empty");
    check_usage(&["race", "--redis-password-file", "/etc/hostname"], "--redis <URL>");
    check_usage(&["produce", "ftp://127.0.0.1:1"], "http://");
    check_usage(&["produce", "http://127.0.0.1:1/elsewhere"], "/v1/ingest");
    check_usage(&["produce", "http://127.0.0.1:1", "--shape", "round"], "hosts, events and mixed");
    check_usage(&["produce", "http://127.0.0.1:1", "--hosts", "0"], "hosts");
    check_usage(&["produce", "http://127.0.0.1:1", "--burst", "often"], "10s:5:1s");
    check_usage(&["produce", "http://127.0.0.1:1", "--spikes", "often"], "spikes");
    check_usage(&["report", "yesterday", "--results", "/nowhere"], "tailrace list");
}

/// Nobody listens on port 1 of this machine: it is reserved, and tests do not run as a service.
const NO_REDIS: &str = "redis://127.0.0.1:1/";

#[test]
fn a_redis_that_is_missing_ends_with_3() {
    let results = tempfile::tempdir().unwrap();
    let serve = ["serve", "http1-redis", "--open", "--ingest", "127.0.0.1:0"];
    let serve = [&serve[..], &["--observer", "127.0.0.1:0", "--redis", NO_REDIS]].concat();
    let race = ["race", "http1-redis", "--redis", NO_REDIS, "--high-rate", "200", "--results"];
    let race = [&race[..], &[results.path().to_str().unwrap()]].concat();
    for arguments in [serve, race] {
        let (_, error) = check_code(&arguments, 3);
        assert!(error.contains("Redis") && error.contains("--redis"), "{error}");
    }
}

#[test]
fn a_server_that_is_away_and_an_address_in_use_end_with_1() {
    let (_, error) = check_code(&["produce", "http://127.0.0.1:1", "--for", "100ms"], 1);
    assert!(error.contains("is the server running"), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_, error) = check_code(&["serve", "http1-memory", "--open", "--ingest", &address], 1);
    assert!(error.contains(&address) && error.contains("Port 0"), "{error}");
}

/// As a container's health check asks.
#[test]
fn health_is_told_by_the_exit_code() {
    let server = Server::start("http1-memory", &[]);
    let url = format!("http://{}", server.observer);
    let (told, _) = check_code(&["health", &url], 0);
    assert!(told.starts_with("http1-memory is healthy: memory"), "{told}");
    let (told, _) = check_code(&["health", "--json", &url], 0);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap()["status"], "ok", "{told}");
    // The transport knows no health.
    let (_, error) = check_code(&["health", &format!("http://{}", server.ingest)], 1);
    assert!(error.contains("is not healthy"), "{error}");
    assert!(server.end().success());
    let (_, error) = check_code(&["health", &url], 1);
    assert!(error.contains("cannot be reached"), "{error}");
    check_usage(&["health", "127.0.0.1:7071"], "http://127.0.0.1:7071");
}

/// A pipeline whose Redis stands still takes no batches, and does not let others wait for that.
#[test]
fn a_pipeline_without_its_redis_is_not_healthy() {
    let redis = redis();
    let server = Server::start("http1-redis", &["--redis", &redis.url()]);
    let url = format!("http://{}", server.observer);
    check_code(&["health", &url], 0);
    redis.pause().unwrap();
    let (_, error) = check_code(&["health", &url], 1);
    assert!(error.contains("503"), "{error}");
    let (_, error) = check_code(&["health", "--timeout", "50ms", &url], 1);
    assert!(error.contains("no answer within 50ms"), "{error}");
    redis.resume().unwrap();
}

#[test]
fn a_server_ends_with_its_parent() {
    for pipeline in ["http1-memory", "ws-memory"] {
        assert!(Server::start(pipeline, &[]).end().success(), "{pipeline}");
    }
}

/// A read of standard input that only the parent ends must not hold it up.
#[test]
fn a_server_that_is_asked_to_end_does_so_while_its_parent_lives() {
    for pipeline in ["http1-memory", "ws-memory"] {
        assert!(Server::start(pipeline, &[]).terminate().success(), "{pipeline}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let results = tempfile::tempdir().unwrap();
    let results = results.path().to_str().unwrap();
    for arguments in [
        &["--help"][..],
        &["list", "--results", results],
        &["list", "--json", "--results", results],
        &["schema"],
        &["completions", "bash"],
    ] {
        // Its reader is gone before it says the first word.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = tailrace(arguments);
        let mut child = Bound::start(command.stdout(writer).stderr(Stdio::piped()));
        let mut said = String::new();
        let mut errors = child.0.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut errors, &mut said).unwrap();
        let status = child.wait();
        assert!(status.success() && said.is_empty(), "{arguments:?}: {status} {said}");
    }
}

/// On a terminal made by `script`, where colours would be shown.
#[test]
fn no_color_means_no_colour() {
    let program = env!("CARGO_BIN_EXE_tailrace");
    let coloured = |no_color: bool| {
        let line = format!("{program} --help; {program} race nope; {program} race --rate x");
        let mut command = std::process::Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let output = run(&mut command);
        assert!(!output.stdout.is_empty(), "{}", told(&output));
        output.stdout.windows(2).any(|two| two == b"\x1b[")
    };
    assert!(coloured(false), "a terminal shows colours");
    assert!(!coloured(true));
}
