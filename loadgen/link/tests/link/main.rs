//! The link with real sockets: what comes out, when, and what happens to those who stall, hang
//! up or are not there. How exact its delays are is a measurement, not a test: see the README.

mod ends;
mod stage;
mod times;
