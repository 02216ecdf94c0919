//! What is on the wire: the same bytes for a seed, and every one of them in its order.

use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tailrace_contract::Producer;
use tailrace_contract::codec::Codec;
use tailrace_producers::payload::Payloads;

use crate::drive::{Drive, SEED};
use crate::server::{Server, answer, read_frame, sequence};
use crate::trials::{Host, arm, run};

type Bodies = Arc<Mutex<Vec<Vec<u8>>>>;

fn recording() -> (Server, Bodies) {
    let bodies = Bodies::default();
    let seen = Arc::clone(&bodies);
    let server = Server::new(move |_, mut stream| {
        while let Some(body) = read_frame(&mut stream) {
            // First, because the test may look as soon as the last answer is out.
            seen.lock().unwrap().push(body.clone());
            answer(&mut stream, &body);
        }
    });
    (server, bodies)
}

#[test]
fn a_seed_gives_the_same_bytes_at_the_same_times() {
    let once = |seed| {
        let (server, bodies) = recording();
        let mut host = Host::new(server.address, 64);
        let finished = run(&mut host, &Drive::new(500.0, 200).load, &arm(1, 64), seed);
        let bodies = bodies.lock().unwrap().clone();
        assert_eq!(bodies.len() as u64, finished.trial.ledger.outcomes.scheduled);
        (bodies, finished.trial.schedule_sha256)
    };
    let (first, again, other) = (once(1), once(1), once(2));
    assert!(first == again, "the same seed gave something else");
    assert_ne!(first.1, other.1);
    assert_ne!(first.0, other.0);
}

/// A body in small pieces, through a small buffer, and no answer before everything came: the
/// client has to write in parts and to go on when there is room, with nothing else to wake it.
#[test]
fn large_batches_go_out_in_parts_and_in_order() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(8).unwrap();
    let bodies = Bodies::default();
    let seen = Arc::clone(&bodies);
    let mut drive = Drive { connections: 1, batch_metrics: 1_000, ..Drive::new(150.0, 200) };
    drive.load.timeout_ms = 20_000;
    let all = drive.due().1;
    let server = Server::on(TcpListener::from(socket), move |_, mut stream| {
        for _ in 0..all {
            let mut length = [0; 4];
            if stream.read_exact(&mut length).is_err() {
                return;
            }
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            for piece in body.chunks_mut(32 << 10) {
                stream.read_exact(piece).unwrap();
                std::thread::sleep(Duration::from_micros(100));
            }
            seen.lock().unwrap().push(body);
        }
        seen.lock().unwrap().iter().for_each(|body| answer(&mut stream, body));
    });
    let driven = drive.run(server.address);
    assert_eq!(driven.measured.all_outcomes.acked, all, "{:?}", driven.last_break);
    let bodies = bodies.lock().unwrap();
    assert!(bodies.iter().map(|body| sequence(body)).eq(0..all));
    let payloads = Payloads::new(SEED, 1_000, 16, Codec::Json).unwrap();
    for (seq, body) in (0..).zip(bodies.iter()) {
        let mut expect = Vec::new();
        payloads.write_body(&Producer("g0".into()), seq, &mut expect);
        assert!(*body == expect, "batch {seq} arrived changed");
    }
    let sent: usize = bodies.iter().map(|body| body.len() + 4).sum();
    assert_eq!((driven.bytes.sent, driven.bytes.received), (sent as u64, all * 8));
}
