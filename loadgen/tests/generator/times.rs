//! What the figures mean: waiting counts from when a batch was due, and no server can make the
//! generator late. Assertions leave room for a noisy machine.

use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tailrace_contract::codec::Codec;
use tailrace_loadgen::driver::Driven;
use tailrace_measure::record::Arrivals;

use crate::drive::{Drive, MS, ms_at, undisturbed};
use crate::server::{Server, answer, read_frame};

/// Answers each frame `delay` after it came, however many come meanwhile.
pub(crate) fn answer_later(stream: &TcpStream, delay: Duration, answering: impl Fn() + Send) {
    let (mut input, mut output) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
    let (later, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for (at, body) in due {
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                answering();
                answer(&mut output, &body);
            }
        });
        while let Some(body) = read_frame(&mut input) {
            later.send((Instant::now() + delay, body)).unwrap();
        }
        drop(later);
    });
}

fn slow() -> Server {
    Server::new(|_, stream| answer_later(&stream, Duration::from_millis(50), || ()))
}

#[test]
fn a_slow_answer_is_latency() {
    let (driven, ()) = undisturbed(|| (Drive::new(400.0, 300).run(slow().address), ()));
    let measured = &driven.measured;
    assert!(measured.ack.min() >= 50 * MS && measured.service.min() >= 50 * MS);
    let (ack, queued) = (ms_at(&measured.ack, 0.5), ms_at(&measured.queued, 0.5));
    assert!(ack < 100.0 && queued < 50.0, "{ack} {queued}");
}

#[test]
fn waiting_for_a_connection_is_latency_too() {
    // Four in flight for 50 ms are 80 a second: the others wait longer and longer.
    let drive = Drive { connections: 2, depth: 2, ..Drive::new(250.0, 300) };
    let (driven, ()) = undisturbed(|| (drive.run(slow().address), ()));
    let measured = &driven.measured;
    assert_eq!(measured.all_outcomes.acked, drive.due().1);
    assert!(measured.service.min() >= 50 * MS);
    let at = |q| (ms_at(&measured.service, q), ms_at(&measured.queued, q), ms_at(&measured.ack, q));
    let (service, queued, ack) = at(0.9);
    assert!(queued > 200.0 && ack > 250.0, "{queued} {ack}");
    assert!(service < 150.0, "the wait must not be hidden in service: {service}");
}

/// Freezes a server for 300 ms under 1,000 batches a second.
fn freeze() -> (Driven, ()) {
    const FREEZE: Duration = Duration::from_millis(300);
    let seen = AtomicUsize::new(0);
    let server = Server::new(move |_, mut stream| {
        while let Some(body) = read_frame(&mut stream) {
            if seen.fetch_add(1, SeqCst) == 150 {
                std::thread::sleep(FREEZE);
            }
            answer(&mut stream, &body);
        }
    });
    let mut drive = Drive { connections: 1, depth: 4_096, ..Drive::new(1_000.0, 700) };
    drive.load.arrivals = Arrivals::Constant;
    let driven = drive.run(server.address);
    assert_eq!(driven.measured.all_outcomes.acked, drive.due().1);
    (driven, ())
}

/// The schedule is in time throughout, else no attempt would count as undisturbed. A generator
/// that waits for answers would moreover have seen one slow batch instead of hundreds.
#[test]
fn a_freeze_delays_answers_but_not_the_schedule() {
    let (Driven { measured, .. }, ()) = undisturbed(freeze);
    // Whatever was due in the first 200 ms of the freeze waited for more than 100 ms.
    let slow = measured.ack.count_between(100 * MS, u64::MAX);
    assert!((150..=300).contains(&slow), "{slow}");
    let worst = measured.slowest[0].ack_ns;
    assert!(worst >= 250 * MS, "{worst}");
}

#[test]
fn a_closed_loop_fills_its_room_and_no_more() {
    use crate::trials::{Host, arm};
    const ROOM: usize = 8;
    let in_flight = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (count, highest) = (Arc::clone(&in_flight), Arc::clone(&most));
    let server = Server::new(move |_, mut stream| {
        let mut bodies = Vec::new();
        // One connection's room is four: answers come only when all of it is used.
        while let Some(body) = read_frame(&mut stream) {
            highest.fetch_max(count.fetch_add(1, SeqCst) + 1, SeqCst);
            bodies.push(body);
            if bodies.len() == ROOM / 2 {
                count.fetch_sub(bodies.len(), SeqCst);
                bodies.drain(..).for_each(|body| answer(&mut stream, &body));
            }
        }
    });
    let mut host = Host::new(server.address, ROOM / 2);
    let arm = arm(2, ROOM / 2);
    let payloads = tailrace_producers::payload::Payloads::new(1, 1, 16, Codec::Json).unwrap();
    let saturated =
        tailrace_loadgen::trial::saturate(&mut host, &payloads, &arm, 200 * MS, &[]).unwrap();
    assert!(most.load(SeqCst) <= ROOM, "{}", most.load(SeqCst));
    assert!(saturated.acked_per_s > 500.0, "{saturated:?}");
}
