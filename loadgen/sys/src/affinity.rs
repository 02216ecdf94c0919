//! Which cores a thread may run on. Cores are numbered as the kernel numbers them.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins the calling thread to `cores`; threads it spawns later inherit that.
///
/// # Errors
/// An empty list, a core that the machine lacks, or one that this process may not use.
pub fn pin_current_thread(cores: &[usize]) -> io::Result<()> {
    Ok(sched_setaffinity(None, &cpu_set(cores)?)?)
}

/// The cores that the calling thread may use, ascending. Empty when the kernel does not say.
pub fn allowed_cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
}

/// The kernel's form of a list of cores; made before a fork because it may allocate an error.
pub(crate) fn cpu_set(cores: &[usize]) -> io::Result<CpuSet> {
    let mut set = CpuSet::new();
    for &core in cores {
        if core >= CpuSet::MAX_CPU {
            let text = format!("core {core} is beyond the {} cores of a set", CpuSet::MAX_CPU);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        set.set(core);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_may_use_that_core_only() {
        let core = *allowed_cores().last().unwrap();
        let pinned = std::thread::spawn(move || {
            pin_current_thread(&[core]).unwrap();
            allowed_cores()
        });
        assert_eq!(pinned.join().unwrap(), [core]);
    }

    #[test]
    fn no_core_and_a_core_too_many_are_refused() {
        assert!(pin_current_thread(&[]).is_err());
        assert!(pin_current_thread(&[CpuSet::MAX_CPU]).is_err());
    }
}
