//! How late the kernel may wake a sleeping thread on purpose.

use std::io;
use std::num::NonZeroU64;

/// Asks for wake-ups as exact as the kernel can: a timer slack of 1 ns for the calling
/// thread, instead of the usual 50 µs. Threads that it spawns later inherit the slack.
///
/// # Errors
/// When the kernel refuses (a sandbox may).
pub fn set_timer_slack_min() -> io::Result<()> {
    Ok(rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_reports_the_slack_that_was_set() {
        let slack = std::thread::spawn(|| {
            set_timer_slack_min().unwrap();
            rustix::thread::current_timer_slack().unwrap()
        });
        assert_eq!(slack.join().unwrap(), 1);
    }
}
