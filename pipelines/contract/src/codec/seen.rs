//! A refused body as it was written, right or wrong, whichever codec wrote it: what `explain`
//! walks. It keeps what one explanation can need and counts the rest.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::limits::{ATTRIBUTES_MAX, BATCH_METRICS_MAX, FIELD_ERRORS_MAX};

/// Fields of one object that are kept: as many as may be there, and as many unknown ones as one
/// refusal lists.
const FIELDS_KEPT_MAX: usize = ATTRIBUTES_MAX + FIELD_ERRORS_MAX;

/// One value. Small, because a hostile body of a megabyte holds a million of them.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Null,
    Flag,
    /// Finite; with the number when it is whole and not below zero.
    Number(Option<u64>),
    NotFinite,
    Text(Box<str>),
    Binary,
    Extension,
    Array(Box<Array>),
    Object(Box<Object>),
}

#[derive(Debug, PartialEq)]
pub(super) struct Array {
    /// The first [`BATCH_METRICS_MAX`].
    pub(super) values: Vec<Seen>,
    /// All.
    pub(super) count: usize,
}

#[derive(Debug, PartialEq)]
pub(super) struct Object {
    /// The first [`FIELDS_KEPT_MAX`], in the order of the body.
    pub(super) fields: Vec<(Box<str>, Seen)>,
    /// All.
    pub(super) count: usize,
    /// What stood where a key should be text.
    pub(super) strange_key: Option<&'static str>,
}

impl Object {
    /// The first field of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Seen> {
        self.fields.iter().find(|(key, _)| &**key == name).map(|(_, value)| value)
    }
}

impl Seen {
    /// The number, if it is a whole one from 0.
    pub(super) fn whole(&self) -> Option<u64> {
        if let Self::Number(whole) = self { *whole } else { None }
    }

    /// What it is, as a sentence goes on after "is".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag => "a boolean",
            Self::Number(_) => "a number",
            Self::NotFinite => "NaN or infinite",
            Self::Text(_) => "a string",
            Self::Binary => "binary data",
            Self::Extension => "an extension type",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::Flag)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Seen, E> {
        Ok(Seen::Number(Some(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Seen, E> {
        Ok(Seen::Number(number.try_into().ok()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Seen, E> {
        Ok(if number.is_finite() { Seen::Number(None) } else { Seen::NotFinite })
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen, E> {
        Ok(Seen::Text(text.into()))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Seen, E> {
        Ok(Seen::Binary)
    }

    /// How the reader of `MessagePack` shows an extension.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, _: D) -> Result<Seen, D::Error> {
        Ok(Seen::Extension)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seen, A::Error> {
        let mut values = Vec::new();
        while values.len() < BATCH_METRICS_MAX {
            let Some(value) = list.next_element()? else { break };
            values.push(value);
        }
        let mut count = values.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Seen::Array(Box::new(Array { values, count })))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        let (mut fields, mut count, mut strange_key) = (Vec::new(), 0, None);
        while fields.len() < FIELDS_KEPT_MAX {
            let Some((key, value)) = map.next_entry::<Seen, Seen>()? else { break };
            count += 1;
            match key {
                Seen::Text(key) => fields.push((key, value)),
                other => strange_key = Some(other.kind()),
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Seen::Object(Box::new(Object { fields, count, strange_key })))
    }
}
