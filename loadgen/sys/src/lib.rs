//! System calls and /proc: the one place that is Linux-only. A port to another system begins
//! and ends in this folder. It lacks policy: what to pin, when to sample and what to kill is
//! decided by the callers.
//!
//! Read [`spawn`] first (children that cannot outlive their parent), then [`proc`] (what a
//! process costs).

pub mod account;
pub mod affinity;
pub mod children;
mod cpu_clock;
pub mod machine;
pub mod poller;
pub mod proc;
pub mod signal;
pub mod spawn;
pub mod threads;
pub mod timer;

pub use account::{Account, account, is_root};
pub use affinity::{allowed_cores, pin_current_thread};
pub use children::children_cpu_ns;
pub use machine::Machine;
pub use proc::{ContextSwitches, HostCpu};
pub use signal::{Signal, send, send_group};
pub use spawn::spawn_bound;
pub use threads::Threads;
pub use timer::set_timer_slack_min;
