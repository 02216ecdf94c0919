//! Children that cannot outlive their parent and that run on chosen cores only. It does not
//! wait for them and does not read their output: `Child` does. Next: [`crate::signal`].
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use rustix::thread::sched_setaffinity;

use crate::affinity::cpu_set;

/// Spawns a child that the kernel kills (SIGKILL) when its parent dies, pinned to `cores` if
/// given. The kernel means the parent *thread*: call this from a thread that lives as long as
/// the child should, never from a pool's thread that may end earlier. A `Command` is bound by
/// its first call; make a new one for another child.
///
/// It has a process group of its own: Ctrl-C at a terminal is for the parent alone, which ends its
/// children when it has asked them what it wants to know.
///
/// # Errors
/// The program cannot be started, a core does not exist, or the parent died meanwhile.
pub fn spawn_bound(command: &mut Command, cores: Option<&[usize]>) -> io::Result<Child> {
    let set = cores.map(cpu_set).transpose()?;
    command.process_group(0);
    let parent = getpid();
    let bind = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above: then nobody would ever send it.
        // Without a parent in this PID namespace `getppid` answers none, which proves nothing.
        if getppid().is_some_and(|now| now != parent) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        if let Some(set) = &set {
            sched_setaffinity(None, set)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. The closure makes
    // three system calls on values that were prepared before the fork, allocates nothing,
    // takes no lock, and its errors are plain numbers.
    unsafe { command.pre_exec(bind) };
    command.spawn()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::sync::mpsc;

    use rustix::process::{Pid, getpgid};

    use super::*;

    #[test]
    fn a_child_is_in_no_group_that_a_terminal_interrupts() {
        let mut child = spawn_bound(Command::new("sleep").arg("60"), None).unwrap();
        let pid = Pid::from_child(&child);
        assert_eq!(getpgid(Some(pid)).unwrap(), pid);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_child_dies_with_the_thread_that_made_it() {
        let (sender, receiver) = mpsc::channel();
        let parent = std::thread::spawn(move || {
            sender.send(spawn_bound(Command::new("sleep").arg("60"), None).unwrap()).unwrap();
        });
        let mut child = receiver.recv().unwrap();
        parent.join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn the_child_runs_on_the_given_cores() {
        let core = *crate::allowed_cores().last().unwrap();
        let mut child = spawn_bound(Command::new("sleep").arg("60"), Some(&[core])).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let list = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")).unwrap();
        assert_eq!(list.trim(), core.to_string());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_core_that_does_not_exist_is_an_error() {
        assert!(spawn_bound(&mut Command::new("true"), Some(&[1023])).is_err());
    }
}
