//! A metric: a name, a finite number, a time and a few attributes. It has no unit and no
//! type; the name says what it is.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use smol_str::SmolStr;

/// One measurement, already validated when it comes out of [`crate::codec::decode`].
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// 1 to [`crate::limits::NAME_BYTES_MAX`] bytes, no control characters.
    pub name: SmolStr,
    /// Finite.
    pub value: f64,
    /// Milliseconds since 1970; absent means "when it was received".
    pub time_ms: Option<u64>,
    /// In the order of the body; keys are unique.
    pub attributes: Vec<(SmolStr, AttributeValue)>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// Text.
    Text(SmolStr),
    /// A number, kept as it was written so that large integers survive.
    Number(serde_json::Number),
    /// True or false.
    Flag(bool),
}

/// As text: a number or flag as in JSON, a text without quotes. What questions of history compare
/// with and group by.
impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("value", &self.value)?;
        if let Some(time) = self.time_ms {
            map.serialize_entry("time", &time)?;
        }
        if !self.attributes.is_empty() {
            map.serialize_entry("attributes", &Attributes(&self.attributes))?;
        }
        map.end()
    }
}

/// Attributes as a JSON object.
struct Attributes<'a>(&'a [(SmolStr, AttributeValue)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => number.serialize(serializer),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}
