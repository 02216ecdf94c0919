//! What a subscriber asked for.

use std::str::FromStr;

use axum::http::HeaderMap;
use tailrace_contract::sample::chosen;
use tailrace_contract::{BatchId, Position, Producer, RunId};

use crate::refusal::{Refusal, query_fault};

/// The query of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Metrics too, not only who they are.
    pub(crate) full: bool,
    /// Only this run.
    pub(crate) run: Option<RunId>,
    /// One batch in so many, by sequence.
    pub(crate) one_in: u64,
    /// One producer in so many, with all its batches. A fleet sends in step, sequence by
    /// sequence, so thinning by sequence would take all of it at once and then nothing.
    pub(crate) one_producer_in: u64,
    /// Which ones.
    pub(crate) seed: u64,
    /// Replay what stands after this position first.
    pub(crate) after: Option<Position>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { full: true, run: None, one_in: 1, one_producer_in: 1, seed: 0, after: None }
    }
}

impl Wanted {
    /// Reads the query and `Last-Event-ID`, which wins over `after`: a browser repeats the
    /// address as it was when it connects again, and adds how far it came.
    pub(crate) fn read(pairs: &[(String, String)], headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut wanted = Self::default();
        for (name, value) in pairs {
            wanted.set(name, value)?;
        }
        if let Some(last) = headers.get("last-event-id").filter(|last| !last.is_empty()) {
            let text = String::from_utf8_lossy(last.as_bytes());
            wanted.after = Some(parse("Last-Event-ID", &text, "a position such as 0-17")?);
        }
        Ok(wanted)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "view" if value == "full" => self.full = true,
            "view" if value == "ids" => self.full = false,
            "view" => return Err(wrong("view", value, "ids or full")),
            "run" => self.run = Some(parse("run", value, "32 hexadecimal digits")?),
            "sample" => self.one_in = share("sample", value)?,
            "producers" => self.one_producer_in = share("producers", value)?,
            "seed" => self.seed = parse("seed", value, "a whole number")?,
            "after" => self.after = Some(parse("after", value, "a position such as 0-17")?),
            _ => {
                let known = "known are view, run, sample, producers, seed, after";
                return Err(query_fault(format!("\"{name:.40}\" is unknown; {known}")));
            }
        }
        Ok(())
    }

    /// Whether a batch belongs into this feed.
    pub(crate) fn takes(&self, id: &BatchId) -> bool {
        self.run.is_none_or(|run| run == id.run)
            && chosen(self.seed, id.seq, self.one_in)
            && (self.one_producer_in < 2
                || chosen(self.seed, number(&id.producer), self.one_producer_in))
    }
}

/// A producer's name as a number, the same on every server. Source: Fowler, Noll, Vo, FNV-1a.
fn number(producer: &Producer) -> u64 {
    producer.0.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One in how many.
fn share(name: &str, value: &str) -> Result<u64, Refusal> {
    let expected = "a whole number from 1";
    let one_in = parse(name, value, expected)?;
    if one_in == 0 { Err(wrong(name, value, expected)) } else { Ok(one_in) }
}

fn parse<T: FromStr>(name: &str, value: &str, expected: &str) -> Result<T, Refusal> {
    value.parse().map_err(|_| wrong(name, value, expected))
}

fn wrong(name: &str, value: &str, expected: &str) -> Refusal {
    query_fault(format!("{name} is \"{value:.40}\"; expected {expected}"))
}

#[cfg(test)]
mod tests {
    use tailrace_contract::Tenant;

    use super::*;

    fn check(pairs: &[(&str, &str)], expected: Result<Wanted, &str>) {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        match (Wanted::read(&pairs, &HeaderMap::new()), expected) {
            (Ok(wanted), Ok(expected)) => assert_eq!(wanted, expected),
            (Err(Refusal(problem)), Err(part)) => {
                assert!(problem.detail.contains(part), "{}", problem.detail);
            }
            (seen, expected) => panic!("{pairs:?}: {seen:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn reads_what_is_known_and_names_it_otherwise() {
        check(&[], Ok(Wanted::default()));
        let ids = Wanted { full: false, one_in: 10, seed: 3, ..Wanted::default() };
        check(&[("view", "ids"), ("sample", "10"), ("seed", "3")], Ok(ids));
        check(&[("veiw", "ids")], Err("known are view, run, sample, producers, seed, after"));
        check(&[("view", "all")], Err("ids or full"));
        check(&[("sample", "0")], Err("from 1"));
        check(&[("producers", "0")], Err("from 1"));
        check(&[("run", "7")], Err("32 hexadecimal"));
        check(&[("after", "7")], Err("position"));
    }

    #[test]
    fn a_chosen_producer_brings_all_its_batches() {
        let wanted = Wanted { one_producer_in: 4, ..Wanted::default() };
        let takes = |producer: &str, seq| {
            let (tenant, producer) = (Tenant::open(), Producer(producer.into()));
            wanted.takes(&BatchId { tenant, run: RunId(1), producer, seq })
        };
        let names: Vec<String> = (0..1_000).map(|i| format!("host-{i:04}")).collect();
        let taken = names.iter().filter(|name| takes(name, 0)).count();
        // Five standard deviations of a binomial count around a quarter.
        assert!(taken.abs_diff(250) < 70, "{taken}");
        assert!(names.iter().all(|name| (1..20).all(|seq| takes(name, seq) == takes(name, 0))));
    }

    #[test]
    fn how_far_it_came_wins_over_where_it_started() {
        let mut headers = HeaderMap::new();
        headers.insert("last-event-id", "0-9".parse().unwrap());
        let wanted = Wanted::read(&[("after".into(), "0-1".into())], &headers).unwrap();
        assert_eq!(wanted.after, "0-9".parse().ok());
    }
}
