//! An epoll set whose waits end on the nanosecond: `epoll_pwait2` with the thread's timer
//! slack at its minimum wakes 4 µs after a deadline at the median, where a runtime's timer
//! wheel needs 1 ms. A set tells what is so (level-triggered), or what is new (edge-triggered),
//! which spares the kernel a second look at each descriptor and takes a reader that leaves nothing
//! behind.

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
    /// The other side has closed its half, or the descriptor is broken: read on to the end.
    pub over: bool,
}

/// The set.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
    /// Added to what each descriptor is watched for.
    mode: EventFlags,
}

/// Descriptors reported by one wait; more are reported by the next.
const EVENTS_MAX: usize = 256;

impl Poller {
    /// An empty set, which reports a descriptor at every wait for as long as it is ready.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        Self::with_mode(EventFlags::empty())
    }

    /// An empty set, which reports a descriptor once whenever something about it is new: whoever
    /// is told must read until a read brings less than was asked for, or, where it is
    /// [over](Ready::over), to the end.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn of_news() -> io::Result<Self> {
        Self::with_mode(EventFlags::ET)
    }

    fn with_mode(mode: EventFlags) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX), mode })
    }

    /// Watches a descriptor, which must outlive its place in the set.
    ///
    /// # Errors
    /// It is watched already, or not pollable.
    pub fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        let flags = flags(interest) | self.mode;
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token), flags)?)
    }

    /// Changes what a watched descriptor is watched for. What is so then is told again, as news.
    ///
    /// # Errors
    /// It is not watched.
    pub fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        let flags = flags(interest) | self.mode;
        Ok(epoll::modify(&self.epoll, fd, EventData::new_u64(token), flags)?)
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
            over: flags.intersects(broken),
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
        let check = |seen: Ready, token, readable, writable| {
            assert_eq!(seen, Ready { token, readable, writable, over: false });
        };
        check(poller.ready(0), 7, true, false);
        poller.modify(&b, 9, Interest::ReadWrite).unwrap();
        poller.wait(0).unwrap();
        check(poller.ready(0), 9, true, true);
        poller.modify(&b, 9, Interest::Write).unwrap();
        poller.wait(0).unwrap();
        check(poller.ready(0), 9, false, true);
        poller.modify(&b, 9, Interest::Nothing).unwrap();
        poller.wait(0).unwrap();
        assert_eq!(poller.ready_count(), 0);
        drop(a);
        poller.wait(1_000_000_000).unwrap();
        let told = poller.ready(0);
        assert!(told.readable && told.over, "a hang-up is told all the same");
    }

    #[test]
    fn news_are_told_once_and_again_when_there_are_more() {
        let (mut a, b) = UnixStream::pair().unwrap();
        let mut poller = Poller::of_news().unwrap();
        poller.add(&b, 7, Interest::Read).unwrap();
        let told = |poller: &mut Poller| {
            poller.wait(1_000).unwrap();
            poller.ready_count()
        };
        a.write_all(b"x").unwrap();
        assert_eq!((told(&mut poller), told(&mut poller)), (1, 0));
        a.write_all(b"y").unwrap();
        assert_eq!((told(&mut poller), told(&mut poller)), (1, 0));
        poller.modify(&b, 8, Interest::Read).unwrap();
        assert_eq!((told(&mut poller), poller.ready(0).token), (1, 8));
        drop(a);
        assert_eq!(told(&mut poller), 1);
        assert!(poller.ready(0).over);
    }
}
