//! Standard output without panics: a reader that went away (`| head`) is an ordinary error.

use std::io::{self, Write};

/// Writes a line.
///
/// # Errors
/// Standard output is closed.
pub fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Writes a value as indented JSON.
///
/// # Errors
/// Standard output is closed.
pub fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(line(&serde_json::to_string_pretty(value)?)?)
}
