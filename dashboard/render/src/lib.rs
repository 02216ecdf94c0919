//! Results to plots and report.
