//! Text for Prometheus, format 0.0.4: what the figures of all groups have in common.
//! Next: `progress.rs` and `tally.rs`, which write on such a page.

use std::fmt::Write as _;

use tailrace_contract::Lag;

/// A page that is being written, about one group.
pub(crate) struct Page<'a> {
    /// What all names begin with.
    prefix: &'static str,
    group: &'a str,
    out: &'a mut String,
}

// Writing to a string cannot fail, so what `writeln!` answers is not looked at.
impl<'a> Page<'a> {
    pub(crate) fn new(prefix: &'static str, group: &'a str, out: &'a mut String) -> Self {
        Self { prefix, group, out }
    }

    pub(crate) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.sample(name, "", value);
    }

    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "gauge");
        self.sample(name, "", value);
    }

    pub(crate) fn head(&mut self, name: &str, help: &str, kind: &str) {
        let prefix = self.prefix;
        let _ = writeln!(self.out, "# HELP {prefix}_{name} {help}");
        let _ = writeln!(self.out, "# TYPE {prefix}_{name} {kind}");
    }

    /// One value; `labels` follow the group's.
    pub(crate) fn sample(&mut self, name: &str, labels: &str, value: u64) {
        let (prefix, group) = (self.prefix, self.group);
        let _ = writeln!(self.out, "{prefix}_{name}{{group=\"{group}\"{labels}}} {value}");
    }

    /// How far the group is behind. Without an answer of the log its figures are left out rather
    /// than told as zero.
    pub(crate) fn lag(&mut self, lag: Option<Lag>) {
        self.gauge("lag_known", "1 when the log told how far behind it is.", lag.is_some().into());
        if let Some(lag) = lag {
            self.gauge("unread_entries", "Entries that nobody was given yet.", lag.unread);
            self.gauge("pending_entries", "Entries given and not acknowledged.", lag.pending);
            self.gauge("members", "Members that the log knows.", lag.members);
            let oldest = lag.oldest_ms.unwrap_or_default();
            self.gauge("oldest_ms", "Age of the oldest entry not acknowledged.", oldest);
        }
    }
}
