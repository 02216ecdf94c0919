//! Arithmetic only.
pub mod record;
