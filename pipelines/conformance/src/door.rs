//! The small door that transports' own tests put behind their server, where no log is needed:
//! bodies say what shall happen. Read next: a transport's `tests/server.rs`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tailrace_contract::ingest::Accepted;
use tailrace_contract::{Answer, Caller, Ingest, Problem, ProblemKind};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

/// Between two looks of a blocked thread at the gate.
const BLOCK_PAUSE: Duration = Duration::from_millis(1);

/// `full` is refused, `hold` waits until released, `block` keeps the server's whole thread until
/// then, any other body is accepted as one metric, or as many as the number that it is.
#[derive(Clone)]
pub struct TestDoor {
    arrived: mpsc::UnboundedSender<Bytes>,
    gate: Arc<Semaphore>,
}

/// The test's side of the door.
pub struct Watcher {
    arrived: mpsc::UnboundedReceiver<Bytes>,
    gate: Arc<Semaphore>,
}

/// A closed door for `hold`, and the test's side of it.
pub fn door() -> (TestDoor, Watcher) {
    let (sender, arrived) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    (TestDoor { arrived: sender, gate: gate.clone() }, Watcher { arrived, gate })
}

impl Watcher {
    /// The next body that reached the door.
    ///
    /// # Panics
    /// The server and with it the door are gone.
    pub async fn arrival(&mut self) -> Bytes {
        self.arrived.recv().await.expect("the server runs")
    }

    /// Lets one held or blocking body through.
    pub fn release(&self) {
        self.gate.add_permits(1);
    }
}

impl Ingest for TestDoor {
    fn admit(&self, _: &Caller, body: Bytes) -> impl Future<Output = Answer> + Send + 'static {
        let gate = self.gate.clone();
        let _ = self.arrived.send(body.clone());
        if &body[..] == b"block" {
            while gate.try_acquire().map(SemaphorePermit::forget).is_err() {
                std::thread::sleep(BLOCK_PAUSE);
            }
        }
        async move {
            if &body[..] == b"hold" {
                // The gate is never closed, so acquiring cannot fail.
                gate.acquire().await.expect("never closed").forget();
            }
            if &body[..] == b"full" {
                let problem = Problem::new(ProblemKind::LogFull, "at 5 of 5");
                return Answer { seq: None, outcome: Err(problem) };
            }
            let number = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok());
            let accepted = Accepted { metrics: number.unwrap_or(1), assigned: None };
            Answer { seq: None, outcome: Ok(accepted) }
        }
    }
}
