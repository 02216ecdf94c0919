//! Signals to processes that this program started. It knows those that faults and ends need.

use std::io;

use rustix::process::{Pid, kill_process, kill_process_group};

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Freeze the process (SIGSTOP).
    Stop,
    /// Let it go on (SIGCONT).
    Cont,
    /// End it at once (SIGKILL).
    Kill,
    /// Ask it to end (SIGTERM).
    Term,
    /// Ask it to end without finishing anything (SIGQUIT).
    Quit,
}

/// Sends a signal to one process.
///
/// # Errors
/// A pid of 0 or beyond an `i32` (0 would mean this process's whole group), no such process, or no permission.
pub fn send(pid: u32, signal: Signal) -> io::Result<()> {
    Ok(kill_process(known(pid)?, raw(signal))?)
}

/// Sends a signal to a child that leads its own process group, and to all that it started.
///
/// # Errors
/// As for [`send`], or the process leads no group.
pub fn send_group(pid: u32, signal: Signal) -> io::Result<()> {
    Ok(kill_process_group(known(pid)?, raw(signal))?)
}

fn known(pid: u32) -> io::Result<Pid> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("{pid} is not a pid"));
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(invalid)
}

fn raw(signal: Signal) -> rustix::process::Signal {
    match signal {
        Signal::Stop => rustix::process::Signal::STOP,
        Signal::Cont => rustix::process::Signal::CONT,
        Signal::Kill => rustix::process::Signal::KILL,
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Quit => rustix::process::Signal::QUIT,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// The state letter of /proc/PID/stat, which follows the parenthesised name.
    fn state(pid: u32) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    }

    #[test]
    fn stops_continues_and_ends_a_child() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        let until = |wanted: &dyn Fn(char) -> bool| {
            while !wanted(state(pid)) {
                std::thread::yield_now();
            }
        };
        send(pid, Signal::Stop).unwrap();
        until(&|state| state == 'T');
        send(pid, Signal::Cont).unwrap();
        until(&|state| state != 'T');
        send(pid, Signal::Term).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(15));
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        send(child.id(), Signal::Kill).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn a_group_ends_with_what_it_started() {
        use std::os::unix::process::CommandExt;
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 60 & echo $!; wait"]).process_group(0);
        let mut child = shell.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut told = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut told, &mut line).unwrap();
        let started: u32 = line.trim().parse().unwrap();
        send_group(child.id(), Signal::Kill).unwrap();
        child.wait().unwrap();
        // Whoever inherits it reaps it in its own time; until then it is a zombie.
        let gone = || std::fs::read_to_string(format!("/proc/{started}/stat")).is_err();
        while !gone() && state(started) != 'Z' {
            std::thread::yield_now();
        }
    }

    #[test]
    fn zero_is_no_process() {
        assert!(send(0, Signal::Cont).is_err());
        assert!(send(u32::MAX, Signal::Cont).is_err());
    }
}
