//! What a well-formed body must still obey. Each rule is one function that says what is
//! wrong, used by the fast path (is it none?) and by the explanation (which one?).

use super::Decoded;
use crate::limits::{
    ATTRIBUTE_KEY_BYTES_MAX, ATTRIBUTE_TEXT_BYTES_MAX, BATCH_METRICS_MAX, NAME_BYTES_MAX, SEQ_MAX,
    TIME_MS_MAX,
};
use crate::{AttributeValue, Metric, Producer};

/// Whether every rule holds.
pub(super) fn hold(decoded: &Decoded) -> bool {
    count_fault(decoded.metrics.len()).is_none()
        && decoded.seq.is_none_or(|seq| seq_fault(seq).is_none())
        && decoded.producer.as_ref().is_none_or(|p| Producer::fault(&p.0).is_none())
        && decoded.metrics.iter().all(metric_holds)
}

fn metric_holds(metric: &Metric) -> bool {
    name_fault(&metric.name).is_none()
        && metric.value.is_finite()
        && metric.time_ms.is_none_or(|time| time_fault(time).is_none())
        && metric.attributes.iter().enumerate().all(|(i, (key, value))| {
            key_fault(key).is_none()
                && value_fault(value).is_none()
                && metric.attributes[..i].iter().all(|(earlier, _)| earlier != key)
        })
}

pub(super) fn count_fault(metrics: usize) -> Option<String> {
    match metrics {
        0 => Some("must hold at least one metric".into()),
        n if n > BATCH_METRICS_MAX => {
            Some(format!("holds {n} metrics; at most {BATCH_METRICS_MAX} are allowed: split it"))
        }
        _ => None,
    }
}

pub(super) fn seq_fault(seq: u64) -> Option<String> {
    (seq > SEQ_MAX).then(|| format!("is {seq}; at most {SEQ_MAX} is allowed"))
}

pub(super) fn time_fault(time_ms: u64) -> Option<String> {
    (time_ms > TIME_MS_MAX).then(|| {
        format!("is {time_ms}, beyond the year 2099: times are in milliseconds since 1970")
    })
}

pub(super) fn name_fault(name: &str) -> Option<String> {
    text_fault(name, 1, NAME_BYTES_MAX)
}

pub(super) fn key_fault(key: &str) -> Option<String> {
    text_fault(key, 1, ATTRIBUTE_KEY_BYTES_MAX)
}

fn value_fault(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::Text(text) => attribute_text_fault(text),
        AttributeValue::Number(_) | AttributeValue::Flag(_) => None,
    }
}

/// Attribute texts may be empty and may hold line breaks; they are never keys. The one character
/// that not every store can hold is refused: what was acknowledged must be storable.
pub(super) fn attribute_text_fault(text: &str) -> Option<String> {
    length_fault(text, 0, ATTRIBUTE_TEXT_BYTES_MAX).or_else(|| {
        text.as_bytes().contains(&0).then(|| "must not hold the character U+0000".into())
    })
}

fn text_fault(text: &str, min: usize, max: usize) -> Option<String> {
    length_fault(text, min, max).or_else(|| {
        text.chars().any(char::is_control).then(|| "must not hold control characters".into())
    })
}

fn length_fault(text: &str, min: usize, max: usize) -> Option<String> {
    if text.len() < min {
        Some("must not be empty".into())
    } else if text.len() > max {
        Some(format!("is {} bytes long; at most {max} are allowed", text.len()))
    } else {
        None
    }
}
