//! The load generator: its own thread, event loop and clock.
