//! What ended children cost, all their threads and theirs included. For programs that come and
//! go; a server that runs is asked by [`crate::proc`].
#![allow(unsafe_code)]

/// CPU time in nanoseconds of all children that have ended and been waited for, microsecond
/// steps. Subtract two readings.
pub fn children_cpu_ns() -> u64 {
    // SAFETY: `rusage` is plain data for which all zeros is a value, and the kernel fills what
    // the pointer leads to. The call cannot fail with these arguments.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let ns = |t: libc::timeval| {
        t.tv_sec.unsigned_abs() * 1_000_000_000 + t.tv_usec.unsigned_abs() * 1_000
    };
    ns(usage.ru_utime) + ns(usage.ru_stime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_worked_is_counted_once_it_ended() {
        let before = children_cpu_ns();
        let loops = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
        let ended = std::process::Command::new("sh").args(["-c", loops]).status().unwrap();
        assert!(ended.success());
        assert!(children_cpu_ns() > before);
    }
}
