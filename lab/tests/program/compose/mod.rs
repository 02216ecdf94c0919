//! The containers without an engine: the services of docker-compose.yml as plain processes, and
//! the rules that its text must keep. What an engine alone can show (the build, the networks,
//! the user) is not seen here; `xtask/tests/containers.rs` looks at what the image is built from.

pub(crate) mod file;
mod postgres;
mod rules;
mod stack;

use file::File;
use stack::Stack;

use crate::stage::http;

/// Everything that no profile asks for, and what the profile `nginx` adds.
#[test]
fn pipelines_fleets_and_pages_run_as_plain_processes() {
    let mut stack = Stack::new(File::read());
    stack.up(&["nginx"]);
    for (pipeline, producer) in [
        ("http1-redis", "producer-http1-redis"),
        ("http2-redis", "producer-http2-redis"),
        ("ws-memory", "producer-ws-memory"),
    ] {
        stack.wait_for_batches(pipeline);
        if pipeline != "ws-memory" {
            stack.wait_for_history(pipeline);
        }
        let report = stack.stop(producer);
        assert!(report.contains(" 0 given up, 0 never sent;"), "{producer}: {report}");
    }
    pages_are_served_by_nginx(&stack);
    stack.down();
}

fn pages_are_served_by_nginx(stack: &Stack) {
    let site = http::get(stack.address("nginx", 8080), "/");
    assert_eq!(site.status, 200, "{site:?}");
    for header in ["content-security-policy: default-src 'self'", "x-frame-options: deny"] {
        assert!(site.head.contains(header), "{header} is not in {}", site.head);
    }
    let chart = http::get(stack.address("nginx", 8080), "/vendor/chart.umd.min.js");
    assert!(chart.head.contains("javascript") && chart.body.len() > 100_000, "{}", chart.head);
    assert_eq!(http::get(stack.address("nginx", 8080), "/.npmrc").status, 404);
    assert_eq!(http::get(stack.address("nginx", 8080), "/../etc/passwd").status, 400);
    for (port, pipeline) in [(8081, "http1-redis"), (8082, "http2-redis"), (8083, "ws-memory")] {
        let address = stack.address("nginx", port);
        let health = http::get(address, "/health").json();
        assert_eq!(health["pipeline"], pipeline);
        feed_passes_through(address, pipeline);
    }
}

/// A browser's page may send through Nginx, another site's may not; and what it sends comes out
/// of the feed while that is open.
fn feed_passes_through(address: std::net::SocketAddr, pipeline: &str) {
    let feed = stack::feed(address);
    let post = |origin: &str| {
        let body = r#"{"name":"through-nginx","value":1}"#;
        let head = format!(
            "POST /v1/ingest HTTP/1.1\r\nhost: {address}\r\norigin: {origin}\r\nconnection: \
             close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        http::exchange(address, head.as_bytes()).status
    };
    assert_eq!(post("https://elsewhere.example"), 403, "{pipeline}");
    assert_eq!(post(&format!("http://{address}")), 202, "{pipeline}");
    feed.wait_for("the metric in the feed", |line| line.contains("through-nginx"));
}

/// What the profile `demo` adds: generated secrets, a Redis that asks for its password, TLS.
#[test]
fn the_demo_runs_on_secrets_of_its_own() {
    let mut stack = Stack::new(File::read());
    let demo = ["demo-keys", "demo-redis", "demo-http2-redis", "demo-producer"];
    stack.start(&demo);
    stack.wait_for_batches("demo-http2-redis");
    let refused = stack.redis_says("demo-redis", "PING");
    assert!(refused.contains("NOAUTH"), "a Redis for everyone: {refused}");
    let report = stack.stop("demo-producer");
    assert!(report.contains(" 0 given up, 0 never sent;"), "{report}");
    stack.down();
}
