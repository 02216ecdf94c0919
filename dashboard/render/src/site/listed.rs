//! A folder of `results/` in one of the site's lists: enough of what it holds to choose it, or why it
//! cannot be read. What is enough of a run is in `list.rs`, of a calibration in `calibration.rs`.

use serde::Serialize;

use super::place;

/// A folder in a list.
#[derive(Debug, Clone, Serialize)]
pub struct Listed<T> {
    /// Its name.
    name: String,
    /// Its name in addresses of the site.
    place: String,
    #[serde(flatten)]
    state: State<T>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum State<T> {
    Recorded(Box<T>),
    Unreadable { problem: String },
}

impl<T> Listed<T> {
    /// One with its records. `name` is the folder's.
    pub(super) fn of(name: &str, recorded: T) -> Self {
        Self::in_state(name, State::Recorded(Box::new(recorded)))
    }

    /// One that looks as if it had them and cannot be read.
    pub fn unreadable(name: &str, problem: String) -> Self {
        Self::in_state(name, State::Unreadable { problem })
    }

    fn in_state(name: &str, state: State<T>) -> Self {
        Self { name: name.to_owned(), place: place(name), state }
    }
}
