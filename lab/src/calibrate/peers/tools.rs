//! The tools that are known, and how each is asked for the same load. `wrk` and `ab` know no
//! rate: they send whenever they have an answer, and stand here to show what that hides.

use std::path::Path;

use anyhow::Context;

use super::parse::{self, Seen};

/// A tool, used in one way.
pub(super) struct Tool {
    /// For people: the program, with what sets this way apart.
    pub(super) name: &'static str,
    pub(super) program: &'static str,
    pub(super) version_flag: &'static str,
    pub(super) closed_loop: bool,
    pub(super) protocols: &'static [&'static str],
    /// What it needs longer than it is asked for.
    pub(super) extra_seconds: u64,
    pub(super) how_to_get: &'static str,
    /// Everything but the URL, which comes last.
    pub(super) arguments: fn(&Ask<'_>) -> anyhow::Result<Vec<String>>,
    /// From what it printed, or left in its folder.
    pub(super) read: fn(&str, &Path) -> anyhow::Result<Seen>,
}

/// What is asked of it.
pub(super) struct Ask<'a> {
    pub(super) seconds: u64,
    pub(super) connections: u32,
    pub(super) in_flight: u32,
    pub(super) rate_per_s: f64,
    pub(super) protocol: &'static str,
    /// For its files.
    pub(super) folder: &'a Path,
}

/// In the order in which they stand in the tables.
pub(super) const TOOLS: [Tool; 7] = [
    Tool {
        name: "wrk",
        program: "wrk",
        version_flag: "-v",
        closed_loop: true,
        protocols: &["http1"],
        extra_seconds: 0,
        how_to_get: "Debian's package wrk",
        arguments: |ask| wrk(ask, &[]),
        read: parse::wrk,
    },
    Tool {
        name: "wrk2",
        program: "wrk2",
        version_flag: "-v",
        closed_loop: false,
        protocols: &["http1"],
        extra_seconds: WRK2_SETTLES_S,
        how_to_get: "build github.com/giltene/wrk2 and put it on the PATH as wrk2",
        arguments: |ask| wrk(ask, &["-R", &format!("{}", ask.rate_per_s)]),
        read: parse::wrk2,
    },
    Tool {
        name: "h2load",
        program: "h2load",
        version_flag: "--version",
        closed_loop: false,
        protocols: &["http1", "http2"],
        extra_seconds: 0,
        how_to_get: "Debian's package nghttp2-client",
        arguments: |ask| Ok(h2load(ask)),
        read: |_, folder| parse::h2load(&read(folder)?),
    },
    Tool {
        name: "oha",
        program: "oha",
        version_flag: "--version",
        closed_loop: false,
        protocols: &["http1", "http2"],
        extra_seconds: 0,
        how_to_get: "cargo install oha",
        arguments: |ask| Ok(oha(ask, &[])),
        read: |printed, _| parse::oha(printed),
    },
    Tool {
        name: "oha, latency correction",
        program: "oha",
        version_flag: "--version",
        closed_loop: false,
        protocols: &["http1", "http2"],
        extra_seconds: 0,
        how_to_get: "cargo install oha",
        arguments: |ask| Ok(oha(ask, &["--latency-correction"])),
        read: |printed, _| parse::oha(printed),
    },
    Tool {
        name: "hey",
        program: "hey",
        version_flag: "-h",
        closed_loop: false,
        protocols: &["http1"],
        extra_seconds: 0,
        how_to_get: "Debian's package hey, or go install github.com/rakyll/hey@latest",
        arguments: |ask| Ok(hey(ask)),
        read: |printed, _| parse::hey(printed),
    },
    Tool {
        name: "ab",
        program: "ab",
        version_flag: "-V",
        closed_loop: true,
        protocols: &["http1"],
        extra_seconds: 0,
        how_to_get: "Debian's package apache2-utils",
        arguments: |ask| Ok(ab(ask)),
        read: |printed, folder| parse::ab(printed, &read(folder)?),
    },
];

/// For so long it finds out how it does, and forgets what it saw.
const WRK2_SETTLES_S: u64 = 10;
/// `ab` stops at 50,000 requests unless it is told a number.
const AB_REQUESTS_MAX: &str = "100000000";
/// A tool's own record, in its folder.
const FILE: &str = "record";

/// Makes both print more percentiles than they do by themselves.
const WRK_SCRIPT: &str = "\
done = function(summary, latency, requests)
  for _, p in ipairs({50, 95, 99, 99.9}) do
    io.write(string.format('percentile %g %d\\n', p, latency:percentile(p)))
  end
  io.write(string.format('requests %d\\n', summary.requests))
end
";

fn wrk(ask: &Ask<'_>, more: &[&str]) -> anyhow::Result<Vec<String>> {
    let script = ask.folder.join("percentiles.lua");
    std::fs::write(&script, WRK_SCRIPT).context("its script cannot be written")?;
    let seconds = ask.seconds + if more.is_empty() { 0 } else { WRK2_SETTLES_S };
    let common = format!("-t1 -c{} -d{seconds}s --timeout 10s -s", ask.connections);
    let mut words = words(&common);
    words.push(script.to_string_lossy().into_owned());
    words.extend(more.iter().map(|&word| word.to_owned()));
    Ok(words)
}

fn h2load(ask: &Ask<'_>) -> Vec<String> {
    let each_per_s = ask.rate_per_s / f64::from(ask.connections);
    let h1 = if ask.protocol == "http1" { " --h1" } else { "" };
    let (connections, in_flight, seconds) = (ask.connections, ask.in_flight, ask.seconds);
    let mut words =
        words(&format!("-t1 -c{connections} -m{in_flight} -D{seconds} --rps={each_per_s}{h1}"));
    words.push(format!("--log-file={}", ask.folder.join(FILE).display()));
    words
}

fn oha(ask: &Ask<'_>, more: &[&str]) -> Vec<String> {
    let (connections, seconds, rate) = (ask.connections, ask.seconds, ask.rate_per_s);
    let common = format!("--no-tui --output-format json -c {connections} -z {seconds}s -q {rate}");
    let mut words = words(&common);
    if ask.protocol == "http2" {
        words.extend(["--http2".into(), "-p".into(), ask.in_flight.to_string()]);
    }
    words.extend(more.iter().map(|&word| word.to_owned()));
    words
}

fn hey(ask: &Ask<'_>) -> Vec<String> {
    let each_per_s = ask.rate_per_s / f64::from(ask.connections);
    words(&format!("-o csv -c {} -z {}s -q {each_per_s}", ask.connections, ask.seconds))
}

fn ab(ask: &Ask<'_>) -> Vec<String> {
    let common = format!("-k -q -c {} -t {} -n {AB_REQUESTS_MAX} -e", ask.connections, ask.seconds);
    let mut words = words(&common);
    words.push(ask.folder.join(FILE).to_string_lossy().into_owned());
    words
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn read(folder: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(folder.join(FILE)).context("it left no record")
}
