//! `MessagePack`: means the same as JSON, is refused for the same reasons, and cannot harm.
//! The other side is `rmp-serde`, which shares no line with our reader and writer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::metric;
use crate::codec::{Codec, Decoded, Refused, decode};
use crate::limits::{ATTRIBUTES_MAX, BATCH_METRICS_MAX, BODY_BYTES_MAX, SEQ_MAX};
use crate::{AttributeValue, Metric, Problem, ProblemKind, Producer};

/// As another implementation writes it.
fn packed(value: &Value) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

fn refused(body: &[u8]) -> Refused {
    *decode(body).expect_err("this is no batch")
}

fn problem(body: &[u8]) -> Problem {
    refused(body).problem
}

/// The same document is accepted as the same batch, or refused for the same fields with the
/// same words.
fn check(document: &Value) {
    let (text, packed) = (document.to_string(), packed(document));
    match (decode(text.as_bytes()), decode(&packed)) {
        (Ok(ours), Ok(packed)) => assert_eq!(ours, packed, "{text}"),
        (Err(ours), Err(packed)) => {
            let sorted = |refused: Refused| {
                let mut fields = refused.problem.fields;
                fields.sort_by(|a, b| a.pointer.cmp(&b.pointer));
                (refused.seq, refused.problem.kind, fields)
            };
            assert_eq!(sorted(*ours), sorted(*packed), "{text}");
        }
        (ours, packed) => panic!("{text}: JSON is {ours:?}, MessagePack is {packed:?}"),
    }
}

#[test]
fn the_same_documents_are_accepted_and_refused() {
    let good =
        json!({"name": "cpu", "value": 1, "time": 5, "attributes": {"a": "é", "n": -7, "f": true}});
    check(&good);
    check(&json!([good, {"name": "b", "value": -1.5e300, "time": null, "attributes": null}]));
    check(&json!({"producer": "p", "seq": 3, "metrics": [good]}));
    check(&json!({"producer": null, "seq": null, "metrics": [good]}));
    check(&json!([]));
    check(&json!({}));
    check(&json!({"name": 7, "value": "x"}));
    check(&json!([{"name": "a", "value": 1}, {"name": "", "value": null}]));
    check(&json!({"producer": "a b", "seq": -1, "metrics": []}));
    check(&json!({"seq": 1.0, "metrics": [[1, 2]]}));
    check(&json!({"seq": 41, "metrics": [{}]}));
    check(&json!({"name": "a", "value": 1, "time": 1.5}));
    check(&json!({"name": "a", "value": 1, "time": -1}));
    check(&json!({"name": "a", "value": 1, "time": 1_700_000_000_000_000_u64}));
    check(&json!({"name": "a", "value": 1, "attributes": {"x": {}, "y": [1], "z": null, "": 1}}));
    check(&json!({"name": "a\0", "value": 1, "attributes": {"x": "1\0", "y\0": 1, "z": "\n"}}));
    check(&json!({"name": "a", "value": 1, "unit": "s", "producer": "p"}));
    check(&json!([["cpu", 1, null, null]]));
    check(&Value::Array(vec![good.clone(); BATCH_METRICS_MAX + 1]));
    check(&Value::Array(vec![json!(0); 900]));
    let many: serde_json::Map<_, _> = (0..100).map(|i| (format!("k{i}"), json!(i))).collect();
    check(&json!({"name": "a", "value": 1, "attributes": many}));
}

#[test]
fn numbers_of_every_width_are_one_number() {
    let body = |number: &[u8]| [b"\x83\xa4name\xa1a\xa5value\x01\xa4time", number].concat();
    let times: [&[u8]; 9] = [
        &[5],
        &[0xcc, 5],
        &[0xcd, 0, 5],
        &[0xce, 0, 0, 0, 5],
        &[0xcf, 0, 0, 0, 0, 0, 0, 0, 5],
        &[0xd0, 5],
        &[0xd1, 0, 5],
        &[0xd2, 0, 0, 0, 5],
        &[0xd3, 0, 0, 0, 0, 0, 0, 0, 5],
    ];
    for time in times {
        assert_eq!(decode(&body(time)).unwrap().metrics[0].time_ms, Some(5), "{time:?}");
    }
    // A float is no time, however whole it is; as a value every number will do.
    let float = [&[0xcb][..], &5f64.to_be_bytes()].concat();
    assert_eq!(problem(&body(&float)).fields[0].pointer, "/time");
    let value = |number: &[u8]| [b"\x82\xa4name\xa1a\xa5value", number].concat();
    for (number, expected) in [
        (&[0xca, 0x3f, 0x00, 0x00, 0x00][..], 0.5),
        (&[0xff], -1.0),
        (&[0xd1, 0xff, 0x00], -256.0),
        (&[0xcc, 0xff], 255.0),
        (&float, 5.0),
    ] {
        let seen = decode(&value(number)).unwrap().metrics[0].value;
        assert!((seen - expected).abs() < f64::EPSILON, "{number:?} is {seen}");
    }
}

#[test]
fn what_only_messagepack_can_say_is_refused_at_its_field() {
    let metric = |field: &str, value: &[u8]| {
        let mut body = vec![0x83];
        for (name, own) in [("name", &b"\xa1a"[..]), ("value", b"\x01"), ("time", b"\x05")] {
            body.push(0xa0 | name.len() as u8);
            body.extend_from_slice(name.as_bytes());
            body.extend_from_slice(if name == field { value } else { own });
        }
        body
    };
    let nan = [&[0xcb][..], &f64::NAN.to_be_bytes()].concat();
    let infinite = [&[0xca][..], &f32::NEG_INFINITY.to_be_bytes()].concat();
    for (field, value, pointer, said) in [
        ("name", &b"\xc4\x01a"[..], "/name", "binary data"),
        ("value", &nan, "/value", "NaN or infinite"),
        ("value", &infinite, "/value", "NaN or infinite"),
        ("value", b"\xc4\x01a", "/value", "binary data"),
        ("time", b"\xd6\xff\x00\x00\x00\x05", "/time", "an extension type"),
        ("time", b"\xc7\x0c\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01", "/time", "ext"),
    ] {
        let problem = problem(&metric(field, value));
        assert_eq!(problem.kind, ProblemKind::Invalid, "{problem:?}");
        assert_eq!(problem.fields.len(), 1, "{problem:?}");
        assert_eq!(problem.fields[0].pointer, pointer);
        assert!(problem.fields[0].detail.contains(said), "{problem:?}");
    }
    // Keys that are no text: a number, binary data, a position instead of a name.
    for body in [&b"\x82\x00\xa1a\x01\x01"[..], b"\x82\xc4\x04name\xa1a\xa5value\x01"] {
        let problem = problem(body);
        assert!(problem.fields[0].detail.contains("keys are strings"), "{problem:?}");
    }
    let attributes = b"\x83\xa4name\xa1a\xa5value\x01\xaaattributes\x82\xc4\x01k\x01\xa1b\xc4\x00";
    let pointers: Vec<_> = problem(attributes).fields.into_iter().map(|f| f.pointer).collect();
    assert_eq!(pointers, ["/attributes", "/attributes/b"]);
}

#[test]
fn repeated_keys_are_refused_as_in_json() {
    let twice = b"\x83\xa4name\xa1a\xa5value\x01\xa4name\xa1b";
    assert_eq!(problem(twice).fields[0].pointer, "/name");
    let attributes = b"\x83\xa4name\xa1a\xa5value\x01\xaaattributes\x82\xa1x\x01\xa1x\x02";
    assert_eq!(problem(attributes).fields[0].pointer, "/attributes/x");
}

#[test]
fn says_where_it_stops_being_messagepack() {
    let good = packed(&json!([{"name": "a", "value": 1}]));
    for (body, said) in [
        (good[..good.len() - 1].to_vec(), "ends too early"),
        ([&good[..], b"\x00\x00"].concat(), "more follows, at byte 16, 2 before the end"),
        (b"\x91\xc1".to_vec(), "0xc1"),
        (b"\x82\xa4name\xa2\xff\xfe\xa5value\x01".to_vec(), "not UTF-8"),
        (b"\x81\xa4na".to_vec(), "at byte 2"),
        (vec![0x91; 1_000], "nested too deeply"),
        (b"\xcb\x00".to_vec(), "neither as JSON nor as a map or an array of MessagePack"),
    ] {
        let problem = problem(&body);
        assert_eq!(problem.kind, ProblemKind::Malformed);
        assert!(problem.detail.contains(said), "{} lacks {said}", problem.detail);
    }
}

/// Every form of every item, at the edges of what it holds: byte for byte what the other
/// implementation writes.
#[test]
fn every_item_takes_its_shortest_form() {
    let edges = [0_i64, 7, 8, 15, 16, 31, 32, 63];
    let numbers = edges.into_iter().flat_map(|power| {
        let edge = 1_i64.checked_shl(power as u32).unwrap_or(i64::MAX);
        [edge.wrapping_sub(1), edge, -1 - edge.wrapping_sub(1), -edge.wrapping_sub(1), -32, -33]
    });
    let number = |number: i64| AttributeValue::Number(number.into());
    let lengths = [0, 1, 15, 16, 31, 32, 255, 256, 1_024];
    let texts = lengths.map(|length| AttributeValue::Text("x".repeat(length).into()));
    let more = [AttributeValue::Number(u64::MAX.into()), AttributeValue::Flag(true)];
    let values: Vec<_> = numbers.map(number).chain(texts).chain(more).collect();
    let metric = |attributes: &[AttributeValue], time_ms| {
        let keyed = attributes.iter().enumerate();
        let attributes = keyed.map(|(i, value)| (format!("k{i}").into(), value.clone())).collect();
        Metric { name: "a".into(), value: -0.5, time_ms, attributes }
    };
    let times = [0, 127, 128, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32];
    let mut metrics: Vec<_> = values.chunks(ATTRIBUTES_MAX).map(|v| metric(v, None)).collect();
    metrics.extend(times.map(|time| metric(&[], Some(time))));
    metrics.extend([15, 16, 17].map(|count| metric(&values[..count], Some(1))));
    for count in [1, 15, 16, metrics.len(), BATCH_METRICS_MAX] {
        let some: Vec<_> = metrics.iter().cycle().take(count).cloned().collect();
        let mut body = Vec::new();
        Codec::Msgpack.encode_metrics(&some, &mut body);
        assert!(body == rmp_serde::to_vec_named(&some).unwrap(), "{count} metrics differ");
        assert_eq!(decode(&body).unwrap().metrics, some);
    }
}

/// Lengths that are only claimed cost nothing: kept, any of these would need gigabytes.
#[test]
fn claimed_lengths_are_not_believed() {
    let metric = b"\x82\xa4name\xa1a\xa5value";
    let huge = [0xff; 4];
    for marker in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
        let claim = [&[marker][..], &huge].concat();
        for body in [claim.clone(), [&metric[..], &claim].concat(), [&[0x91][..], &claim].concat()]
        {
            let problem = problem(&body);
            assert_eq!(problem.kind, ProblemKind::Malformed, "{problem:?}");
            let claimed = ["4294967295", "4294967296", "8589934590"];
            let refused_at_once = claimed.iter().any(|claim| problem.detail.contains(claim));
            assert!(refused_at_once || body == claim, "{problem:?}");
        }
    }
}

#[test]
fn large_nonsense_is_refused_within_bounds() {
    // As many values as a body can hold, at every depth that is looked at.
    let nil = vec![0xc0; BODY_BYTES_MAX - 5];
    let list = [&[0xdd][..], &(nil.len() as u32).to_be_bytes(), &nil].concat();
    let refused = problem(&list);
    assert_eq!(refused.fields[0].detail.split(' ').nth(1), Some("1048571"), "{refused:?}");
    let pairs = [&[0xdf][..], &(nil.len() as u32 / 2).to_be_bytes(), &nil[1..]].concat();
    assert!(problem(&pairs).fields[0].detail.contains("keys are strings"));
}

/// Something like a batch, right or wrong in any place.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![any::<i64>(), -200..200i64].prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e6..1e6f64).prop_map(Value::from),
        "[a-z \\n]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 4, |inner| {
        const KEYS: [&str; 9] =
            ["name", "value", "time", "attributes", "producer", "seq", "metrics", "unit", ""];
        let fields =
            prop::collection::btree_map(prop::sample::select(&KEYS[..]), inner.clone(), 0..6);
        let object = fields.prop_map(|fields| {
            fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
        });
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::Array), object]
    })
}

proptest! {
    #[test]
    fn any_document_is_judged_alike(document in document()) {
        // Scalars are no documents: which codec they would be in cannot be told.
        if document.is_object() || document.is_array() {
            check(&document);
        }
    }

    #[test]
    fn what_is_packed_decodes_to_what_json_decodes_to(
        metrics in prop::collection::vec(metric(), 1..24), seq in 0..=SEQ_MAX,
    ) {
        let producer = Producer("host-1".into());
        let body = |codec: Codec| {
            let mut body = Vec::new();
            codec.encode_batch(&producer, seq, &metrics, &mut body);
            assert_eq!(Codec::of(&body), codec);
            body
        };
        let (text, packed) = (body(Codec::Json), body(Codec::Msgpack));
        let decoded = decode(&packed).unwrap();
        prop_assert_eq!(&decoded, &decode(&text).unwrap());
        let whole = Decoded { producer: Some(producer.clone()), seq: Some(seq), metrics: metrics.clone() };
        prop_assert_eq!(decoded, whole);
        // The other implementation reads the same document out of both.
        let theirs: Value = rmp_serde::from_slice(&packed).unwrap();
        prop_assert_eq!(theirs, serde_json::from_slice::<Value>(&text).unwrap());
    }

    #[test]
    fn no_bytes_make_it_panic(
        first in prop::sample::select(vec![0x81, 0x83, 0x92, 0xdc, 0xde]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = decode(&[&[first][..], &rest].concat());
    }

    /// A byte changed, bytes cut out, or bytes put in: refused or another batch, never a panic.
    #[test]
    fn mutated_batches_are_harmless(
        metrics in prop::collection::vec(metric(), 1..4),
        place in any::<prop::sample::Index>(),
        cut in 0..4usize,
        put in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut body = Vec::new();
        Codec::Msgpack.encode_batch(&Producer("p".into()), 7, &metrics, &mut body);
        let place = place.index(body.len());
        let end = body.len().min(place + cut);
        body.splice(place..end, put);
        let decoded: Result<Decoded, _> = decode(&body);
        if let Err(refused) = &decoded {
            prop_assert!(!refused.problem.detail.is_empty());
        }
        for Metric { value, .. } in decoded.iter().flat_map(|decoded| &decoded.metrics) {
            prop_assert!(value.is_finite());
        }
    }
}
