//! The generator over TLS, against a real transport behind a real handshake: everything is
//! answered, large batches go out in parts, bytes are those on the wire, and a trial on the wrong
//! server never begins.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};
use tailrace_conformance::secured::identity;
use tailrace_contract::{Options, TlsIdentity};
use tailrace_http1::{Http1Wire, Limits};
use tailrace_producers::tls::{Tls, Trust};

use crate::drive::Drive;

/// `http1` behind TLS, in front of a door without a log, on a runtime of its own.
struct Secured {
    address: SocketAddr,
    identity: TlsIdentity,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Secured {
    fn start(listener: TcpListener) -> Self {
        let identity = identity().unwrap();
        let options = Options { tls: Some(identity.clone()), ..Options::default() };
        Self::serve(listener, identity, options)
    }

    fn serve(listener: TcpListener, identity: TlsIdentity, options: Options) -> Self {
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let (door, mut watcher) = tailrace_conformance::door();
                let limits = Limits::default();
                let _server = tailrace_http1::serve(listener, door, limits, &options).unwrap();
                tokio::select! {
                    () = async { loop { watcher.arrival().await; } } => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, identity, stop: Some(stop), thread: Some(thread) }
    }

    fn tls(&self, alpn: &'static str) -> Tls {
        let trust = Trust::Only(self.identity.chain.clone());
        Tls::new(&self.address.to_string(), &trust, alpn).unwrap()
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn wire(address: SocketAddr) -> Http1Wire {
    Http1Wire::new(&address.to_string(), 64)
}

/// Bytes to and from the server that TLS puts around a record.
const AROUND_A_RECORD: u64 = 22;

#[test]
fn everything_is_answered_and_bytes_are_those_of_records() {
    let run = |server: &Secured, tls| {
        let (drive, address) = (Drive { tls, ..Drive::new(200.0, 300) }, server.address);
        let driven = drive.run_with(address, &move || Box::new(wire(address))).unwrap();
        let outcomes = &driven.measured.all_outcomes;
        assert_eq!(outcomes.acked, drive.due().1, "{outcomes:?}");
        assert_eq!(driven.measured.service.len(), driven.measured.ack.len());
        (driven.bytes, outcomes.acked)
    };
    let clear = Secured::serve(loopback(), identity().unwrap(), Options::default());
    let (clear, batches) = run(&clear, None);
    let secured = Secured::start(loopback());
    let (records, _) = run(&secured, Some(secured.tls("http/1.1")));
    // Batches that were due together share a record; the handshakes came before and add nothing.
    let most = batches * AROUND_A_RECORD;
    for (clear, records) in [(clear.sent, records.sent), (clear.received, records.received)] {
        let added = records - clear;
        assert!((most / 2..=most).contains(&added), "{clear} and {added} around {batches}");
    }
}

/// Far more than the sockets hold, so that records wait in the session and batches behind them.
#[test]
fn large_batches_go_out_in_parts_and_in_order() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(8).unwrap();
    let secured = Secured::start(socket.into());
    let tls = Some(secured.tls("http/1.1"));
    let mut drive = Drive { connections: 1, batch_metrics: 1_000, tls, ..Drive::new(900.0, 200) };
    drive.load.timeout_ms = 20_000;
    let address = secured.address;
    let driven = drive.run_with(address, &move || Box::new(wire(address))).unwrap();
    let outcomes = &driven.measured.all_outcomes;
    assert_eq!(outcomes.acked, drive.due().1, "{outcomes:?}: {:?}", driven.last_break);
}

#[test]
fn a_trial_on_the_wrong_server_never_begins() {
    let (secured, other) = (Secured::start(loopback()), Secured::start(loopback()));
    let check = |tls: Tls, expect: &str| {
        let drive = Drive { tls: Some(tls), ..Drive::new(100.0, 100) };
        let address = secured.address;
        let Err(told) = drive.run_with(address, &move || Box::new(wire(address))) else {
            panic!("it began")
        };
        assert!(told.to_string().contains(expect), "{told}");
    };
    check(other.tls("http/1.1"), "certificate");
    check(secured.tls("h2"), "another protocol");
}
