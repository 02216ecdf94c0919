//! Structured logs with levels, on standard error; results never go there.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `TAILRACE_LOG` sets levels (`info`, `tailrace_backend=debug`), and
/// `TAILRACE_LOG_FORMAT=json` one JSON object a line.
pub fn start() {
    let filter = EnvFilter::try_from_env("TAILRACE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var("TAILRACE_LOG_FORMAT").is_ok_and(|format| format == "json") {
        logs.json().init();
    } else {
        logs.with_ansi(colour).init();
    }
}
