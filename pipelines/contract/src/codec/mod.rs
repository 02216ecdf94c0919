//! Bytes to batch and back, in two codecs: JSON, and `MessagePack` as its control. [`decode`] has
//! a fast path that parses straight into metrics and applies the `rules`; only when that fails
//! does `explain` read the body a second time to name every bad field. Good producers never pay
//! for bad ones.
//!
//! Which codec a body has is told by its first byte, so a log can keep bodies as they came, and
//! whoever reads one needs nothing else. The header `Content-Type` is not looked at: many
//! clients send one that they did not choose. Answers are JSON for both: they are small, and no
//! part of what is compared.

mod document;
mod encode;
mod explain;
mod msgpack;
mod rules;
mod seen;

use crate::{Metric, Problem, Producer};

/// How a batch is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// Text that people can read.
    #[default]
    Json,
    /// The same maps, arrays and scalars in binary. There is nothing of JSON's text to scan or to
    /// convert, which shows how much of a figure is the codec's and not the protocol's.
    Msgpack,
}

impl Codec {
    /// Of a body: a map or an array of `MessagePack` starts beyond ASCII, JSON text never does.
    /// What starts as neither is taken for JSON and refused as such.
    #[inline]
    pub fn of(body: &[u8]) -> Self {
        match body.first() {
            Some(&first @ 0x80..) if msgpack::begins_body(first) => Self::Msgpack,
            _ => Self::Json,
        }
    }

    /// Value of a `Content-Type` header. Source of the second: the registry of IANA.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Msgpack => "application/vnd.msgpack",
        }
    }
}

/// A valid body.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The producer, if the body named one.
    pub producer: Option<Producer>,
    /// The sequence, if the body named one.
    pub seq: Option<u64>,
    /// 1 to [`crate::limits::BATCH_METRICS_MAX`].
    pub metrics: Vec<Metric>,
}

/// A refused body.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The sequence, as far as it could be read: lets the answer name it.
    pub seq: Option<u64>,
    /// Why.
    pub problem: Problem,
}

/// Decodes and validates one body in either codec: one metric, an array of them, or
/// `{"producer","seq","metrics":[…]}`. All or nothing.
///
/// # Errors
/// Refused with every bad field named (up to a limit), or the place where it stops being what it
/// began as.
pub fn decode(body: &[u8]) -> Result<Decoded, Box<Refused>> {
    let codec = Codec::of(body);
    match document::parse(codec, body) {
        Ok(decoded) if rules::hold(&decoded) => Ok(decoded),
        Ok(_) => Err(Box::new(explain::explain(codec, body, "it breaks a rule"))),
        Err(fault) => Err(Box::new(explain::explain(codec, body, &fault))),
    }
}

#[cfg(test)]
mod tests;
