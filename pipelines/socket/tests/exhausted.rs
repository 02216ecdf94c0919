//! A process that is out of file descriptors: accepting waits, does not spin, and goes on as
//! soon as there are some again. Alone in its file, because the limit is the process's.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tailrace_socket::Acceptor;
use tokio::time::{Instant, timeout};

/// Descriptors that can be opened no more: every number below is taken, or beyond the limit.
fn exhaust() -> (Vec<std::fs::File>, Rlimit) {
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..before }).unwrap();
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    (files, before)
}

#[tokio::test]
async fn accepting_goes_on_when_there_are_files_again() {
    let mut acceptor = Acceptor::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let client = TcpStream::connect(acceptor.address().unwrap()).unwrap();
    let (files, before) = exhaust();
    let cpu = || rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (began, spent_before) = (Instant::now(), cpu());
    // Cancelled again and again, as a select does: a pause that began must go on.
    for _ in 0..30 {
        assert!(timeout(Duration::from_millis(5), acceptor.next()).await.is_err());
    }
    let spent = Duration::try_from(cpu() - spent_before).unwrap();
    assert!(spent < began.elapsed() / 4, "{spent:?} of {:?}", began.elapsed());
    drop(files);
    setrlimit(Resource::Nofile, before).unwrap();
    let accepted = timeout(Duration::from_secs(5), acceptor.next()).await.unwrap();
    assert_eq!(accepted.peer_addr().unwrap(), client.local_addr().unwrap());
}
