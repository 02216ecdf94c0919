//! Delay and bandwidth: never less than asked, and not a multiple of it.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::stage::{Linked, echo, noise, ping, server};

/// Runs something and says how long it took.
fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

#[test]
fn no_byte_is_early_and_few_are_late() {
    let round_trip = Duration::from_millis(20);
    let link = Linked::start(server(echo), round_trip, None);
    let mut socket = link.connect();
    ping(&mut socket);
    let mut times: Vec<Duration> = (0..50).map(|_| timed(|| ping(&mut socket))).collect();
    times.sort();
    assert!(times[0] >= round_trip, "{:?} is less than {round_trip:?}", times[0]);
    // Far above what it is, because the machine may be busy; a delay that is counted twice or
    // a timer of milliseconds would still show.
    assert!(times[25] < round_trip + Duration::from_millis(10), "{times:?}");
}

#[test]
fn without_delay_there_is_hardly_any() {
    let link = Linked::start(server(echo), Duration::ZERO, None);
    let mut socket = link.connect();
    let mut times: Vec<Duration> = (0..50).map(|_| timed(|| ping(&mut socket))).collect();
    times.sort();
    assert!(times[25] < Duration::from_millis(10), "{times:?}");
}

#[test]
fn a_new_connection_costs_a_round_trip_more() {
    let round_trip = Duration::from_millis(20);
    let link = Linked::start(server(echo), round_trip, None);
    for _ in 0..5 {
        let took = timed(|| ping(&mut link.connect()));
        assert!(took >= 2 * round_trip, "{took:?}");
    }
}

#[test]
fn who_speaks_first_waits_for_the_handshake_too() {
    let round_trip = Duration::from_millis(20);
    let greeting = server(|mut socket| socket.write_all(b"hello").unwrap());
    let link = Linked::start(greeting, round_trip, None);
    let took = timed(|| {
        let mut said = String::new();
        link.connect().read_to_string(&mut said).unwrap();
        assert_eq!(said, "hello");
    });
    assert!(took >= 2 * round_trip, "{took:?}");
}

#[test]
fn all_connections_share_one_bandwidth_each_way() {
    // 40 Mbit/s are 5 bytes a microsecond.
    let link = Linked::start(server(echo), Duration::ZERO, Some(40.0));
    let (connections, bytes) = (4, 250_000);
    let took = timed(|| {
        std::thread::scope(|scope| {
            for n in 0..connections {
                let mut reader = link.connect();
                scope.spawn(move || {
                    let sent = noise(bytes, n);
                    let mut writer = reader.try_clone().unwrap();
                    let mut received = vec![0; bytes];
                    std::thread::scope(|scope| {
                        scope.spawn(|| writer.write_all(&sent).unwrap());
                        reader.read_exact(&mut received).unwrap();
                    });
                    assert!(received == sent);
                });
            }
        });
    });
    // One way takes 200 ms. There and back overlap: one direction does not eat the other's.
    let one_way = Duration::from_micros(connections * bytes as u64 / 5);
    assert!(took >= one_way, "{took:?}");
    assert!(took < one_way * 4, "{took:?}");
}
