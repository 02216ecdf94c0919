//! A time limit that costs nothing until something really waits. It measures from the first
//! wait after the last satisfaction. Read next: `socket.rs`, which has one for each direction.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How long something has been waited for.
#[derive(Debug)]
pub(crate) struct Patience {
    since: Option<Instant>,
    /// Kept armed from wait to wait: it may ring too early, then it is set again. Moving it
    /// for every wait would cost more than a false alarm now and then.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { since: None, alarm: None }
    }

    /// What was waited for has come.
    pub(crate) fn satisfied(&mut self) {
        self.since = None;
    }

    /// Ready once it has been waited for `limit`; else the task is woken in time.
    pub(crate) fn poll_exhausted(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = *self.since.get_or_insert_with(Instant::now) + limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        while alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
