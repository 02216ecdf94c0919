//! Attributes as both stores keep them: a JSON object, in the order of the body. Keys may hold
//! anything but control characters (quotes, dots, backslashes), so nothing here builds a path of
//! a query language from one.
//!
//! Only damage can make a stored object unreadable. Such a row then has no attributes: it must not
//! take every answer down that it has a part in.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::Serializer;
use tailrace_contract::{AttributeValue, SmolStr};

/// Attributes as an object.
pub(super) fn to_json(attributes: &[(SmolStr, AttributeValue)]) -> String {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut out);
    // Texts, finite numbers and flags always serialize, and memory always takes them.
    let _ = serializer.collect_map(attributes.iter().map(|(key, value)| (key, value)));
    String::from_utf8(out).unwrap_or_default()
}

/// The attributes of an object.
pub(super) fn from_json(json: &str) -> Vec<(SmolStr, AttributeValue)> {
    read(json, All(Vec::new())).unwrap_or_default()
}

/// The value of one attribute as text, if the object has it.
pub(super) fn one(json: &str, key: &str) -> Option<SmolStr> {
    read(json, One(key)).ok().flatten()
}

/// Whether every wanted attribute is there with its value, see
/// [`Filter::attributes`](tailrace_contract::history::Filter::attributes).
pub(super) fn matches(json: &str, wanted: &[(SmolStr, SmolStr)]) -> bool {
    wanted.iter().all(|(key, value)| one(json, key).as_ref() == Some(value))
}

fn read<'de, V: Visitor<'de>>(json: &'de str, visitor: V) -> serde_json::Result<V::Value> {
    serde_json::Deserializer::from_str(json).deserialize_map(visitor)
}

struct All(Vec<(SmolStr, AttributeValue)>);

impl<'de> Visitor<'de> for All {
    type Value = Vec<(SmolStr, AttributeValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        while let Some(entry) = map.next_entry()? {
            self.0.push(entry);
        }
        Ok(self.0)
    }
}

/// Reads one value and skips the others without building them.
struct One<'a>(&'a str);

impl<'de> Visitor<'de> for One<'_> {
    type Value = Option<SmolStr>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<SmolStr>()? {
            if key == self.0 {
                found = Some(text(map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

fn text(value: AttributeValue) -> SmolStr {
    match value {
        AttributeValue::Text(text) => text,
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys and texts that break whoever builds a path or a query from them.
    const NASTY: [&str; 9] =
        ["a.b", "a\"b", "a'b", "$", "[0]", "a\\", "*", "a b; drop table metrics --", "é\u{10ffff}"];

    #[test]
    fn what_is_written_is_read_in_its_order() {
        let mut attributes: Vec<_> = NASTY
            .iter()
            .map(|&nasty| (nasty.into(), AttributeValue::Text(format!("{nasty}\n\t").into())))
            .collect();
        for number in ["18446744073709551615", "-7", "0.1", "200.0", "1e300"] {
            let number = serde_json::from_str(number).unwrap();
            attributes.push((format!("{number}").into(), AttributeValue::Number(number)));
        }
        attributes.push(("flag".into(), AttributeValue::Flag(true)));
        let json = to_json(&attributes);
        assert_eq!(from_json(&json), attributes);
        for (key, value) in &attributes {
            let wanted = text(value.clone());
            assert_eq!(one(&json, key), Some(wanted.clone()));
            assert!(matches(&json, &[(key.clone(), wanted)]));
            assert!(!matches(&json, &[(key.clone(), "else".into())]));
        }
        assert_eq!(one(&json, "a"), None);
    }

    #[test]
    fn all_wanted_attributes_must_be_there() {
        let json = r#"{"zone":"eu","code":200}"#;
        let wanted = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|&(k, v)| (k.into(), v.into())).collect::<Vec<_>>()
        };
        assert!(matches(json, &[]));
        assert!(matches(json, &wanted(&[("zone", "eu"), ("code", "200")])));
        assert!(!matches(json, &wanted(&[("zone", "eu"), ("code", "201")])));
        assert!(!matches(json, &wanted(&[("zone", "eu"), ("absent", "")])));
    }

    #[test]
    fn what_cannot_be_read_has_no_attributes() {
        for damaged in ["", "{\"a\":", "[1]", "{\"a\":\"b\""] {
            assert_eq!(from_json(damaged), []);
            assert_eq!(one(damaged, "a"), None);
        }
    }
}
