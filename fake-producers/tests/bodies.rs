//! Bodies are byte-identical for a seed, on every machine and in every version, and every one
//! of them is valid. The pinned digests change only when the generated data is meant to.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tailrace_contract::codec::{Codec, decode};
use tailrace_contract::{Metric, Producer};
use tailrace_producers::{EPOCH_MS, Fleet, FleetConfig, PayloadError, Payloads, Shape};

const BODIES: usize = 10_000;

fn config(seed: u64, shape: Shape) -> FleetConfig {
    let spikes = Some("every=20s,for=3s,height=3,share=0.2".parse().unwrap());
    FleetConfig { seed, hosts: 50, shape, spikes, ..FleetConfig::default() }
}

fn bodies(mut fleet: Fleet) -> impl Iterator<Item = Vec<u8>> {
    let mut metrics = Vec::new();
    std::iter::from_fn(move || {
        let head = fleet.next_batch(&mut metrics)?;
        let mut body = Vec::new();
        Codec::Json.encode_batch(&head.producer, head.seq, &metrics, &mut body);
        Some(body)
    })
}

fn digest(bodies: impl Iterator<Item = Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    for body in bodies.take(BODIES) {
        hash.update(&body);
        hash.update(b"\n");
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn check(shape: Shape, pinned: &str) {
    let of_seed = |seed| digest(bodies(Fleet::new(config(seed, shape)).unwrap()));
    assert_eq!(of_seed(42), pinned);
    assert_eq!(of_seed(42), of_seed(42));
    assert_ne!(of_seed(43), pinned);
}

#[test]
fn hosts_are_byte_identical_for_a_seed() {
    check(Shape::Hosts, "78d3607e8ecefdb3d4b3c0f9712207988b3526044998cd8c6870a218c0a287a9");
}

#[test]
fn events_are_byte_identical_for_a_seed() {
    check(Shape::Events, "9a96579b9e480b5ce97f5802c022fcf48c227ab27f85a06a5c55a0c85c53c85f");
}

#[test]
fn a_mixed_fleet_is_byte_identical_for_a_seed() {
    check(Shape::Mixed, "24c7e3d3583ef4c5bba09eeb3c29c3a2b02052b73112f75455c45c2c8192a3a1");
}

fn payload_bodies(seed: u64, codec: Codec) -> impl Iterator<Item = Vec<u8>> {
    let payloads = Payloads::new(seed, 1, 1_000, codec).unwrap();
    let producer = Producer("connection-0".into());
    (0..).map(move |seq| {
        let mut body = Vec::new();
        payloads.write_body(&producer, seq, &mut body);
        body
    })
}

#[test]
fn payloads_are_byte_identical_for_a_seed() {
    for (codec, pinned) in [
        (Codec::Json, "f34a67d18ea3997dab40f305641068a881bb617dbbd7a64d2566bdb6ee57c0cd"),
        (Codec::Msgpack, "1404fcc40139269fe16cf05c2ce835f176144a2ce94fb0034b3fe7bd7858217b"),
    ] {
        assert_eq!(digest(payload_bodies(42, codec)), pinned);
        assert_ne!(digest(payload_bodies(43, codec)), pinned);
    }
}

#[test]
fn payloads_say_the_same_in_every_codec() {
    let packed = payload_bodies(5, Codec::Msgpack);
    for (text, packed) in payload_bodies(5, Codec::Json).zip(packed).take(1_000) {
        assert_eq!(decode(&text).unwrap(), decode(&packed).unwrap());
        assert!(packed.len() < text.len());
    }
}

#[test]
fn every_body_is_valid_and_says_who_it_is() {
    for shape in [Shape::Hosts, Shape::Events, Shape::Mixed] {
        let mut fleet = Fleet::new(config(7, shape)).unwrap();
        let mut metrics: Vec<Metric> = Vec::new();
        for ordinal in 0..2_000 {
            let head = fleet.next_batch(&mut metrics).unwrap();
            assert_eq!((head.ordinal, head.seq), (ordinal, ordinal / 50));
            let mut body = Vec::new();
            Codec::Json.encode_batch(&head.producer, head.seq, &metrics, &mut body);
            let decoded = decode(&body).unwrap();
            assert_eq!(decoded.seq, Some(head.seq));
            assert_eq!(decoded.producer, Some(head.producer));
            assert_eq!(decoded.metrics, metrics);
            assert!(shape != Shape::Hosts || metrics.len() == 6);
        }
    }
}

#[test]
fn every_payload_is_valid_and_of_its_size() {
    for (metrics, count) in [(1, 1_000), (10, 100), (1_000, 3)] {
        let payloads = Payloads::new(1, metrics, count, Codec::Json).unwrap();
        let producer = Producer("p".into());
        let mut distinct = BTreeSet::new();
        for seq in 0..count as u64 {
            let mut body = Vec::new();
            payloads.write_body(&producer, seq, &mut body);
            let decoded = decode(&body).unwrap();
            assert_eq!((decoded.seq, decoded.metrics.len()), (Some(seq), metrics));
            let per_metric = body.len() / metrics;
            assert!((120..240).contains(&per_metric), "{per_metric} bytes a metric");
            distinct.insert(body);
        }
        assert_eq!(distinct.len(), count);
        assert_eq!(payloads.arrays().collect::<BTreeSet<_>>().len(), count, "distinct arrays");
    }
    assert_eq!(Payloads::new(1, 0, 1, Codec::Json).unwrap_err(), PayloadError::Metrics { seen: 0 });
    assert_eq!(Payloads::new(1, 1, 0, Codec::Json).unwrap_err(), PayloadError::Count);
}

#[test]
fn parts_together_are_the_whole() {
    let whole: Vec<_> = bodies(Fleet::new(config(3, Shape::Mixed)).unwrap()).take(500).collect();
    let mut joined = vec![Vec::new(); 500];
    for part in 0..3 {
        let mut fleet = Fleet::part(config(3, Shape::Mixed), part, 3).unwrap();
        let mut metrics = Vec::new();
        while fleet.next_ordinal().is_some_and(|ordinal| ordinal < 500) {
            let head = fleet.next_batch(&mut metrics).unwrap();
            let body = &mut joined[head.ordinal as usize];
            Codec::Json.encode_batch(&head.producer, head.seq, &metrics, body);
        }
    }
    assert!(whole == joined, "the parts differ from the whole");
}

#[test]
fn times_start_at_the_epoch_and_advance_evenly() {
    let every = Duration::from_millis(700);
    let config = FleetConfig { hosts: 7, every, ..FleetConfig::default() };
    let mut fleet = Fleet::new(config).unwrap();
    let mut metrics = Vec::new();
    for ordinal in 0..100 {
        fleet.next_batch(&mut metrics).unwrap();
        assert!(metrics.iter().all(|m| m.time_ms == Some(EPOCH_MS + ordinal * 100)));
    }
}

#[test]
fn a_part_without_producers_gives_nothing() {
    let config = FleetConfig { hosts: 2, ..FleetConfig::default() };
    let mut fleet = Fleet::part(config, 2, 3).unwrap();
    assert_eq!(fleet.next_ordinal(), None);
    assert_eq!(fleet.next_batch(&mut Vec::new()), None);
}

#[test]
fn impossible_fleets_are_refused_with_a_reason() {
    let check = |config: FleetConfig, expected: &str| {
        let message = Fleet::new(config).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    let normal = FleetConfig::default;
    check(FleetConfig { hosts: 0, ..normal() }, "0 hosts");
    check(FleetConfig { events: 1_000, ..normal() }, "1000 events");
    check(FleetConfig { every: Duration::ZERO, ..normal() }, "--every");
    assert!("host".parse::<Shape>().unwrap_err().to_string().contains("hosts, events and mixed"));
}
