//! A time limit that costs nothing until something really waits. It measures from the first
//! wait after the last satisfaction, and knows no socket: whoever polls one asks it on `Pending`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How long something has been waited for.
#[derive(Debug, Default)]
pub struct Patience {
    since: Option<Instant>,
    /// Kept armed from wait to wait: it may ring too early, then it is set again. Moving it
    /// for every wait would cost more than a false alarm now and then.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Nothing has been waited for.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was waited for has come.
    pub fn satisfied(&mut self) {
        self.since = None;
    }

    /// Ready once it has been waited for `limit`; else the task is woken in time.
    pub fn poll_exhausted(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
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
