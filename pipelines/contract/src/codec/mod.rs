//! Bytes to batch and back. [`decode`] has a fast path that parses straight into metrics and
//! applies the `rules`; only when that fails does `explain` read the body a second time to
//! name every bad field. Good producers never pay for bad ones.

mod document;
mod encode;
mod explain;
mod rules;

pub use encode::{encode_batch, encode_head, encode_tail};

use crate::{Metric, Problem, Producer};

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

/// Decodes and validates one body: one metric, an array of them, or
/// `{"producer","seq","metrics":[…]}`. All or nothing.
///
/// # Errors
/// Refused with every bad field named (up to a limit), or the place where it stops being JSON.
pub fn decode(body: &[u8]) -> Result<Decoded, Box<Refused>> {
    match document::parse(body) {
        Ok(decoded) if rules::hold(&decoded) => Ok(decoded),
        Ok(_) => Err(Box::new(explain::explain(body, "an attribute stands twice"))),
        Err(fault) => Err(Box::new(explain::explain(body, &fault))),
    }
}

#[cfg(test)]
mod tests;
