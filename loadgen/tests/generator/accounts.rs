//! Whatever the server does, every due batch has exactly one outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tailrace_http1::Http1Wire;
use tailrace_loadgen::driver::Driven;
use tailrace_measure::record::Arrivals;
use tailrace_ws::WsWire;

use crate::drive::{Drive, MS, undisturbed};
use crate::server::{Real, Server, answer, echo, hang_up, read_frame};

#[test]
fn healthy_servers_answer_everything() {
    let floor = Real::start("floor");
    let drive = Drive::new(2_000.0, 300);
    let driven = drive.run(floor.address);
    let (_, all) = drive.due();
    assert_eq!(driven.measured.all_outcomes.acked, all, "{:?}", driven.last_break);
    assert_eq!(driven.acked.ranges(), [(0, all - 1)]);
    assert_eq!((driven.broken_connections, driven.stopped), (0, false));
    assert_eq!(driven.bytes.received, all * 8);
    assert!(driven.measured.lateness.len() == driven.measured.window_outcomes.scheduled);
}

#[test]
fn handshakes_and_single_requests_are_waited_for() {
    for name in ["bare-http1", "bare-ws"] {
        let server = Real::start(name);
        let authority = server.address.to_string();
        let drive = Drive { connections: 4, ..Drive::new(1_000.0, 200) };
        let driven = drive.run_with(server.address, &|| match name {
            "bare-ws" => Box::new(WsWire::new(&authority, "/v1/ingest", None, 16)),
            _ => Box::new(Http1Wire::new(&authority, 1)),
        });
        let driven = driven.unwrap();
        let acked = driven.measured.all_outcomes.acked;
        assert_eq!(acked, drive.due().1, "{name}: {:?}", driven.last_break);
    }
}

#[test]
fn without_answers_batches_time_out_and_then_overflow() {
    let silent = Server::new(|_, mut stream| while read_frame(&mut stream).is_some() {});
    let mut drive = Drive::new(1_000.0, 300);
    (drive.load.timeout_ms, drive.load.in_flight_max) = (100, 50);
    // Less room than may be in flight: some wait, and those time out as well.
    drive.depth = 20;
    let began = Instant::now();
    let driven = drive.run(silent.address);
    let outcomes = &driven.measured.all_outcomes;
    assert_eq!((outcomes.acked, outcomes.timed_out, outcomes.failed()), (0, 50, 0));
    assert_eq!(outcomes.overflowed, drive.due().1 - 50);
    assert!(!driven.stopped && began.elapsed() < Duration::from_secs(2));
}

#[test]
fn lost_connections_are_opened_again() {
    const ANSWERS: usize = 20;
    let answered = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&answered);
    let forgetful = Server::new(move |_, mut stream| {
        for _ in 0..ANSWERS {
            let Some(body) = read_frame(&mut stream) else { return };
            count.fetch_add(1, SeqCst);
            answer(&mut stream, &body);
        }
        hang_up(stream);
    });
    let drive = Drive::new(800.0, 400);
    let driven = drive.run(forgetful.address);
    let outcomes = &driven.measured.all_outcomes;
    assert_eq!(outcomes.acked, answered.load(SeqCst), "an answer was lost");
    assert_eq!(outcomes.acked + outcomes.broken, drive.due().1, "{outcomes:?}");
    assert_eq!(driven.acked.count(), outcomes.acked);
    assert_eq!(driven.bytes.received, outcomes.acked * 8, "bytes of lost connections count");
    let opened = forgetful.connections() as u64;
    assert!(driven.broken_connections >= 3 && opened >= driven.broken_connections, "{opened}");
    assert!(driven.last_break.unwrap().contains("closed"));
}

#[test]
fn connections_that_are_reset_are_opened_again() {
    let rude = Server::new(|_, mut stream| {
        for _ in 0..10 {
            let Some(body) = read_frame(&mut stream) else { return };
            answer(&mut stream, &body);
        }
        // What the client goes on sending is answered by a reset.
        let _ = read_frame(&mut stream);
    });
    let drive = Drive::new(1_500.0, 300);
    let driven = drive.run(rude.address);
    let outcomes = &driven.measured.all_outcomes;
    assert_eq!(outcomes.acked + outcomes.broken, drive.due().1, "{outcomes:?}");
    assert!(outcomes.broken > 0 && rude.connections() >= 4, "{outcomes:?}");
}

/// The first connection takes hardly anything and is cut once everything was due; what was never
/// written is not broken, it goes to the next one.
#[test]
fn what_was_not_written_moves_to_another_connection() {
    let mut drive = Drive { connections: 1, batch_metrics: 1_000, ..Drive::new(200.0, 400) };
    // All of them are handed to the first connection.
    drive.depth = 1_000;
    drive.load.timeout_ms = 60_000;
    let (gauge, due) = (Arc::clone(&drive.gauge), drive.due().1);
    let server = Server::new(move |n, mut stream| {
        if n == 0 {
            let _ = read_frame(&mut stream);
            while gauge.read().scheduled < due {
                std::thread::yield_now();
            }
            return;
        }
        while let Some(body) = read_frame(&mut stream) {
            answer(&mut stream, &body);
        }
    });
    let driven = drive.run(server.address);
    let outcomes = &driven.measured.all_outcomes;
    assert_eq!(outcomes.acked + outcomes.broken, due, "{outcomes:?}");
    assert!(outcomes.acked > due / 4, "{outcomes:?}");
}

/// Answers 30 frames and is then gone for good. Also how long the trial took.
fn goes_away() -> (Driven, Duration) {
    let (tell, gone) = mpsc::sync_channel::<()>(0);
    let server = Server::new(move |_, mut stream| {
        for _ in 0..30 {
            let Some(body) = read_frame(&mut stream) else { return };
            answer(&mut stream, &body);
        }
        // The next one is broken, and the listener is closed before the client notices.
        let _ = read_frame(&mut stream);
        let _ = tell.send(());
        let _ = tell.send(());
        hang_up(stream);
    });
    let mut drive = Drive { connections: 1, ..Drive::new(500.0, 300) };
    (drive.load.timeout_ms, drive.load.in_flight_max) = (200, 40);
    let address = server.address;
    let closing = std::thread::spawn(move || {
        // An error means that too few frames came.
        let _ = gone.recv();
        drop(server);
        let _ = gone.recv();
    });
    let began = Instant::now();
    let driven = drive.run(address);
    let took = began.elapsed();
    closing.join().unwrap();
    (driven, took)
}

#[test]
fn a_server_that_goes_away_ends_no_trial() {
    let (driven, took) = undisturbed(goes_away);
    let outcomes = &driven.measured.all_outcomes;
    assert_eq!(outcomes.acked, 30, "{outcomes:?}");
    assert!(outcomes.broken > 0 && outcomes.timed_out > 0, "{outcomes:?}");
    assert!(outcomes.overflowed > 0 && outcomes.censored == 0, "{outcomes:?}");
    assert_eq!(driven.broken_connections, 1, "an attempt that failed is no lost connection");
    assert!(driven.last_break.unwrap().contains("refused"));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_trial_whose_server_is_given_up_keeps_its_denominator() {
    let drive = Drive::new(1_000.0, 400);
    let gauge = Arc::clone(&drive.gauge);
    let server = Server::new(move |number, mut stream| {
        let mut frames = 0;
        while let Some(body) = read_frame(&mut stream) {
            frames += 1;
            match frames {
                ..100 => answer(&mut stream, &body),
                // Some are left in flight when the trial is stopped.
                120 if number == 0 => gauge.give_up(),
                _ => {}
            }
        }
    });
    let (driven, all) = (drive.run(server.address), drive.due().1);
    let outcomes = &driven.measured.all_outcomes;
    assert!(driven.stopped && driven.never_released > 0);
    // A machine that stands still for long makes some of them late; none is forgotten.
    let unanswered = outcomes.censored + outcomes.timed_out;
    assert_eq!(outcomes.acked + unanswered, all, "{outcomes:?}");
    assert!(unanswered > driven.never_released, "{outcomes:?}");
    let released = driven.measured.window_outcomes.scheduled - driven.never_released;
    assert_eq!(driven.measured.lateness.len(), released);
}

#[test]
fn stopping_while_answers_are_due_is_stopping_early() {
    let drive = Drive { connections: 1, depth: 4_096, ..Drive::new(500.0, 200) };
    let (gauge, last) = (Arc::clone(&drive.gauge), drive.due().1);
    let server = Server::new(move |_, mut stream| {
        (0..last).for_each(|_| drop(read_frame(&mut stream).unwrap()));
        gauge.stop();
        let _ = read_frame(&mut stream);
    });
    let driven = drive.run(server.address);
    assert!(driven.stopped, "the last answers were not waited for");
    assert_eq!((driven.measured.all_outcomes.censored, driven.never_released), (last, 0));
}

/// Nothing is due at the end of this window, which passes all the same: rates are of the whole.
#[test]
fn a_window_is_as_long_as_was_asked_for() {
    let mut drive = Drive::new(12.0, 200);
    drive.load.arrivals = Arrivals::Constant;
    let driven = drive.run(echo().address);
    assert_eq!((driven.stopped, driven.lived_ns), (false, 200 * MS));
}

#[test]
fn without_a_server_there_is_no_trial() {
    let address = echo().address;
    let drive = Drive::new(100.0, 100);
    let wire = || -> Box<dyn tailrace_contract::Wire> { Box::new(tailrace_tcp::TcpWire::new(1)) };
    let error = drive.run_with(address, &wire).err().expect("nobody listens there");
    assert!(error.to_string().contains("refused"), "{error}");
}
