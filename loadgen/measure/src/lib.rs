//! The arithmetic of Tailrace: clock, schedule, recorder, ledger, statistics and run record. It
//! imports nothing of ours and touches no socket, so that every figure can be checked on made-up
//! stamps. Read [`clock`], [`schedule`], [`recorder`], in
//! this order; [`record`] is what comes out.

pub mod clock;
pub mod hlog;
pub mod ledger;
pub mod quantile;
pub mod record;
pub mod recorder;
pub mod schedule;
pub mod schema;
mod slices;
pub mod statistics;
