//! The worker between a real memory log and a store that fails on command, on a paused clock:
//! outages of minutes pass in milliseconds. The crashes of real processes, with Redis and SQLite,
//! are in `lab/tests/program/worker.rs`.

mod detector;
mod doubles;
mod isolation;
mod outage;
mod sharing;
mod way;
