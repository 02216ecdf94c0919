//! The live subscription: what it is owed is waited for, and a feed that ends or falls silent
//! holds no trial up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use tailrace_loadgen::driver::Driven;

use crate::drive::{Drive, ms_at, undisturbed};
use crate::server::{Server, answer, read_frame, sequence};

/// Drives a server whose observer tells the first `events` batches live, `delay` after their
/// arrival, and then ends or falls silent.
fn drive(drive: &mut Drive, events: usize, delay: Duration, ends: bool) -> (Driven, Duration) {
    let (arrived, arrivals) = mpsc::channel();
    let arrivals = Mutex::new(arrivals);
    let observer = Server::new(move |_, stream| {
        tell(stream, &arrivals.lock().unwrap(), events, delay, ends);
    });
    let arrived = Arc::new(Mutex::new(arrived));
    let ingest = Server::new(move |_, mut stream| {
        while let Some(body) = read_frame(&mut stream) {
            // A feed that has ended does not listen any more.
            let _ = arrived.lock().unwrap().send((sequence(&body), Instant::now()));
            answer(&mut stream, &body);
        }
    });
    drive.feed = Some(observer.address);
    let began = Instant::now();
    let driven = drive.run(ingest.address);
    (driven, began.elapsed())
}

type Arrival = (u64, Instant);

fn tell(
    mut stream: TcpStream,
    arrivals: &mpsc::Receiver<Arrival>,
    events: usize,
    delay: Duration,
    ends: bool,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.contains("/v1/metrics/live?") && head.contains("&sample=1&"), "{head}");
    // The first line of the stream comes in one piece with the head.
    let accept = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: welcome\n";
    stream.write_all(accept.as_bytes()).unwrap();
    for (seq, at) in arrivals.iter().take(events) {
        std::thread::sleep((at + delay).saturating_duration_since(Instant::now()));
        let event = format!(
            "data: {{\"type\":\"live\",\"seq\":{seq}}}\n\ndata: {{\"type\":\"durable\",\"seq\":{seq}}}\n\n"
        );
        if stream.write_all(event.as_bytes()).is_err() {
            return;
        }
    }
    while !ends && stream.read(&mut [0; 16]).is_ok_and(|n| n > 0) {}
}

#[test]
fn everything_owed_is_waited_for() {
    let run = || drive(&mut Drive::new(300.0, 200), usize::MAX, Duration::from_millis(60), false);
    let (driven, _) = undisturbed(run);
    let (window, all) = Drive::new(300.0, 200).due();
    assert_eq!((driven.live.due, driven.live.seen), (all, all), "{:?}", driven.last_break);
    let live = driven.measured.live.unwrap().histogram;
    assert_eq!(live.len(), window);
    assert!(ms_at(&live, 0.0) >= 60.0 && ms_at(&driven.measured.ack, 0.5) < 50.0);
}

#[test]
fn commits_are_waited_for_and_what_was_exposed_is_known() {
    let run = || {
        let mut with_store = Drive { durable: true, ..Drive::new(300.0, 200) };
        drive(&mut with_store, usize::MAX, Duration::from_millis(60), false)
    };
    let (driven, _) = undisturbed(run);
    let (window, all) = Drive::new(300.0, 200).due();
    assert_eq!((driven.live.due, driven.live.durable), (all, all), "{:?}", driven.last_break);
    let durable = driven.measured.durable.unwrap();
    assert_eq!((durable.histogram.len(), durable.never), (window, 0));
    assert!(ms_at(&durable.histogram, 0.0) >= 60.0);
    // About 300 batches a second, each exposed for 60 ms or a little more: 18 at a time.
    let exposed = driven.exposed.unwrap().of(all, 10);
    assert!((100.0..400.0).contains(&exposed.metrics_mean), "{exposed:?}");
    assert!(exposed.metric_ms_error.abs() < 1e-6, "every batch was followed: {exposed:?}");
}

#[test]
fn commits_that_nobody_tells_of_rank_above_all_others() {
    let run = || {
        let mut with_store = Drive { durable: true, ..Drive::new(500.0, 300) };
        drive(&mut with_store, 20, Duration::ZERO, true)
    };
    let (driven, _) = undisturbed(run);
    let all = Drive::new(500.0, 300).due().1;
    assert_eq!((driven.live.due, driven.live.durable), (all, 20));
    let durable = driven.measured.durable.unwrap();
    assert_eq!(durable.histogram.len() + durable.never, Drive::new(500.0, 300).due().0);
    let live = driven.measured.live.unwrap();
    assert_eq!(live.histogram.len() + live.never, durable.histogram.len() + durable.never);
}

/// Twenty events and no more; all batches are acknowledged.
fn short_feed(ends: bool) -> (Driven, Duration) {
    let run = || drive(&mut Drive::new(500.0, 300), 20, Duration::ZERO, ends);
    let (driven, took) = undisturbed(run);
    let all = Drive::new(500.0, 300).due().1;
    assert_eq!((driven.live.due, driven.live.seen), (all, 20));
    assert_eq!(driven.measured.all_outcomes.acked, all);
    assert!(!driven.stopped);
    (driven, took)
}

#[test]
fn a_feed_that_ends_is_not_waited_for() {
    let (driven, took) = short_feed(true);
    assert!(driven.last_break.unwrap().contains("feed ended"));
    assert!(took < Duration::from_millis(900), "{took:?}");
}

#[test]
fn a_feed_that_falls_silent_is_given_up() {
    let (_, took) = short_feed(false);
    assert!(took < Duration::from_secs(3), "{took:?}");
}
