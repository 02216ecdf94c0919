//! Dependencies point one way. What each crate may import is written down here, crate by
//! crate; an edge that is not listed fails with the rule that it breaks.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// What may be imported of ours, by crate. `dev` edges, for tests and benches, come on top.
struct Allowed {
    normal: &'static [&'static str],
    dev: &'static [&'static str],
}

const RULE: &str = "contract ← socket ← transports, service ← lab; contract ← backend, worker ← lab; contract ← producers ← \
    loadgen ← lab; measure ← render; measured code does not know that it is measured";

/// Nothing for a crate that is unknown: a new crate must say here where it stands.
fn allowed(name: &str) -> Option<Allowed> {
    let only = |normal| Some(Allowed { normal, dev: &[] });
    let tested = |normal| Some(Allowed { normal, dev: &["tailrace-conformance"] });
    match name {
        // System calls and arithmetic: the bottom.
        "tailrace-contract" | "tailrace-measure" | "tailrace-sys" | "xtask" => only(&[]),
        "tailrace-http1" | "tailrace-http2" | "tailrace-ws" | "tailrace-tcp" => {
            tested(&["tailrace-contract", "tailrace-socket"])
        }
        // It knows stores and caches by their traits. Its tests ask real ones.
        "tailrace-service" => Some(Allowed {
            normal: &["tailrace-contract", "tailrace-socket"],
            dev: &["tailrace-conformance", "tailrace-backend"],
        }),
        // A private Redis must die with its parent: that is a system call.
        "tailrace-backend" => tested(&["tailrace-contract", "tailrace-sys"]),
        // The contract only: lab hands it log and store. Its tests need real ones.
        "tailrace-worker" => {
            Some(Allowed { normal: &["tailrace-contract"], dev: &["tailrace-backend"] })
        }
        // Bytes and times: it knows no protocol, and nobody that is measured knows it. Pages and a
        // child process: it starts the program and knows nothing of what it measures.
        "tailrace-link" | "tailrace-console" => only(&["tailrace-sys"]),
        "tailrace-socket" => tested(&["tailrace-contract"]),
        "tailrace-producers" => only(&["tailrace-contract"]),
        // Servers of known behaviour live by the rule that the theory of them is made of.
        "tailrace-targets" => only(&["tailrace-contract", "tailrace-measure", "tailrace-sys"]),
        // The suite knows the contract only; its own tests try it on the real parts.
        "tailrace-conformance" => Some(Allowed { normal: &["tailrace-contract"], dev: &PARTS }),
        // The contract only: lab hands it the transports' wires. Its tests need servers.
        "tailrace-loadgen" => Some(Allowed {
            normal: &[
                "tailrace-contract",
                "tailrace-producers",
                "tailrace-measure",
                "tailrace-sys",
            ],
            dev: &[
                "tailrace-conformance",
                "tailrace-targets",
                "tailrace-http1",
                "tailrace-ws",
                "tailrace-tcp",
            ],
        }),
        "tailrace-render" => only(&["tailrace-measure"]),
        "tailrace" => Some(Allowed { normal: &ALL, dev: &ALL }),
        _ => None,
    }
}

/// What a pipeline is made of.
const PARTS: [&str; 6] = [
    "tailrace-http1",
    "tailrace-http2",
    "tailrace-ws",
    "tailrace-tcp",
    "tailrace-backend",
    "tailrace-service",
];

const ALL: [&str; 18] = [
    "tailrace-contract",
    "tailrace-socket",
    "tailrace-http1",
    "tailrace-http2",
    "tailrace-ws",
    "tailrace-tcp",
    "tailrace-backend",
    "tailrace-service",
    "tailrace-worker",
    "tailrace-conformance",
    "tailrace-producers",
    "tailrace-loadgen",
    "tailrace-link",
    "tailrace-measure",
    "tailrace-sys",
    "tailrace-targets",
    "tailrace-render",
    "tailrace-console",
];

/// Libraries of others that only some crates may import, also in tests where none is named.
struct Confined {
    libraries: &'static [&'static str],
    to: &'static [&'static str],
    in_tests_of: &'static [&'static str],
}

const CONFINED: [Confined; 3] = [
    Confined {
        libraries: &["redis", "rusqlite", "tokio-postgres", "sqlx", "async-nats"],
        to: &["tailrace-backend"],
        in_tests_of: &["tailrace"],
    },
    Confined {
        libraries: &["hyper", "hyper-util", "h2", "tungstenite", "tokio-tungstenite", "axum"],
        to: &[
            "tailrace-http1",
            "tailrace-http2",
            "tailrace-ws",
            "tailrace-tcp",
            "tailrace-service",
            "tailrace-targets",
            "tailrace-console",
        ],
        in_tests_of: &["tailrace", "tailrace-conformance", "tailrace-loadgen"],
    },
    // Transports and generator get a stream or a session: how it is secured is not theirs to say.
    Confined {
        libraries: &["rustls", "tokio-rustls", "rustls-native-certs", "rcgen"],
        to: &["tailrace-socket", "tailrace-producers", "tailrace-conformance", "tailrace"],
        in_tests_of: &["tailrace-http1", "tailrace-http2", "tailrace-ws"],
    },
];

/// The arithmetic of measuring must not be able to touch a socket or a runtime.
const NOT_IN_MEASURE: [&str; 7] =
    ["tokio", "tokio-util", "mio", "socket2", "futures-util", "async-std", "bytes"];

#[derive(Debug, Clone, PartialEq)]
struct Edge {
    from: String,
    to: String,
    dev: bool,
}

/// Why an edge is forbidden, or nothing.
fn fault(edge: &Edge) -> Option<String> {
    let (from, to) = (&*edge.from, &*edge.to);
    let Some(allowed_here) = allowed(from) else {
        return Some(format!("{from} is unknown: say in this test what it may import"));
    };
    if to.starts_with("tailrace-") || to == "xtask" {
        let in_tests = edge.dev && allowed_here.dev.contains(&to);
        let fine = allowed_here.normal.contains(&to) || in_tests;
        return (!fine).then(|| format!("{from} must not import {to}: {RULE}"));
    }
    if from == "tailrace-measure" && NOT_IN_MEASURE.contains(&to) {
        return Some(format!("{from} must not import {to}: it touches no socket"));
    }
    let confined = CONFINED.iter().find(|confined| confined.libraries.contains(&to))?;
    let fine = confined.to.contains(&from) || (edge.dev && confined.in_tests_of.contains(&from));
    (!fine).then(|| format!("{from} must not import {to}: only {} may", confined.to.join(", ")))
}

fn edges() -> Vec<Edge> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = Command::new(cargo).args(arguments).current_dir(root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            let (from, to) = (text(&package["name"]), text(&dependency["name"]));
            edges.push(Edge { from, to, dev: dependency["kind"] == "dev" });
        }
    }
    edges
}

#[test]
fn no_forbidden_edge() {
    let edges = edges();
    let mut by_crate: BTreeMap<&str, usize> = BTreeMap::new();
    for edge in &edges {
        *by_crate.entry(&edge.from).or_default() += 1;
    }
    assert!(by_crate.len() >= 15, "the workspace is not seen as a whole: {by_crate:?}");
    let faults: Vec<String> = edges.iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn forbidden_edges_are_found() {
    let check = |from: &str, to: &str, dev: bool, forbidden: bool| {
        let edge = Edge { from: from.into(), to: to.into(), dev };
        assert_eq!(fault(&edge).is_some(), forbidden, "{edge:?}");
    };
    check("tailrace-http1", "tailrace-ws", false, true);
    check("tailrace-http1", "tailrace-measure", true, true);
    check("tailrace-socket", "tailrace-http1", false, true);
    check("tailrace-http1", "tailrace-socket", false, false);
    check("tailrace-http1", "tailrace-conformance", false, true);
    check("tailrace-http1", "tailrace-conformance", true, false);
    check("tailrace-conformance", "tailrace-http1", false, true);
    check("tailrace-conformance", "tailrace-http1", true, false);
    check("tailrace-loadgen", "tailrace-http1", false, true);
    check("tailrace-loadgen", "hyper", false, true);
    check("tailrace-render", "tailrace-contract", false, true);
    check("tailrace-measure", "tokio", true, true);
    check("tailrace-service", "redis", false, true);
    check("tailrace-ws", "rustls", false, true);
    check("tailrace-loadgen", "rustls", true, true);
    check("tailrace", "redis", false, true);
    check("tailrace", "redis", true, false);
    check("tailrace", "tailrace-http1", false, false);
    check("tailrace-worker", "tailrace-backend", false, true);
    check("tailrace-worker", "tailrace-backend", true, false);
    check("tailrace-link", "tailrace-measure", false, true);
    check("tailrace-http1", "tailrace-link", true, true);
    check("tailrace-new", "serde", false, true);
}
