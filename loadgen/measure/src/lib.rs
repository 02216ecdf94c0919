//! The arithmetic of Tailrace: clock, schedule, recorder, ledger, statistics and run record. It
//! imports nothing of ours and touches no socket, so that every figure can be checked on made-up
//! stamps. Read [`clock`], [`schedule`], [`recorder`], in
//! this order; [`record`] is what comes out.

mod binomial;
pub mod calibration;
mod cells;
pub mod clock;
mod coarse;
mod comparable;
pub mod compare;
mod contrast;
pub mod csv;
pub mod episodes;
pub mod exposure;
pub mod floor_ratios;
mod grid;
pub mod hlog;
mod holm;
pub mod journal;
pub mod known;
pub mod late;
pub mod ledger;
pub mod load_report;
pub mod ping_pong;
pub mod primary;
pub mod quantile;
pub mod record;
pub mod recorder;
pub mod reproduce;
mod rows;
pub mod schedule;
pub mod schema;
pub mod seals;
mod sentences;
pub mod simulate;
pub mod sleeps;
mod slices;
mod sockets;
mod stamps;
pub mod statistics;
pub mod stein;
pub mod summary;
pub mod theory;
mod thresholds;
mod verdicts;
pub mod wording;
