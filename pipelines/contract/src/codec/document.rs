//! The fast path: one pass straight into metrics, with counts limited while reading so that a
//! hostile body is dropped at the limit and not after it was built. What stands here is the data
//! model of both codecs; neither accepts a list of values where fields have names.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use smol_str::SmolStr;

use super::{Codec, Decoded, msgpack};
use crate::limits::{ATTRIBUTES_MAX, BATCH_METRICS_MAX};
use crate::{AttributeValue, Metric, Producer};

/// Parses one of the three shapes. The error is for people.
#[inline]
pub(super) fn parse(codec: Codec, body: &[u8]) -> Result<Decoded, String> {
    match codec {
        Codec::Json => parse_json(body).map_err(|fault| fault.to_string()),
        Codec::Msgpack => parse_msgpack(body).map_err(|fault| fault.to_string()),
    }
}

fn parse_json(body: &[u8]) -> serde_json::Result<Decoded> {
    let first = body.iter().find(|b| !b.is_ascii_whitespace());
    if first == Some(&b'[') {
        serde_json::from_slice(body).map(Metrics::into_decoded)
    } else {
        serde_json::from_slice::<Document>(body).and_then(Document::into_decoded)
    }
}

fn parse_msgpack(body: &[u8]) -> Result<Decoded, msgpack::Fault> {
    if body.first().copied().is_some_and(msgpack::begins_array) {
        msgpack::from_slice(body).map(Metrics::into_decoded)
    } else {
        msgpack::from_slice::<Document>(body).and_then(Document::into_decoded)
    }
}

/// Either a metric or a batch; which one is decided by the fields that are there.
#[derive(serde::Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct Document {
    name: Option<SmolStr>,
    value: Option<f64>,
    time: Option<u64>,
    attributes: Option<Attributes>,
    producer: Option<SmolStr>,
    seq: Option<u64>,
    metrics: Option<Metrics>,
}

impl Document {
    fn into_decoded<E: serde::de::Error>(self) -> Result<Decoded, E> {
        let Self { name, value, time, attributes, producer, seq, metrics } = self;
        match (name, value, metrics) {
            (None, None, Some(Metrics(metrics))) if time.is_none() && attributes.is_none() => {
                Ok(Decoded { producer: producer.map(Producer), seq, metrics })
            }
            (Some(name), Some(value), None) if producer.is_none() && seq.is_none() => {
                let attributes = attributes.map(|a| a.0).unwrap_or_default();
                let metric = Metric { name, value, time_ms: time, attributes };
                Ok(Decoded { producer: None, seq: None, metrics: vec![metric] })
            }
            _ => Err(E::custom("neither a metric nor a batch")),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct MetricDocument {
    name: SmolStr,
    value: f64,
    time: Option<u64>,
    attributes: Option<Attributes>,
}

/// Fields by name only: what `serde` derives would take a list of values as well.
macro_rules! by_name {
    ($($document:ident),*) => {$(
        impl<'de> Deserialize<'de> for $document {
            #[inline]
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ByName;
                impl<'de> Visitor<'de> for ByName {
                    type Value = $document;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    #[inline]
                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$document, A::Error> {
                        $document::deserialize(MapAccessDeserializer::new(map))
                    }
                }
                deserializer.deserialize_map(ByName)
            }
        }
    )*};
}

by_name!(Document, MetricDocument);

struct Metrics(Vec<Metric>);

impl Metrics {
    fn into_decoded(self) -> Decoded {
        Decoded { producer: None, seq: None, metrics: self.0 }
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Metrics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of metrics")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Metrics, A::Error> {
                // A claim, and never more than what is left to read.
                let claimed = list.size_hint().unwrap_or(0).min(BATCH_METRICS_MAX);
                let mut metrics = Vec::with_capacity(claimed);
                while let Some(m) = list.next_element::<MetricDocument>()? {
                    if metrics.len() == BATCH_METRICS_MAX {
                        return Err(A::Error::custom("too many metrics"));
                    }
                    let attributes = m.attributes.map(|a| a.0).unwrap_or_default();
                    let (name, value, time_ms) = (m.name, m.value, m.time);
                    metrics.push(Metric { name, value, time_ms, attributes });
                }
                Ok(Metrics(metrics))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

struct Attributes(Vec<(SmolStr, AttributeValue)>);

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of attributes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    if list.len() == ATTRIBUTES_MAX {
                        return Err(A::Error::custom("too many attributes"));
                    }
                    list.push(entry);
                }
                Ok(Attributes(list))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = AttributeValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number, true or false")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Text(text.into()))
            }

            fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Flag(flag))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Number(number.into()))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Number(number.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<AttributeValue, E> {
                serde_json::Number::from_f64(number)
                    .map(AttributeValue::Number)
                    .ok_or_else(|| E::custom("not a finite number"))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}
