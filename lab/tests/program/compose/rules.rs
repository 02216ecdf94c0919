//! What the text of docker-compose.yml must keep, whatever runs: nothing is reachable from other
//! machines, nothing has a secret with a published default, everything is watched.

use std::process::Command;

use serde_json::Value;

use super::file::{Condition, File, Service, root};
use crate::stage::{run, told};

fn each_service(rule: impl Fn(&str, &Value)) {
    let file = File::read();
    for (name, service) in file.whole["services"].as_object().unwrap() {
        rule(name, service);
    }
}

fn words(value: &Value) -> Vec<&str> {
    let all = value.as_array().map_or(&[][..], Vec::as_slice);
    all.iter().filter_map(Value::as_str).collect()
}

#[test]
fn ports_are_published_on_loopback_only() {
    each_service(|name, service| {
        for port in words(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port} to everyone");
        }
        let inside = service["command"].to_string();
        assert!(!inside.contains("0.0.0.0"), "{name}: the address belongs into the environment");
    });
    // What asks for no key must not be reached from the outside, nor reach out.
    let file = File::read();
    assert_eq!(file.whole["networks"]["storage"]["internal"], true);
    for name in ["redis", "postgres", "demo-redis"] {
        assert_eq!(words(&file.whole["services"][name]["networks"]), ["storage"], "{name}");
        assert!(file.service(name).ports.is_empty(), "{name} is published");
    }
}

#[test]
fn no_secret_stands_in_the_file() {
    each_service(|name, service| {
        for (variable, value) in service["environment"].as_object().into_iter().flatten() {
            let secret =
                ["PASSWORD", "SECRET", "TOKEN", "KEY"].iter().any(|w| variable.contains(w));
            let value = value.as_str().unwrap_or_default();
            assert!(!secret || value.starts_with("/keys/"), "{name}: {variable}={value}");
            let place = value.split_once("://").map_or("", |(_, place)| place);
            let user = place.rsplit_once('@').map_or("", |(user, _)| user);
            assert!(!user.contains(':'), "{name}: {variable} holds a password");
        }
        assert!(!service["command"].to_string().contains("requirepass"), "{name}");
    });
}

#[test]
fn every_service_is_confined() {
    each_service(|name, service| {
        let expected = "no-new-privileges:true";
        assert_eq!(words(&service["security_opt"]), [expected], "{name}");
        // The image of Redis begins as root to hand its volume to its own user.
        if name != "redis" {
            assert_eq!(words(&service["cap_drop"]), ["ALL"], "{name}");
            assert_eq!(service["read_only"], true, "{name}");
        }
    });
}

#[test]
fn what_stays_up_is_watched_and_what_is_waited_for_exists() {
    let file = File::read();
    for (name, service) in &file.services {
        assert_eq!(service.healthcheck.is_none(), service.ends(), "{name}: a check if it stays");
        for (other, dependency) in &service.depends_on {
            let needed = file.service(other);
            let completes = dependency.condition == Condition::ServiceCompletedSuccessfully;
            assert_eq!(completes, needed.ends(), "{name} waits for {other} in vain");
            let is_there = needed.profiles.iter().all(|p| service.profiles.contains(p));
            assert!(is_there, "{name} needs {other}, which its profile does not start");
        }
        for volume in &service.volumes {
            let source = volume.split(':').next().unwrap();
            let known = match source.strip_prefix("./") {
                Some(path) => root().join(path).exists(),
                None => file.whole["volumes"].get(source).is_some(),
            };
            assert!(known, "{name} mounts {source}, which is nowhere");
        }
    }
    // What a pipeline leaves to a worker, a worker of its own log stores.
    let prefix = |service: &Service| service.environment.get("TAILRACE_REDIS_PREFIX").cloned();
    for (name, service) in &file.services {
        if service.command.iter().any(|word| word == "--no-worker") {
            let own =
                |other: &&Service| other.command[0] == "worker" && prefix(other) == prefix(service);
            assert!(file.services.values().any(|other| own(&other)), "{name}: no worker");
        }
    }
    for headline in ["http1-redis", "http2-redis", "ws-memory"] {
        assert!(file.service(headline).profiles.is_empty(), "{headline} needs no profile");
        let producers = file.services.values().filter(|s| s.depends_on.contains_key(headline));
        assert!(producers.into_iter().any(|s| s.command[0] == "produce"), "{headline}: no fleet");
    }
}

/// Evicting would lose what was acknowledged, and the promise is about `everysec`.
#[test]
fn every_redis_keeps_what_it_took() {
    let file = File::read();
    for name in ["redis", "demo-redis"] {
        let command = &file.service(name).command;
        for pair in [["--maxmemory-policy", "noeviction"], ["--appendfsync", "everysec"]] {
            assert!(command.windows(2).any(|two| two == pair), "{name}: {pair:?}");
        }
    }
}

/// Where Docker's client has the plugin; it needs no engine for that. Elsewhere the rules above
/// and the types of `file.rs` are all there is.
#[test]
fn compose_itself_reads_the_file() {
    let compose = |arguments: &[&str]| {
        let mut docker = Command::new("docker");
        docker.arg("compose").args(arguments).current_dir(root());
        docker
    };
    let mut version = compose(&["version"]);
    if !version.output().is_ok_and(|output| output.status.success()) {
        eprintln!(
            "left out: docker compose is not installed, so docker-compose.yml was not shown to it"
        );
        return;
    }
    let every_profile = ["--profile", "nginx", "--profile", "demo"];
    let output = run(&mut compose(&[&every_profile[..], &["config", "--quiet"]].concat()));
    assert!(output.status.success(), "{}", told(&output));
}
