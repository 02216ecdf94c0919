//! The processor time of another process, as the kernel keeps it for its clocks: threads that
//! have ended are in it. Children are not. Next: [`crate::proc`], which has the other figures.
#![allow(unsafe_code)]

use std::io;

/// Nanoseconds that a process has run, all its threads together, ended ones included.
///
/// # Errors
/// No such process, or a kernel that does not tell.
pub(crate) fn process_cpu_ns(pid: u32) -> io::Result<u64> {
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let known = i32::try_from(pid).ok().filter(|&pid| pid > 0);
    let pid = known.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: both calls only write to the place that they are given, which outlives them and
    // has the type that they expect.
    let (named, read) = unsafe {
        let named = libc::clock_getcpuclockid(pid, &raw mut clock);
        (named, if named == 0 { libc::clock_gettime(clock, &raw mut time) } else { 0 })
    };
    if named != 0 {
        return Err(io::Error::from_raw_os_error(named));
    }
    if read != 0 {
        return Err(io::Error::last_os_error());
    }
    // Processor time is never negative.
    Ok(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
}
