//! What can be asked of `calibrate`, and what follows from it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tailrace_loadgen::experiment::parse_arrivals;
use tailrace_measure::known::Kind;
use tailrace_measure::record::Arrivals;
use tailrace_targets::Protocol;

use super::cells::Question;
use crate::exit::Fault;
use crate::pacing::PacingArgs;

/// Arguments of `calibrate`.
#[derive(Debug, Args, Clone)]
pub struct CalibrateArgs {
    /// Over what: http1, http2, ws
    #[arg(long, value_delimiter = ',', default_value = "http1,http2,ws")]
    pub protocol: Vec<String>,
    /// Against which servers: at-once, constant, slower, freeze, two-valued, heavy-tail,
    /// slow-accept, bursts
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "constant,freeze,two-valued,heavy-tail,slow-accept,bursts"
    )]
    pub server: Vec<String>,
    /// Batches a second
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    pub rate: Vec<f64>,
    /// When they are due: constant, poisson
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "constant,poisson",
        value_parser = parse_arrivals
    )]
    pub arrivals: Vec<Arrivals>,
    /// Length of each window; for a server that repeats itself, the next whole number of periods.
    /// With 20s, p99.9 has enough batches above it at 1,000 a second too
    #[arg(long, default_value = "3s", value_parser = tailrace_producers::parse_duration)]
    pub window: Duration,
    /// Other tools on the same servers: wrk, wrk2, h2load, oha, hey, ab
    #[arg(long, value_delimiter = ',')]
    pub against: Vec<String>,
    /// Less of everything, within a minute: one rate, one kind of arrivals, short windows
    #[arg(long, conflicts_with_all = ["rate", "arrivals", "window"])]
    pub quick: bool,
    /// Only this: at 20,000 a second on a server that answers at once, is p50 within 50 µs of a closed
    /// ping-pong's, and the generator no later than 100 µs at p99? Six rounds of both, in turn
    #[arg(long, conflicts_with_all = ["server", "rate", "arrivals", "against", "quick"])]
    pub ping_pong: bool,
    /// How the generator waits
    #[command(flatten)]
    pub pacing: PacingArgs,
    /// The arrivals and the bodies come from here
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder of recorded runs
    #[arg(long, default_value = "results", env = "TAILRACE_RESULTS")]
    pub results: PathBuf,
    /// Print the calibration as JSON instead of the table
    #[arg(long)]
    pub json: bool,
}

/// Of `--quick`: enough for a p99.
const QUICK_RATE_PER_S: f64 = 2_000.0;
const QUICK_WINDOW_NS: u64 = 1_000_000_000;
/// A batch that waits for a server that stands still for a second, and for those before it,
/// still has its answer by then.
const RATES_PER_S: std::ops::RangeInclusive<f64> = 1.0..=200_000.0;
/// The theory of a window is held in memory, and so are the answers of some peers: at the highest
/// rate about 200 MB.
const WINDOW_NS_MAX: u64 = 120_000_000_000;

/// What was asked, understood.
pub(super) struct Asked {
    pub(super) protocols: Vec<Protocol>,
    servers: Vec<Kind>,
    rates_per_s: Vec<f64>,
    arrivals: Vec<Arrivals>,
    pub(super) window_ns: u64,
    pub(super) against: Vec<String>,
    pub(super) seed: u64,
}

impl CalibrateArgs {
    pub(super) fn asked(&self) -> Result<Asked, Fault> {
        let protocols = self.protocol.iter().map(|name| {
            Protocol::find(name).ok_or_else(|| unknown("protocol", name, "http1, http2, ws"))
        });
        let kinds = Kind::NAMES.map(|(name, _)| name).join(", ");
        let servers = self.server.iter().map(|name| {
            Kind::find(name).ok_or_else(|| unknown("server of known behaviour", name, &kinds))
        });
        if let Some(rate) = self.rate.iter().find(|rate| !RATES_PER_S.contains(rate)) {
            return Err(Fault::Usage(format!(
                "{rate} batches a second cannot be calibrated; say 1 to {}",
                RATES_PER_S.end()
            )));
        }
        if self.ping_pong && self.pacing.spin {
            return Err(Fault::Usage(
                "--ping-pong holds the open loop against a closed one, in which nothing is due and \
                 nobody can spin before it; leave out --spin"
                    .into(),
            ));
        }
        let window_ns = u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX);
        if !(1_000_000..=WINDOW_NS_MAX).contains(&window_ns) {
            return Err(Fault::Usage("a window lasts between 1ms and 2m".into()));
        }
        Ok(Asked {
            protocols: protocols.collect::<Result<_, _>>()?,
            servers: servers.collect::<Result<_, _>>()?,
            rates_per_s: match self {
                // It has a rate of its own, and no theory.
                Self { ping_pong: true, .. } => Vec::new(),
                Self { quick: true, .. } => vec![QUICK_RATE_PER_S],
                _ => self.rate.clone(),
            },
            arrivals: if self.quick { vec![Arrivals::Constant] } else { self.arrivals.clone() },
            window_ns: if self.quick { QUICK_WINDOW_NS } else { window_ns },
            against: self.against.clone(),
            seed: self.seed,
        })
    }
}

fn unknown(what: &str, name: &str, known: &str) -> Fault {
    Fault::Usage(format!("there is no {what} {name:?}; known are {known}"))
}

impl Asked {
    /// Every schedule, for the floor.
    pub(super) fn floors(&self) -> impl Iterator<Item = Question> {
        self.schedules().map(|(rate_per_s, arrivals)| Question {
            protocol: Protocol::Http1,
            kind: Kind::AtOnce,
            rate_per_s,
            arrivals,
            window_ns: self.window_ns,
            seed: self.seed,
        })
    }

    /// Every trial, those that can be compared beside each other. How connections are accepted
    /// does not depend on the schedule: once is enough.
    pub(super) fn questions(&self) -> impl Iterator<Item = Question> {
        self.servers.iter().flat_map(move |&kind| {
            self.protocols.iter().flat_map(move |&protocol| {
                let schedules = if kind == Kind::SlowAccept { 1 } else { usize::MAX };
                self.schedules().take(schedules).map(move |(rate_per_s, arrivals)| Question {
                    protocol,
                    kind,
                    rate_per_s,
                    arrivals,
                    window_ns: whole_periods(self.window_ns, kind),
                    seed: self.seed,
                })
            })
        })
    }

    fn schedules(&self) -> impl Iterator<Item = (f64, Arrivals)> {
        self.rates_per_s
            .iter()
            .flat_map(|&rate| self.arrivals.iter().map(move |arrivals| (rate, arrivals.clone())))
    }
}

fn whole_periods(window_ns: u64, kind: Kind) -> u64 {
    kind.period_ns().map_or(window_ns, |period_ns| window_ns.next_multiple_of(period_ns))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: CalibrateArgs,
    }

    fn asked(words: &str) -> Result<Asked, Fault> {
        let words = std::iter::once("calibrate").chain(words.split_whitespace());
        Program::try_parse_from(words).unwrap().arguments.asked()
    }

    #[test]
    fn the_default_lasts_no_longer_than_six_minutes_and_quick_no_longer_than_one() {
        let seconds = |words: &str| {
            let asked = asked(words).unwrap();
            // Starting, warming up and draining.
            let lasts = |question: Question| question.window_ns as f64 / 1e9 + 0.6;
            asked.questions().map(lasts).sum::<f64>() + asked.floors().map(lasts).sum::<f64>()
        };
        assert!((300.0..360.0).contains(&seconds("")), "{}", seconds(""));
        assert!((40.0..60.0).contains(&seconds("--quick")), "{}", seconds("--quick"));
    }

    #[test]
    fn a_freeze_is_measured_over_whole_periods() {
        let window = |words: &str| asked(words).unwrap().questions().next().unwrap().window_ns;
        assert_eq!(window("--server freeze"), 10_000_000_000);
        assert_eq!(window("--server freeze --window 11s"), 20_000_000_000);
        assert_eq!(window("--server constant --window 11s"), 11_000_000_000);
    }

    #[test]
    fn what_is_unknown_is_told_with_what_is_known() {
        for (words, expect) in [
            ("--server quick", "two-valued"),
            ("--protocol quic", "http2"),
            ("--rate 0", "1 to"),
            ("--window 1h", "2m"),
            ("--ping-pong --spin", "nothing is due"),
        ] {
            let told = asked(words).err().unwrap().to_string();
            assert!(told.contains(expect), "{told}");
        }
    }
}
