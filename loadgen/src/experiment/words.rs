//! Values of a file that mean more than their kind: durations, rates, arrivals, names. Each says
//! what it expects, so that a wrong one is answered with the right ones.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use tailrace_measure::record::{Codec, Figure, Flush, Fsync, Insert, Link, StoreKind};

use super::limits;
use crate::faults::{Fault, ParseFaultError};

/// A value that is written as a text or a number.
pub(super) trait Word: Sized {
    /// What a valid one looks like, after "expected".
    fn expected() -> String;
    /// Reads a text.
    fn text(text: &str) -> Option<Self>;
    /// Reads a text that may be wrong in a way of its own.
    ///
    /// # Errors
    /// What is wrong with it; none: it is not what was expected.
    fn read(text: &str) -> Result<Self, Option<String>> {
        Self::text(text).ok_or(None)
    }
    /// Reads a number.
    fn number(_: f64) -> Option<Self> {
        None
    }
}

/// Reads a [`Word`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct As<T>(pub(super) T);

impl<'de, T: Word> Deserialize<'de> for As<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData)).map(As)
    }
}

struct Reader<T>(PhantomData<T>);

impl<T: Word> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&T::expected())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let shown: String = text.chars().take(60).collect();
        T::read(text).map_err(|why| match why {
            Some(why) => E::custom(why),
            None => E::invalid_value(Unexpected::Str(&shown), &self),
        })
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::number(number as f64).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::number(number as f64)
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        T::number(number).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// A whole number within a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<const LEAST: u64, const MOST: u64>(pub(super) u64);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        As::deserialize(deserializer).map(|As(whole)| whole)
    }
}

impl<const LEAST: u64, const MOST: u64> Word for Whole<LEAST, MOST> {
    fn expected() -> String {
        format!("a whole number from {LEAST} to {MOST}")
    }
    fn text(_: &str) -> Option<Self> {
        None
    }
    fn number(number: f64) -> Option<Self> {
        let fits = number.fract() == 0.0 && (LEAST as f64..=MOST as f64).contains(&number);
        fits.then_some(Self(number as u64))
    }
}

/// A bound of a ratio or a share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl Word for Number {
    fn expected() -> String {
        format!("a number above 0 and up to {}", limits::RATIO_MAX)
    }
    fn text(_: &str) -> Option<Self> {
        None
    }
    fn number(number: f64) -> Option<Self> {
        (number > 0.0 && number <= limits::RATIO_MAX).then_some(Self(number))
    }
}

/// A duration in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ms<const MOST: u64>(pub(super) u64);

impl<const MOST: u64> Word for Ms<MOST> {
    fn expected() -> String {
        format!("a duration such as \"2500ms\", \"5s\" or \"1m\", up to {} s", MOST / 1_000)
    }
    fn text(text: &str) -> Option<Self> {
        let ms = u64::try_from(tailrace_producers::parse_duration(text).ok()?.as_millis()).ok()?;
        (ms <= MOST).then_some(Self(ms))
    }
}

/// A rate: a number, or a share of the slowest arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RateWord {
    PerS(f64),
    OfSlowest(f64),
}

impl Word for RateWord {
    fn expected() -> String {
        let (least, most) = limits::RATE_PER_S;
        format!("batches a second from {least} to {most}, or \"60% of slowest\" (1 to 95)")
    }
    fn text(text: &str) -> Option<Self> {
        let percent = text.strip_suffix("of slowest")?.trim().strip_suffix('%')?.trim();
        let percent: u32 = percent.parse().ok()?;
        (1..=95).contains(&percent).then(|| Self::OfSlowest(f64::from(percent) / 100.0))
    }
    fn number(number: f64) -> Option<Self> {
        let (least, most) = limits::RATE_PER_S;
        (least..=most).contains(&number).then_some(Self::PerS(number))
    }
}

impl Word for Codec {
    fn expected() -> String {
        "\"json\" or \"msgpack\"".into()
    }
    fn text(text: &str) -> Option<Self> {
        match text {
            "json" => Some(Self::Json),
            "msgpack" => Some(Self::Msgpack),
            _ => None,
        }
    }
}

impl Word for Flush {
    fn expected() -> String {
        "\"batch\" or \"each\"".into()
    }
    fn text(text: &str) -> Option<Self> {
        match text {
            "batch" => Some(Self::Batch),
            "each" => Some(Self::Each),
            _ => None,
        }
    }
}

/// What stands between generator and server; none: nothing. A round trip of 0 ms is a link like
/// any other: its process is in the way, so that only the distance differs between arms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LinkWord(pub(super) Option<Link>);

impl Word for LinkWord {
    fn expected() -> String {
        format!(
            "\"none\", or a round trip from 0 to {} ms and optionally a bandwidth, such as \
             \"10ms\" or \"50ms 20mbit\"",
            limits::ROUND_TRIP_MS_MAX
        )
    }
    fn text(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self(None));
        }
        let (trip, bandwidth) =
            text.split_once(' ').map_or((text, None), |(trip, rest)| (trip, Some(rest.trim())));
        let trip = match trip {
            "0ms" => 0,
            trip => Ms::<{ limits::ROUND_TRIP_MS_MAX }>::text(trip)?.0,
        };
        let (least, most) = limits::BANDWIDTH_MBIT;
        let mbit = |text: &str| {
            let mbit: f64 = text.strip_suffix("mbit")?.parse().ok()?;
            (least..=most).contains(&mbit).then_some(mbit)
        };
        let bandwidth_mbit_per_s = match bandwidth {
            Some(text) => Some(mbit(text)?),
            None => None,
        };
        Some(Self(Some(Link { round_trip_ms: trip as f64, bandwidth_mbit_per_s })))
    }
}

impl Word for Figure {
    fn expected() -> String {
        let names: Vec<String> = Figure::NAMES.map(|(name, _)| format!("\"{name}\"")).to_vec();
        format!("one of {}", names.join(", "))
    }
    fn text(text: &str) -> Option<Self> {
        Figure::NAMES.into_iter().find_map(|(name, figure)| (name == text).then_some(figure))
    }
}

impl Word for Fsync {
    fn expected() -> String {
        "\"no\", \"everysec\" or \"always\"".into()
    }
    fn text(text: &str) -> Option<Self> {
        [Self::No, Self::Everysec, Self::Always].into_iter().find(|fsync| fsync.name() == text)
    }
}

impl Word for Insert {
    fn expected() -> String {
        "\"row\", \"rows\" or \"copy\"".into()
    }
    fn text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|insert| insert.name() == text)
    }
}

/// Where batches go behind the log; none: nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoreWord(pub(super) Option<StoreKind>);

impl Word for StoreWord {
    fn expected() -> String {
        "\"none\", \"sqlite\" or \"postgres\"".into()
    }
    fn text(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self(None)),
            "sqlite" => Some(Self(Some(StoreKind::Sqlite))),
            "postgres" => Some(Self(Some(StoreKind::Postgres))),
            _ => None,
        }
    }
}

impl Word for Fault {
    fn expected() -> String {
        "a fault such as \"worker:kill:3s@2s\" or \"redis:stop:5s@1s\"".into()
    }
    fn text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn read(text: &str) -> Result<Self, Option<String>> {
        text.parse().map_err(|why: ParseFaultError| Some(why.to_string()))
    }
}

/// The one thing that may be expected of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeptAudit;

impl Word for KeptAudit {
    fn expected() -> String {
        "\"kept\"".into()
    }
    fn text(text: &str) -> Option<Self> {
        (text == "kept").then_some(Self)
    }
}

/// A short name that is safe as a folder's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slug(pub(super) String);

impl Word for Slug {
    fn expected() -> String {
        format!(
            "a short name: up to {} of a to z, 0 to 9 and -, not beginning or ending with -",
            limits::SLUG_BYTES_MAX
        )
    }
    fn text(text: &str) -> Option<Self> {
        is_slug(text).then(|| Self(text.to_owned()))
    }
}

/// Whether a text may be a folder's name.
pub(super) fn is_slug(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=limits::SLUG_BYTES_MAX).contains(&text.len())
        && text.chars().all(letter)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// One line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line(pub(super) String);

impl Word for Line {
    fn expected() -> String {
        format!("one line of 1 to {} characters", limits::LINE_CHARS_MAX)
    }
    fn text(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=limits::LINE_CHARS_MAX).contains(&text.chars().count());
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }
}

/// Text of several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prose(pub(super) String);

impl Word for Prose {
    fn expected() -> String {
        format!("text of 1 to {} characters", limits::PROSE_CHARS_MAX)
    }
    fn text(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=limits::PROSE_CHARS_MAX).contains(&text.chars().count());
        let plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
        (fits && text.chars().all(plain)).then(|| Self(text.to_owned()))
    }
}
