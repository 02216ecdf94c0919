//! Producers against a real TCP server that answers, refuses, stalls, hangs up and dies on
//! purpose. Its protocol is a line a body and a line an answer: the smallest wire there is.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tailrace_contract::codec::{Codec, decode};
use tailrace_contract::{Request, RunId, Wire, WireError, WireEvent};
use tailrace_producers::{
    Connect, FleetConfig, ProduceConfig, ProduceReport, SenderConfig, produce,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Answers come in the order of the requests.
#[derive(Default)]
struct Lines {
    keys: VecDeque<u64>,
    partial: Vec<u8>,
}

impl Wire for Lines {
    fn open(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"hello\n");
    }

    fn room(&self) -> usize {
        8 - self.keys.len()
    }

    fn encode(&mut self, request: &Request<'_>, key: u64, out: &mut Vec<u8>) {
        assert_eq!(request.target, "/v1/ingest");
        assert!(request.headers.contains(&("tailrace-run".into(), RunId(7).to_string())));
        self.keys.push_back(key);
        out.extend_from_slice(request.body);
        out.push(b'\n');
    }

    fn decode(
        &mut self,
        input: &[u8],
        _out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        self.partial.extend_from_slice(input);
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            match std::str::from_utf8(&line[..end]).unwrap() {
                "ready" => events.push(WireEvent::Ready),
                "bye" => events.push(WireEvent::Closing),
                status => {
                    let status = status.parse().map_err(|_| WireError::new("no status"))?;
                    let key = self.keys.pop_front().ok_or(WireError::new("nothing asked"))?;
                    events.push(WireEvent::Answer { key, status });
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, _events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        Ok(())
    }
}

/// What the server does with a body.
enum Act {
    Answer(u16),
    /// Answers, and says that it takes no more.
    AnswerAndBye(u16),
    Ignore,
    HangUp,
    /// Hangs up and listens no more.
    Die,
}

/// Decides from the connection's number, from 0, and how often the body was seen before.
type Behaviour = fn(connection: usize, nth_body: usize, seen_before: usize) -> Act;

struct Peer {
    addr: SocketAddr,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, bodies) = (listener.local_addr().unwrap(), Arc::default());
        let shared = Arc::clone(&bodies);
        let died = CancellationToken::new();
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap(),
                    () = died.cancelled() => break,
                };
                tokio::spawn(answer(
                    stream,
                    connection,
                    behaviour,
                    Arc::clone(&shared),
                    died.clone(),
                ));
            }
        });
        Self { addr, bodies }
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }

    /// Producers and sequences, each once.
    fn identities(&self) -> BTreeSet<(String, u64)> {
        let identity = |body: &String| {
            let decoded = decode(body.as_bytes()).unwrap();
            (decoded.producer.unwrap().0.to_string(), decoded.seq.unwrap())
        };
        self.bodies().iter().map(identity).collect()
    }
}

async fn answer(
    stream: TcpStream,
    connection: usize,
    behaviour: Behaviour,
    bodies: Arc<Mutex<Vec<String>>>,
    died: CancellationToken,
) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "hello");
    writer.write_all(b"ready\n").await.unwrap();
    let mut nth_body = 0;
    while let Ok(Some(body)) = lines.next_line().await {
        let seen_before = {
            let mut bodies = bodies.lock().unwrap();
            let seen = bodies.iter().filter(|earlier| **earlier == body).count();
            bodies.push(body);
            seen
        };
        let reply = match behaviour(connection, nth_body, seen_before) {
            Act::Answer(status) => format!("{status}\n"),
            Act::AnswerAndBye(status) => format!("{status}\nbye\n"),
            Act::Ignore => String::new(),
            Act::HangUp => return,
            Act::Die => return died.cancel(),
        };
        nth_body += 1;
        if writer.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// 1,000 batches a second from 20 hosts, over one connection.
fn config(limit: Option<u64>) -> ProduceConfig {
    let codec = Codec::Json;
    let every = Duration::from_millis(20);
    let sender = SenderConfig {
        backoff_first: Duration::from_millis(1),
        backoff_max: Duration::from_millis(5),
        ..SenderConfig::of_run(RunId(7), codec)
    };
    ProduceConfig {
        codec,
        fleet: FleetConfig { hosts: 20, every, ..FleetConfig::default() },
        burst: None,
        connections: 1,
        sender,
        limit,
        drain: Duration::from_secs(20),
        progress_every: Duration::from_millis(50),
    }
}

fn lines() -> Connect {
    Arc::new(|| Box::new(Lines::default()))
}

async fn run(config: ProduceConfig, peer: &Peer) -> ProduceReport {
    let report = produce(config, peer.addr, lines(), CancellationToken::new(), |_| {}).await;
    let report = report.unwrap();
    check_sums(&report);
    report
}

/// Each batch that was due has exactly one outcome.
fn check_sums(report: &ProduceReport) {
    let tally = &report.tally;
    assert_eq!(tally.in_flight(), 0, "{report:?}");
    let outcomes = tally.acked + tally.refused_total() + tally.gave_up + report.unsent;
    assert_eq!(report.due, outcomes, "{report:?}");
}

#[tokio::test]
async fn every_due_batch_is_sent_once_and_acked() {
    let peer = Peer::start(|_, _, _| Act::Answer(202)).await;
    let config = ProduceConfig { connections: 3, ..config(Some(400)) };
    let report = run(config, &peer).await;
    assert_eq!((report.due, report.tally.acked, report.tally.retries), (400, 400, 0));
    assert_eq!(report.tally.metrics, 2_400);
    assert_eq!((peer.bodies().len(), peer.identities().len()), (400, 400));
    let last: BTreeSet<_> = peer.identities().into_iter().filter(|(_, seq)| *seq == 19).collect();
    assert_eq!(last.len(), 20, "each host reported in the last tick");
    assert!(report.rate_per_s <= 1_001.0, "never ahead of the pace: {report:?}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["acked"], 400);
    assert_eq!(json["answers"]["202"], 400);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_with_the_same_bytes() {
    let peer = Peer::start(|_, _, seen_before| match seen_before {
        0 => Act::Answer(503),
        1 => Act::Answer(429),
        _ => Act::Answer(202),
    })
    .await;
    let tally = run(config(Some(50)), &peer).await.tally;
    assert_eq!((tally.acked, tally.retries, tally.gave_up), (50, 100, 0));
    assert_eq!(tally.answers.into_iter().collect::<Vec<_>>(), [(202, 50), (429, 50), (503, 50)]);
    let distinct: BTreeSet<_> = peer.bodies().into_iter().collect();
    assert_eq!((peer.bodies().len(), distinct.len()), (150, 50));
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up_on() {
    let peer = Peer::start(|_, _, _| Act::Answer(503)).await;
    let mut config = config(Some(10));
    config.sender.retries_max = 2;
    let tally = run(config, &peer).await.tally;
    assert_eq!((tally.gave_up, tally.retries, peer.bodies().len()), (10, 20, 30));
}

#[tokio::test]
async fn a_refusal_is_counted_and_not_repeated() {
    let peer = Peer::start(|_, nth, _| Act::Answer(if nth < 10 { 400 } else { 202 })).await;
    let tally = run(config(Some(30)), &peer).await.tally;
    assert_eq!((tally.refused.get(&400), tally.acked, tally.retries), (Some(&10), 20, 0));
    assert_eq!(peer.bodies().len(), 30);
}

#[tokio::test]
async fn a_broken_connection_loses_nothing() {
    let peer =
        Peer::start(|_, nth, _| if nth == 25 { Act::HangUp } else { Act::Answer(202) }).await;
    let tally = run(config(Some(100)), &peer).await.tally;
    assert_eq!((tally.acked, tally.gave_up), (100, 0));
    assert!(tally.broken_connections >= 3 && tally.reconnects == tally.broken_connections);
    assert!(tally.retries >= tally.broken_connections);
    assert_eq!(peer.identities().len(), 100, "the same identities again, no new ones");
}

#[tokio::test]
async fn a_connection_that_says_goodbye_is_replaced() {
    let peer = Peer::start(|_, nth, _| match nth {
        9 => Act::AnswerAndBye(202),
        _ => Act::Answer(202),
    })
    .await;
    let mut config = config(Some(35));
    // One at a time: nothing can be on its way when the server takes no more.
    config.sender.in_flight_max = 1;
    let tally = run(config, &peer).await.tally;
    assert_eq!((tally.acked, tally.retries, tally.broken_connections), (35, 0, 0));
    assert_eq!(tally.reconnects, 3);
}

#[tokio::test]
async fn nothing_is_sent_after_a_goodbye() {
    // The second body is owed an answer when the goodbye comes; a third would be refused.
    let peer = Peer::start(|connection, nth, _| match (connection, nth) {
        (0, 0) => Act::Ignore,
        (0, 1) => Act::AnswerAndBye(202),
        (0, _) => Act::Answer(400),
        _ => Act::Answer(202),
    })
    .await;
    let mut config = config(Some(20));
    config.sender.in_flight_max = 2;
    config.sender.answer_timeout = Duration::from_millis(100);
    let tally = run(config, &peer).await.tally;
    assert_eq!((tally.acked, tally.refused_total(), tally.retries), (20, 0, 1));
}

#[tokio::test]
async fn a_silent_connection_is_left_for_another() {
    let peer = Peer::start(|connection, _, _| match connection {
        0 => Act::Ignore,
        _ => Act::Answer(202),
    })
    .await;
    let mut config = config(Some(20));
    config.sender.answer_timeout = Duration::from_millis(100);
    let tally = run(config, &peer).await.tally;
    assert_eq!((tally.acked, tally.broken_connections), (20, 1));
}

#[tokio::test]
async fn a_stalled_server_holds_the_fleet_back_and_is_accounted_for() {
    let peer = Peer::start(|_, _, _| Act::Ignore).await;
    let mut config = config(None);
    config.sender.in_flight_max = 4;
    config.drain = Duration::from_millis(50);
    let (stop, mut calls) = (CancellationToken::new(), 0);
    let stopper = stop.clone();
    let report = produce(config, peer.addr, lines(), stop, |tally| {
        calls += 1;
        assert!(tally.sent <= 5, "four in flight, one handed over: {tally:?}");
        if calls == 4 {
            stopper.cancel();
        }
    })
    .await
    .unwrap();
    check_sums(&report);
    assert_eq!((report.tally.gave_up, report.tally.acked), (5, 0));
    assert!(report.due > 100 && report.unsent == report.due - 5, "{report:?}");
}

#[tokio::test]
async fn a_stop_still_sends_what_was_due() {
    let peer = Peer::start(|_, _, _| Act::Answer(202)).await;
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let report = produce(config(None), peer.addr, lines(), stop, |_| stopper.cancel()).await;
    let report = report.unwrap();
    check_sums(&report);
    assert!(report.due > 10, "{report:?}");
    assert_eq!((report.unsent, report.tally.gave_up), (0, 0), "{report:?}");
}

#[tokio::test]
async fn a_server_that_died_ends_the_run_and_is_named() {
    let peer = Peer::start(|_, nth, _| if nth == 40 { Act::Die } else { Act::Answer(202) }).await;
    let mut config = config(None);
    config.sender.reconnects_max = 3;
    let report = run(config, &peer).await;
    assert!(report.tally.acked >= 30 && report.tally.gave_up > 0, "{report:?}");
    assert!(report.faults[0].contains("after 3 attempts"), "{:?}", report.faults);
}

#[tokio::test]
async fn a_wrong_address_is_told_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let result = produce(config(None), free, lines(), CancellationToken::new(), |_| {}).await;
    let message = result.unwrap_err().to_string();
    assert!(message.contains(&free.to_string()) && message.contains("is the server running"));
}
