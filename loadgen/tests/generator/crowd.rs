//! Subscribers beside the measured one: they read and throw away, the stalled do not, and who is
//! cut off is told.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tailrace_contract::RunId;
use tailrace_loadgen::crowd::Subscribers;
use tailrace_loadgen::plan::FeedPlan;
use tailrace_measure::record::Crowd;

use crate::server::Server;

/// What an observer sends until nothing more fits: far more than two sockets hold.
const MUCH: usize = 64 << 20;

fn accept(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
}

fn gather(server: &Server, subscribers: u32, stalled: u32) -> Subscribers {
    let plan = FeedPlan { observer: server.address, seed: 1, one_in: 1, durable: false };
    let crowd = Crowd { subscribers, stalled };
    Subscribers::gather(crowd, &plan, (None, None), RunId(1), &[]).unwrap()
}

#[test]
fn the_last_of_them_stall_and_the_others_read_on() {
    let (tell, told) = mpsc::channel();
    let server = Server::new(move |number, mut stream| {
        accept(&mut stream);
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        let piece = vec![b'x'; 1 << 20];
        let sent = (0..MUCH >> 20).take_while(|_| stream.write_all(&piece).is_ok()).count();
        tell.send((number, sent)).unwrap();
        // Stays open: nobody is cut off.
        while stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
    });
    let crowd = gather(&server, 3, 1);
    let mut sent: Vec<(usize, usize)> = told.iter().take(3).collect();
    sent.sort_unstable();
    assert_eq!((sent[0].1, sent[1].1), (MUCH >> 20, MUCH >> 20), "they read: {sent:?}");
    assert!(sent[2].1 < MUCH >> 20, "the last one never looks: {sent:?}");
    assert_eq!(crowd.finding(), None);
}

#[test]
fn who_is_cut_off_is_told() {
    let server = Server::new(|number, mut stream| {
        accept(&mut stream);
        while number > 0 && stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
    });
    let crowd = gather(&server, 2, 0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while crowd.finding().is_none() {
        assert!(Instant::now() < deadline, "nobody noticed");
        std::thread::yield_now();
    }
    assert!(crowd.finding().unwrap().1.starts_with("1 of the subscribers"));
}
