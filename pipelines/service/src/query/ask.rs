//! Reads the parameters of a question. Every one that is wrong is named in the refusal, not only
//! the first; and a question that means the same becomes the same [`Question`], whatever the order
//! of its parameters.

use std::fmt::Write as _;

use tailrace_contract::history::{Filter, NameFilter, Range};
use tailrace_contract::limits::{
    ATTRIBUTE_KEY_BYTES_MAX, ATTRIBUTE_TEXT_BYTES_MAX, FIELD_ERRORS_MAX, NAME_BYTES_MAX,
};
use tailrace_contract::problem::FieldError;
use tailrace_contract::{Problem, ProblemKind, SmolStr};

use super::time::{DAY_MS, MOMENT_FORMS, Moment};
use crate::refusal::Refusal;

/// Filters on attributes of one question: each is another lookup in every row.
const ATTRIBUTE_FILTERS_MAX: usize = 8;

/// Parameters of one question; more than all that are known, each once.
const PARAMETERS_MAX: usize = 32;

/// The parameters of one request, while they are being read.
pub(super) struct Parameters {
    rest: Vec<(String, String)>,
    faults: Vec<FieldError>,
}

/// When, by two parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct When {
    pub(super) from: Option<Moment>,
    pub(super) to: Option<Moment>,
}

impl Parameters {
    /// All that were given; one that stands twice is a fault.
    pub(super) fn new(pairs: Vec<(String, String)>) -> Self {
        let mut parameters = Self { rest: Vec::new(), faults: Vec::new() };
        for (name, value) in pairs.into_iter().take(PARAMETERS_MAX) {
            if parameters.rest.iter().any(|(known, _)| *known == name) {
                parameters.fault(&name, "stands twice");
            } else {
                parameters.rest.push((name, value));
            }
        }
        parameters
    }

    /// Takes a parameter; an empty one is as good as none.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.rest.iter().position(|(known, _)| known == name)?;
        Some(self.rest.swap_remove(at).1).filter(|value| !value.is_empty())
    }

    /// Takes a parameter and reads it; what cannot be read is a fault.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.take(name)?;
        let value = read(&text);
        if value.is_none() {
            self.fault(name, &format!("is \"{text:.60}\"; expected {expected}"));
        }
        value
    }

    /// One parameter is wrong.
    pub(super) fn fault(&mut self, name: &str, detail: &str) {
        if self.faults.len() < FIELD_ERRORS_MAX {
            let detail = format!("{name:.60} {detail}");
            self.faults.push(FieldError { pointer: format!("?{name:.60}"), detail });
        }
    }

    /// A whole number from 1 to `max`.
    pub(super) fn limit(&mut self, default: usize, max: usize) -> usize {
        let expected = format!("1 to {max}");
        let read = |text: &str| text.parse().ok().filter(|n| (1..=max).contains(n));
        self.read("limit", &expected, read).unwrap_or(default)
    }

    /// `from` and `to`.
    pub(super) fn when(&mut self) -> When {
        let from = self.read("from", MOMENT_FORMS, |text| text.parse().ok());
        let to = self.read("to", MOMENT_FORMS, |text| text.parse().ok());
        When { from, to }
    }

    /// The stretch of time that `from` and `to` mean now.
    pub(super) fn range(&mut self, now_ms: u64) -> Range {
        let range = self.when().range(now_ms);
        if range.from_ms >= range.to_ms {
            self.fault("from", "is not before to");
        }
        range
    }

    /// `name` (with `*` at its end: a prefix) and every `attr.KEY`.
    pub(super) fn filter(&mut self) -> Filter {
        let expected = format!("a metric's name of at most {NAME_BYTES_MAX} bytes, or PREFIX*");
        let name = self.read("name", &expected, |text| {
            (text.len() <= NAME_BYTES_MAX).then(|| name_filter(text))
        });
        Filter { name: name.flatten(), attributes: self.attributes() }
    }

    /// Every `attr.KEY`, where the names are given by the route.
    pub(super) fn filter_of_attributes(&mut self) -> Filter {
        Filter { name: None, attributes: self.attributes() }
    }

    fn attributes(&mut self) -> Vec<(SmolStr, SmolStr)> {
        let (attributes, rest) = std::mem::take(&mut self.rest)
            .into_iter()
            .partition::<Vec<_>, _>(|(name, _)| name.starts_with("attr."));
        self.rest = rest;
        if attributes.len() > ATTRIBUTE_FILTERS_MAX {
            let most = format!("stand more than {ATTRIBUTE_FILTERS_MAX} times");
            self.fault("attr.", &most);
        }
        let mut wanted = Vec::with_capacity(attributes.len());
        for (name, value) in attributes {
            let key = &name["attr.".len()..];
            if key.is_empty() || key.len() > ATTRIBUTE_KEY_BYTES_MAX {
                self.fault(&name, "names no attribute");
            } else if value.len() > ATTRIBUTE_TEXT_BYTES_MAX {
                self.fault(&name, "is longer than an attribute can be");
            }
            wanted.push((key.into(), value.into()));
        }
        wanted.sort_unstable();
        wanted
    }

    /// The key of one attribute.
    pub(super) fn attribute_key(&mut self, name: &str) -> Option<SmolStr> {
        self.read(name, "the key of an attribute", |text| {
            (text.len() <= ATTRIBUTE_KEY_BYTES_MAX).then(|| text.into())
        })
    }

    /// Nothing else may stand there, and nothing may have been wrong.
    pub(super) fn finish(mut self, known: &str) -> Result<(), Refusal> {
        for (name, _) in std::mem::take(&mut self.rest) {
            self.fault(&name, &format!("is unknown; known are {known}"));
        }
        if self.faults.is_empty() {
            return Ok(());
        }
        let mut detail = String::from("query: ");
        for (at, fault) in self.faults.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(detail, "{}{}", if at > 0 { "; " } else { "" }, fault.detail);
        }
        let mut problem = Problem::new(ProblemKind::BadRequest, detail);
        problem.fields = self.faults;
        Err(Refusal(problem))
    }
}

/// None: all names.
fn name_filter(text: &str) -> Option<NameFilter> {
    match text.strip_suffix('*') {
        Some("") => None,
        Some(prefix) => Some(NameFilter::Prefix(prefix.into())),
        None => Some(NameFilter::Exactly(text.into())),
    }
}

impl When {
    /// Without `from` everything, without `to` until now. A plain date as the end includes its day.
    ///
    /// What is relative to now is widened to whole steps, a sixtieth of the range but a second at
    /// least and a minute at most: otherwise no two questions would ever be equal, and none
    /// answered from the cache.
    pub(super) fn range(self, now_ms: u64) -> Range {
        let length = match self.from {
            None => u64::MAX,
            Some(Moment::Ago(ago)) => ago,
            Some(Moment::At(ms) | Moment::Day(ms)) => now_ms.saturating_sub(ms),
        };
        let step = (length / 60).clamp(1_000, 60_000) / 1_000 * 1_000;
        let from_ms = match self.from {
            None => 0,
            Some(Moment::At(ms) | Moment::Day(ms)) => ms,
            Some(Moment::Ago(ago)) => now_ms.saturating_sub(ago) / step * step,
        };
        let to_ms = match self.to {
            Some(Moment::At(ms)) => ms,
            Some(Moment::Day(ms)) => ms + DAY_MS,
            None => (now_ms / step + 1) * step,
            Some(Moment::Ago(ago)) => (now_ms.saturating_sub(ago) / step + 1) * step,
        };
        Range { from_ms, to_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_767_225_678_901;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        Parameters::new(pairs.iter().map(|&(n, v)| (n.into(), v.into())).collect())
    }

    fn check_range(pairs: &[(&str, &str)], from_ms: u64, to_ms: u64) {
        let mut parameters = parameters(pairs);
        assert_eq!(parameters.range(NOW), Range { from_ms, to_ms }, "{pairs:?}");
        parameters.finish("").unwrap();
    }

    #[test]
    fn the_last_day_belongs_to_a_range_of_dates() {
        let day = |text: &str| match text.parse() {
            Ok(Moment::Day(ms)) => ms,
            other => panic!("{other:?}"),
        };
        let (first, behind) = (day("2026-11-20"), day("2026-11-22"));
        check_range(&[("from", "2026-11-20"), ("to", "2026-11-21")], first, behind);
        check_range(&[("from", "2026-11-21"), ("to", "2026-11-21")], behind - DAY_MS, behind);
    }

    #[test]
    fn ranges_have_defaults_and_whole_steps() {
        check_range(&[], 0, 1_767_225_720_000);
        check_range(&[("from", "1767225600000")], 1_767_225_600_000, 1_767_225_679_000);
        check_range(&[("from", "5"), ("to", "9")], 5, 9);
        check_range(&[("from", "-1h")], 1_767_222_060_000, 1_767_225_720_000);
        check_range(&[("from", "-5s"), ("to", "now")], 1_767_225_673_000, 1_767_225_679_000);
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let mut parameters = parameters(&[
            ("from", "yesterday"),
            ("to", "5"),
            ("limit", "0"),
            ("veiw", "x"),
            ("attr.", "x"),
            ("limit", "7"),
        ]);
        parameters.range(NOW);
        parameters.limit(1, 10);
        parameters.filter();
        let Refusal(problem) = parameters.finish("from, to").unwrap_err();
        let pointers: Vec<_> = problem.fields.iter().map(|fault| &*fault.pointer).collect();
        assert_eq!(pointers, ["?limit", "?from", "?limit", "?attr.", "?veiw"]);
        assert!(problem.detail.contains("\"yesterday\""), "{}", problem.detail);
    }

    #[test]
    fn a_star_at_the_end_makes_a_prefix() {
        let name = |text: &str| parameters(&[("name", text)]).filter().name;
        assert_eq!(name("cpu"), Some(NameFilter::Exactly("cpu".into())));
        assert_eq!(name("event.*"), Some(NameFilter::Prefix("event.".into())));
        assert_eq!(name("*"), None);
    }
}
