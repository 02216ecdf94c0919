//! Exit codes, and how an error is told.

use std::process::ExitCode;

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As it should.
    Fine = 0,
    /// The run failed, or an objective was missed.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A service that is needed is missing.
    Missing = 3,
    /// The instrument was not good enough.
    InvalidMeasurement = 4,
    /// An acknowledged batch was lost or stored twice.
    BrokenAudit = 5,
    /// Ctrl-C; what was measured is saved.
    Interrupted = 130,
}

/// An error with an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Exit code 3.
    #[error("{0}")]
    Missing(String),
}

/// The code of an end; an error is told on stderr, with its causes.
pub fn code(ended: anyhow::Result<Ended>) -> ExitCode {
    let ended = ended.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return Ended::Fine;
        }
        eprintln!("tailrace: {}", with_causes(&error));
        match error.downcast_ref() {
            Some(Fault::Usage(_)) => Ended::Usage,
            Some(Fault::Missing(_)) => Ended::Missing,
            None => Ended::Failed,
        }
    });
    ExitCode::from(ended as u8)
}

/// The error and its causes, each once: some messages name their cause in the middle already.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        _ if told.contains(&cause) => told,
        _ => told + ": " + &cause,
    })
}

/// `tailrace list | head` is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
