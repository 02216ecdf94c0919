//! System calls and /proc: the one place that is Linux-only.
