//! Which threads of the whole machine ran between two readings, and on which core, from /proc.
//! Threads that have ended in between are not seen. It judges nothing: who asks must know what it
//! has started itself.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// `PF_KTHREAD` of the kernel's `sched.h`, as the flags of proc(5) show it.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// How long every thread has run since it began, nanoseconds, as the scheduler counts.
#[derive(Debug, Clone, Default)]
pub struct Threads(HashMap<PathBuf, u64>);

/// A thread that ran between two readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The process that it belongs to; a thread of the kernel is one by itself.
    pub pid: u32,
    /// As the kernel shows it: at most 15 bytes.
    pub name: String,
    /// Whether it is a thread of the kernel.
    pub is_kernel: bool,
    /// The core on which it ran last.
    pub core: usize,
    /// For how long it ran, on whichever core, nanoseconds.
    pub ns: u64,
}

impl Threads {
    /// Reads all that can be read; nothing where the kernel keeps no such account.
    pub fn read() -> Self {
        let processes = numbered(Path::new("/proc"));
        let threads = processes.flat_map(|process| numbered(&process.join("task")));
        Self(threads.filter_map(|thread| run_ns(&thread).map(|ns| (thread, ns))).collect())
    }

    /// Those that have run since that reading, whoever ran longest first.
    pub fn since(&self, before: &Self) -> Vec<Ran> {
        let grown = self.0.iter().filter_map(|(thread, ns)| {
            let ns = ns.saturating_sub(before.0.get(thread).copied().unwrap_or(0));
            (ns > 0).then(|| ran(thread, ns)).flatten()
        });
        let mut grown: Vec<Ran> = grown.collect();
        grown.sort_by(|a, b| b.ns.cmp(&a.ns).then_with(|| a.name.cmp(&b.name)));
        grown
    }
}

/// The folders that are named by a number.
fn numbered(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let named = move |entry: &fs::DirEntry| entry.file_name().to_str().is_some_and(is_number);
    entries.filter(named).map(|entry| entry.path())
}

fn run_ns(thread: &Path) -> Option<u64> {
    let text = fs::read_to_string(thread.join("schedstat")).ok()?;
    text.split(' ').next()?.parse().ok()
}

/// None: it has ended meanwhile.
fn ran(thread: &Path, ns: u64) -> Option<Ran> {
    let pid = thread.ancestors().nth(2)?.file_name()?.to_str()?.parse().ok()?;
    parsed(&fs::read_to_string(thread.join("stat")).ok()?, pid, ns)
}

/// The name in parentheses may hold anything; behind the last one the fields begin with the third
/// of proc(5): flags are the 9th, the core is the 39th.
fn parsed(stat: &str, pid: u32, ns: u64) -> Option<Ran> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let flags: u64 = fields.get(9 - 3)?.parse().ok()?;
    let core = fields.get(39 - 3)?.parse().ok()?;
    Some(Ran { pid, name: name.to_owned(), is_kernel: flags & KERNEL_THREAD != 0, core, ns })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_that_ran_is_found_with_its_core() {
        static IS_SEEN: AtomicBool = AtomicBool::new(false);
        let core = *crate::allowed_cores().last().unwrap();
        let before = Threads::read();
        let busy = thread::Builder::new().name("works (hard) 2".into()).spawn(move || {
            crate::pin_current_thread(&[core]).unwrap();
            while !IS_SEEN.load(Relaxed) {
                std::hint::spin_loop();
            }
        });
        // It counts only from its first turn on that core on.
        let found = loop {
            let ran = Threads::read().since(&before);
            let found =
                ran.into_iter().find(|ran| ran.name == "works (hard) 2" && ran.core == core);
            if let Some(found) = found {
                break found;
            }
        };
        IS_SEEN.store(true, Relaxed);
        busy.unwrap().join().unwrap();
        assert_eq!((found.pid, found.is_kernel), (std::process::id(), false));
    }

    #[test]
    fn threads_of_the_kernel_are_told_apart() {
        let stat = "29 (kdamond.0) I 2 0 0 0 -1 2129984 0 0 0 0 0 71 0 0 20 0 1 0 112 0 0 \
                    18446744073709551615 0 0 0 0 0 0 0 2147483647 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0";
        let ran = parsed(stat, 29, 7).unwrap();
        let expected = Ran { pid: 29, name: "kdamond.0".into(), is_kernel: true, core: 1, ns: 7 };
        assert_eq!(ran, expected);
        assert_eq!(parsed("cut off (", 1, 1), None);
    }
}
