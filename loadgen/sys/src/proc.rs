//! What a process costs, from /proc: CPU, memory, context switches, waiting for a core, and
//! time that the host took away. Nothing here is sampled in the background; callers decide
//! when. All figures are totals since the start of what is asked about: subtract two readings.

use std::fs;
use std::io;
use std::str::FromStr;

use rustix::time::{ClockId, clock_gettime};

use crate::cpu_clock::process_cpu_ns;

/// A tick of /proc (`USER_HZ`). The kernel tells programs 100 a second on every architecture in
/// use, whatever its own timer does; it is part of the ABI.
const NS_PER_TICK: u64 = 10_000_000;

/// Context switches of a process, summed over its living threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContextSwitches {
    /// It waited for something.
    pub voluntary: u64,
    /// The kernel gave its core to another.
    pub involuntary: u64,
}

/// Time of all cores together since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostCpu {
    /// Nanoseconds in which the host ran something else although this machine had work.
    pub steal_ns: u64,
    /// Nanoseconds of all kinds together, idle included.
    pub total_ns: u64,
}

/// CPU time of a process in nanoseconds, threads that have ended included: a server with a thread
/// a connection keeps what they cost. Where the kernel does not tell, user and system time in
/// ticks (10 ms).
///
/// # Errors
/// No such process, or /proc is not readable.
pub fn cpu_ns(pid: u32) -> io::Result<u64> {
    process_cpu_ns(pid).or_else(|_| cpu_ns_from_ticks(pid))
}

/// User and system time of /proc/PID/stat. Ended threads are included.
fn cpu_ns_from_ticks(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; what follows the last one does not. After the
    // name the fields begin with the third of proc(5): utime is the 14th, stime the 15th.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    Ok((field::<u64>(rest, 11)? + field::<u64>(rest, 12)?) * NS_PER_TICK)
}

/// A process and everything that it started, directly or not, as far as it still runs: itself
/// first. What was started by one that has ended belongs to nobody and is not found.
pub fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        for tid in tasks(parent).unwrap_or_default() {
            let children = fs::read_to_string(format!("/proc/{parent}/task/{tid}/children"));
            let children = children.unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        }
        next += 1;
    }
    family
}

/// Nanoseconds that a thread was ready to run and had no core. `tid` none: the calling thread
/// (then `pid` must be this process).
///
/// # Errors
/// No such thread, or a kernel without scheduler statistics.
pub fn run_delay_ns(pid: u32, tid: Option<u32>) -> io::Result<u64> {
    let tid = tid.unwrap_or_else(|| rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs());
    field(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat"))?, 1)
}

/// The same of all its threads that live, together.
///
/// # Errors
/// No such process, or a kernel without scheduler statistics.
pub fn run_delays_ns(pid: u32) -> io::Result<u64> {
    let each = tasks(pid)?.into_iter().filter_map(|tid| tid.parse().ok());
    each.map(|tid| run_delay_ns(pid, Some(tid))).sum()
}

/// The resident memory now, in bytes.
///
/// # Errors
/// No such process.
pub fn rss_bytes(pid: u32) -> io::Result<u64> {
    status_kib(pid, "VmRSS:").map(|kib| kib << 10)
}

fn status_kib(pid: u32, name: &str) -> io::Result<u64> {
    labelled(&fs::read_to_string(format!("/proc/{pid}/status"))?, name)
}

/// Context switches of all living threads of a process.
///
/// # Errors
/// No such process.
pub fn context_switches(pid: u32) -> io::Result<ContextSwitches> {
    let mut sum = ContextSwitches::default();
    for tid in tasks(pid)? {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")) else {
            continue;
        };
        sum.voluntary += labelled(&text, "voluntary_ctxt_switches:")?;
        sum.involuntary += labelled(&text, "nonvoluntary_ctxt_switches:")?;
    }
    Ok(sum)
}

/// CPU time of the calling thread in nanoseconds. One system call.
pub fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    // CPU time is never negative.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Stolen and total time of all cores, in steps of a tick (10 ms).
///
/// # Errors
/// /proc/stat is not readable.
pub fn host_cpu() -> io::Result<HostCpu> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().and_then(|l| l.strip_prefix("cpu ")).unwrap_or("");
    // user nice system idle iowait irq softirq steal; guest time is already in user's.
    let ticks: Vec<u64> = (0..8).map(|index| field(line, index)).collect::<io::Result<_>>()?;
    let total: u64 = ticks.iter().sum();
    Ok(HostCpu { steal_ns: ticks[7] * NS_PER_TICK, total_ns: total * NS_PER_TICK })
}

fn tasks(pid: u32) -> io::Result<Vec<String>> {
    let names = fs::read_dir(format!("/proc/{pid}/task"))?;
    names.map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned())).collect()
}

/// The `index`-th word of a line of numbers.
fn field<T: FromStr>(text: &str, index: usize) -> io::Result<T> {
    let word = text.split_whitespace().nth(index);
    word.and_then(|w| w.parse().ok()).ok_or_else(|| unreadable(text))
}

/// The number behind a label that begins a line.
fn labelled(text: &str, label: &str) -> io::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    field(line.ok_or_else(|| unreadable(label))?, 0)
}

fn unreadable(text: &str) -> io::Error {
    let start: String = text.chars().take(80).collect();
    let text = format!("/proc is not what this program knows, near \"{start}\"");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Burns at least so many nanoseconds of this thread's CPU.
    fn burn(ns: u64) {
        let end = thread_cpu_ns() + ns;
        while thread_cpu_ns() < end {}
    }

    #[test]
    fn cpu_grows_with_work_and_both_ways_agree() {
        let pid = std::process::id();
        let (fine, ticks) = (cpu_ns(pid).unwrap(), cpu_ns_from_ticks(pid).unwrap());
        burn(60_000_000);
        assert!(cpu_ns(pid).unwrap() - fine >= 50_000_000);
        assert!(cpu_ns_from_ticks(pid).unwrap() - ticks >= 30_000_000);
    }

    #[test]
    fn threads_that_ended_are_counted() {
        let pid = std::process::id();
        let before = cpu_ns(pid).unwrap();
        std::thread::spawn(|| burn(50_000_000)).join().unwrap();
        assert!(cpu_ns(pid).unwrap() - before >= 45_000_000);
    }

    #[test]
    fn waiting_for_a_core_is_seen() {
        let core = *crate::allowed_cores().last().unwrap();
        let rival = move || {
            crate::pin_current_thread(&[core]).unwrap();
            let before = run_delay_ns(std::process::id(), None).unwrap();
            burn(50_000_000);
            let delay = run_delay_ns(std::process::id(), None).unwrap();
            assert!(run_delays_ns(std::process::id()).unwrap() >= delay);
            delay - before
        };
        let threads = [std::thread::spawn(rival), std::thread::spawn(rival)];
        let delay: u64 = threads.map(|t| t.join().unwrap()).iter().sum();
        assert!(delay > 10_000_000, "{delay}");
    }

    #[test]
    fn memory_that_was_touched_is_counted() {
        let pid = std::process::id();
        let before = rss_bytes(pid).unwrap();
        let block = vec![1_u8; 64 << 20];
        let after = rss_bytes(pid).unwrap();
        assert!(after >= before + (50 << 20), "{before} {after} {}", block.len());
    }

    #[test]
    fn a_sleep_is_a_voluntary_switch() {
        let pid = std::process::id();
        let before = context_switches(pid).unwrap();
        for _ in 0..20 {
            std::thread::sleep(std::time::Duration::from_micros(100));
        }
        assert!(context_switches(pid).unwrap().voluntary >= before.voluntary + 20);
    }

    #[test]
    fn the_host_clock_advances_and_holds_the_steal() {
        let host = host_cpu().unwrap();
        assert!(host.total_ns > 0 && host.steal_ns <= host.total_ns);
        burn(40_000_000);
        assert!(host_cpu().unwrap().total_ns > host.total_ns);
        assert!(host_cpu().unwrap().steal_ns >= host.steal_ns);
    }

    #[test]
    fn children_of_children_belong_to_the_family() {
        let mut shell = std::process::Command::new("sh");
        // Each says that it runs; the inner one is a child because something follows it.
        shell.args(["-c", "sh -c 'echo up; read line; true'; true"]);
        shell.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut said = [0; 3];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut said).unwrap();
        let family = family(shell.id());
        assert_eq!((family.len(), family[0]), (2, shell.id()), "{family:?}");
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let pid = child.id();
        assert!(cpu_ns(pid).is_err() && rss_bytes(pid).is_err() && context_switches(pid).is_err());
    }
}
