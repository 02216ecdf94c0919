//! What no store takes. The door lets nothing of it in; a log may hold it all the same, because
//! something else wrote there or an older version did. One rule for both stores: what is poison
//! must not depend on where it is stored.

use tailrace_contract::limits::{BATCH_METRICS_MAX, SEQ_MAX, TIME_MS_MAX};
use tailrace_contract::{AttributeValue, Batch, Metric, StoreError};

/// Whether a batch can be stored.
///
/// # Errors
/// [`StoreError::Refused`], with the batch and what is wrong with it.
pub(super) fn check(batch: &Batch) -> Result<(), StoreError> {
    let Some(fault) = fault(batch) else { return Ok(()) };
    let id = &batch.id;
    let cause = format!("batch {} of producer {} {fault}", id.seq, id.producer.0.escape_default());
    Err(StoreError::Refused { cause })
}

fn fault(batch: &Batch) -> Option<String> {
    let id = &batch.id;
    match batch.metrics.len() {
        0 => return Some("holds no metric".into()),
        n if n > BATCH_METRICS_MAX => {
            return Some(format!("holds {n} metrics; at most {BATCH_METRICS_MAX} are stored"));
        }
        _ => {}
    }
    if id.seq > SEQ_MAX {
        return Some(format!("has a sequence above {SEQ_MAX}"));
    }
    if has_nul(&id.tenant.0) || has_nul(&id.producer.0) {
        return Some("has the character U+0000 in its identity".into());
    }
    if batch.received_ms > TIME_MS_MAX {
        return Some(format!("was received at {}, beyond the year 2099", batch.received_ms));
    }
    let (index, fault) = batch
        .metrics
        .iter()
        .enumerate()
        .find_map(|(i, metric)| Some((i, metric_fault(metric)?)))?;
    Some(format!("has a metric that cannot be stored: number {index} {fault}"))
}

fn metric_fault(metric: &Metric) -> Option<&'static str> {
    let text_has_nul = |value: &AttributeValue| match value {
        AttributeValue::Text(text) => has_nul(text),
        AttributeValue::Number(_) | AttributeValue::Flag(_) => false,
    };
    if !metric.value.is_finite() {
        Some("has a value that is not a finite number")
    } else if metric.time_ms.is_some_and(|time| time > TIME_MS_MAX) {
        Some("has a time beyond the year 2099")
    } else if has_nul(&metric.name) {
        Some("has the character U+0000 in its name")
    } else if metric.attributes.iter().any(|(key, value)| has_nul(key) || text_has_nul(value)) {
        Some("has the character U+0000 in an attribute")
    } else {
        None
    }
}

/// The one character that PostgreSQL's texts and JSON cannot hold.
fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

#[cfg(test)]
mod tests {
    use tailrace_contract::{BatchId, Producer, RunId, Tenant};

    use super::*;

    /// Refused with these words, or taken when there are none.
    fn check(spoil: impl FnOnce(&mut Batch), expect: &str) {
        let metric = Metric { name: "a".into(), value: 1.0, time_ms: None, attributes: Vec::new() };
        let producer = Producer("p".into());
        let id = BatchId { tenant: Tenant::open(), run: RunId(1), producer, seq: 7 };
        let mut batch = Batch { id, received_ms: 1, metrics: vec![metric] };
        spoil(&mut batch);
        match super::check(&batch) {
            Ok(()) => assert_eq!(expect, ""),
            Err(StoreError::Refused { cause }) => {
                assert!(!expect.is_empty() && cause.contains(expect), "{cause}");
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_the_door_lets_in_is_no_poison_and_the_rest_is_named() {
        check(|_| {}, "");
        check(|batch| batch.id.seq = SEQ_MAX, "");
        check(|batch| batch.metrics[0].value = f64::MAX, "");
        check(|batch| batch.metrics.clear(), "no metric");
        check(|batch| batch.metrics = vec![batch.metrics[0].clone(); 1_001], "1001 metrics");
        check(|batch| batch.id.seq = u64::MAX, "sequence");
        check(|batch| batch.id.tenant = Tenant("a\0".into()), "identity");
        check(|batch| batch.received_ms = u64::MAX, "2099");
        check(|batch| batch.metrics[0].value = f64::NAN, "number 0 has a value");
        check(|batch| batch.metrics[0].time_ms = Some(u64::MAX), "time");
        check(|batch| batch.metrics[0].name = "a\0".into(), "name");
        let nul = || AttributeValue::Text("\0".into());
        check(|batch| batch.metrics[0].attributes.push(("k".into(), nul())), "attribute");
        check(
            |batch| batch.metrics[0].attributes.push(("\0".into(), AttributeValue::Flag(true))),
            "attribute",
        );
    }
}
