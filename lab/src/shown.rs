//! The key that a client shows. It comes from a file or a variable of the environment, never from
//! the command line, which other users of the machine can read.

use std::fmt;

use crate::exit::Fault;

/// The variable with the key itself.
pub const KEY: &str = "TAILRACE_KEY";

/// A key that is shown to a server. It is never printed.
#[derive(Clone)]
pub struct ShownKey(String);

/// Which key.
#[derive(Debug, clap::Args, Clone, Default)]
pub struct KeyArgs {
    /// A file whose first line is the key.
    #[arg(
        help = "A file whose first line is the key to show; without it the variable TAILRACE_KEY",
        long = "key-file",
        env = "TAILRACE_KEY_FILE",
        value_name = "FILE",
        value_parser = ShownKey::read
    )]
    pub file: Option<ShownKey>,
}

impl fmt::Debug for ShownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl KeyArgs {
    /// The key, if there is one.
    ///
    /// # Errors
    /// The variable holds what no header can.
    pub fn shown(&self) -> Result<Option<ShownKey>, Fault> {
        if let Some(key) = &self.file {
            return Ok(Some(key.clone()));
        }
        let Some(text) = std::env::var_os(KEY).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let key = ShownKey::parse(&text.to_string_lossy());
        key.map(Some).map_err(|why| Fault::Usage(format!("{KEY}: {why}")))
    }
}

impl ShownKey {
    /// The first line of a file.
    ///
    /// # Errors
    /// The file cannot be read, or its first line is no key.
    pub fn read(path: &str) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|fault| fault.to_string())?;
        Self::parse(text.lines().next().unwrap_or_default())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("that is no key; one looks like tr_NAME_…".into());
        }
        Ok(Self(text.to_owned()))
    }

    /// For whoever sends it.
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_and_is_never_printed() {
        let key = ShownKey::parse(" tr_a_b \n").unwrap();
        assert_eq!((key.text(), format!("{key:?}").as_str()), ("tr_a_b", "***"));
        for wrong in ["", "a b", "a\nb", "\u{e9}"] {
            assert!(ShownKey::parse(wrong).is_err(), "{wrong}");
        }
    }
}
