//! Servers of known behaviour, to measure against.
