//! The door's table of good and bad bodies, in JSON. The same table in `MessagePack`, and what only
//! `MessagePack` can do wrong: `msgpack.rs`.

mod msgpack;

use proptest::prelude::*;

use super::*;
use crate::AttributeValue;

/// Decodes and returns the pointers of the fields that were refused, or none when accepted.
fn check(body: &str, expected: &[&str]) {
    let pointers = match decode(body.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(refused) => {
            assert_eq!(refused.problem.status(), 400, "{body}");
            assert!(!refused.problem.detail.is_empty());
            refused.problem.fields.into_iter().map(|f| f.pointer).collect()
        }
    };
    assert_eq!(pointers, expected, "{body}");
}

#[test]
fn accepts_the_three_shapes() {
    check(r#"{"name":"cpu","value":1}"#, &[]);
    check(
        r#" [{"name":"cpu","value":-1.5e3,"time":0,"attributes":{"a":"b","n":1,"f":true}}]"#,
        &[],
    );
    check(r#"{"producer":"p","seq":3,"metrics":[{"name":"cpu","value":0}]}"#, &[]);
    let decoded = decode(br#"{"producer":"p","seq":3,"metrics":[{"name":"cpu","value":0}]}"#);
    assert_eq!(decoded.unwrap().seq, Some(3));
}

#[test]
fn points_at_every_bad_field() {
    check(r#"{"value":1}"#, &["/name"]);
    check(r#"{"name":7,"value":"x"}"#, &["/name", "/value"]);
    check(r#"[{"name":"a","value":1},{"name":"","value":null}]"#, &["/1/name", "/1/value"]);
    check(r#"{"producer":"a b","seq":-1,"metrics":[]}"#, &["/producer", "/seq", "/metrics"]);
    check(r#"{"name":"a","value":1,"time":1.5}"#, &["/time"]);
    check(r#"{"name":"a","value":1,"time":1700000000000000}"#, &["/time"]);
    check(
        r#"{"name":"a","value":1,"attributes":{"x":{}, "y":[1], "z":null}}"#,
        &["/attributes/x", "/attributes/y", "/attributes/z"],
    );
    check(r#"{"name":"a","value":1,"unit":"s"}"#, &["/unit"]);
    check(r#"{"name":"a","value":1,"producer":"p"}"#, &["/producer"]);
    check(r#"{"name":"a","value":1,"name":"b"}"#, &["/name"]);
    check(r#"{"name":"a","value":1,"attributes":{"x":1,"y":2,"x":3}}"#, &["/attributes/x"]);
    check("7", &[""]);
}

/// PostgreSQL's JSON holds every character but one.
#[test]
fn the_character_that_a_store_cannot_hold_is_refused() {
    check(r#"{"name":"a\u0000","value":1}"#, &["/name"]);
    check(r#"{"name":"a","value":1,"attributes":{"x":"1\u0000"}}"#, &["/attributes/x"]);
    let in_key = decode(br#"{"name":"a","value":1,"attributes":{"x\u0000":1}}"#).unwrap_err();
    assert_eq!(in_key.problem.fields.len(), 1);
    check(r#"{"name":"a","value":1,"attributes":{"x":"\u0001\n\u001f\u007f"}}"#, &[]);
}

#[test]
fn values_without_names_are_no_metric() {
    check(r#"[["cpu",1,null,null]]"#, &["/0"]);
    check(r#"[["cpu",1,null,null],{"name":"a"}]"#, &["/0", "/1/value"]);
}

#[test]
fn says_where_it_stops_being_json() {
    for (body, hint) in [
        (&b""[..], "empty"),
        (b"{\"name\":", "EOF"),
        (b"{\"name\":\"a\",\"value\":NaN}", "line 1"),
        (b"{\"name\":\"a\",\"value\":1e999}", "out of range"),
        (b"{\"name\":\"\xff\",\"value\":1}", "UTF-8"),
        (b"\x1f\x8b\x08", "compressed"),
    ] {
        let refused = decode(body).unwrap_err();
        let detail = &refused.problem.detail;
        assert!(detail.contains(hint), "{detail} lacks {hint}");
    }
}

#[test]
fn hostile_bodies_are_refused_within_bounds() {
    let deep = "[".repeat(500_000);
    assert!(decode(deep.as_bytes()).is_err());
    let many = (0..50_000).map(|i| format!("\"k{i}\":1")).collect::<Vec<_>>().join(",");
    check(&format!("{{\"name\":\"a\",\"value\":1,\"attributes\":{{{many}}}}}"), &["/attributes"]);
    let wide = format!("[{}]", vec!["{\"name\":\"a\",\"value\":1}"; 1_001].join(","));
    check(&wide, &[""]);
    let wrong = format!("[{}]", vec!["0"; 900].join(","));
    assert_eq!(decode(wrong.as_bytes()).unwrap_err().problem.fields.len(), 16);
}

#[test]
fn a_refusal_keeps_the_sequence_it_could_read() {
    let refused = decode(br#"{"producer":"p","seq":41,"metrics":[{}]}"#).unwrap_err();
    assert_eq!(refused.seq, Some(41));
}

fn metric() -> impl Strategy<Value = Metric> {
    let value = prop_oneof![
        "[a-zA-Z \"\\\\\u{e9}\n]{0,12}".prop_map(|t| AttributeValue::Text(t.into())),
        any::<i64>().prop_map(|n| AttributeValue::Number(n.into())),
        any::<bool>().prop_map(AttributeValue::Flag),
    ];
    let attributes = prop::collection::btree_map("[a-z~/]{1,6}", value, 0..5);
    let number = any::<f64>().prop_filter("finite", |v| v.is_finite());
    ("[a-z.\"]{1,20}", number, prop::option::of(0..=crate::limits::TIME_MS_MAX), attributes)
        .prop_map(|(name, value, time_ms, attributes)| Metric {
            name: name.into(),
            value,
            time_ms,
            attributes: attributes.into_iter().map(|(k, v)| (k.into(), v)).collect(),
        })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(
        metrics in prop::collection::vec(metric(), 1..8), seq in 0..=crate::limits::SEQ_MAX,
    ) {
        let producer = Producer("host-1".into());
        let mut body = Vec::new();
        Codec::Json.encode_batch(&producer, seq, &metrics, &mut body);
        prop_assert_eq!(Codec::of(&body), Codec::Json);
        let decoded = decode(&body).unwrap();
        prop_assert_eq!(decoded, Decoded { producer: Some(producer), seq: Some(seq), metrics });
    }

    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&body);
    }
}
