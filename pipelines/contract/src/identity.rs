//! Who a batch is: (tenant, run, producer, sequence). Two batches with the same identity
//! are the same batch sent twice. Read [`crate::ingest`] for where an identity comes from.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::limits;

/// The owner of the data. It comes from the credential, never from a header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tenant(pub Arc<str>);

impl Tenant {
    /// The tenant of a server that runs without keys.
    pub fn open() -> Self {
        Self(Arc::from("open"))
    }
}

/// One start of a producer: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub u128);

/// The header that carries the run, on HTTP requests and on the WebSocket upgrade.
pub const RUN_HEADER: &str = "tailrace-run";

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

/// A run that is not 32 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error(
    "the run \"{seen}\" is not 32 hexadecimal digits; make one with, for example, `openssl rand -hex 16`"
)]
pub struct ParseRunError {
    seen: String,
}

impl FromStr for RunId {
    type Err = ParseRunError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text.as_bytes())
            .ok_or_else(|| ParseRunError { seen: text.chars().take(40).collect() })
    }
}

impl RunId {
    /// The 32 hexadecimal digits, for those who write one a batch.
    pub fn hex(&self) -> [u8; 32] {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 0xf)];
        }
        digits
    }

    /// The run that 32 hexadecimal digits name. It stands on the path of every HTTP request,
    /// where the general parser for numbers costs ten times as much.
    pub fn from_hex(digits: &[u8]) -> Option<Self> {
        let digits: &[u8; 32] = digits.try_into().ok()?;
        let (high, low) = digits.split_at(16);
        let ((high, wrong_high), (low, wrong_low)) = (half(high), half(low));
        let is_hex = (wrong_high | wrong_low) & NOT_HEX == 0;
        is_hex.then_some(Self(u128::from(high) << 64 | u128::from(low)))
    }
}

/// The number that 16 digits name, and all their values joined, which holds [`NOT_HEX`] if one
/// is no digit. Halves, because a processor has no shift of 128 bits.
fn half(digits: &[u8]) -> (u64, u8) {
    digits.iter().fold((0, 0), |(number, seen), &digit| {
        let value = HEX[usize::from(digit)];
        (number << 4 | u64::from(value & 0xf), seen | value)
    })
}

/// Marks a byte that is no hexadecimal digit.
const NOT_HEX: u8 = 0x80;

/// The value of each hexadecimal digit.
const HEX: [u8; 256] = {
    let mut table = [NOT_HEX; 256];
    let mut value = 0u8;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

impl Serialize for RunId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The name of a producer within its run: 1 to [`limits::PRODUCER_BYTES_MAX`] bytes of
/// letters, digits, `.`, `_`, `:` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Producer(pub SmolStr);

impl Producer {
    /// Why a name cannot be a producer's, or nothing when it can.
    pub fn fault(name: &str) -> Option<&'static str> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        if name.is_empty() {
            Some("must not be empty")
        } else if name.len() > limits::PRODUCER_BYTES_MAX {
            Some("is longer than 64 bytes")
        } else if !name.bytes().all(allowed) {
            Some("may hold letters, digits, '.', '_', ':' and '-' only")
        } else {
            None
        }
    }
}

/// The identity of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchId {
    /// Whose data it is.
    pub tenant: Tenant,
    /// Which start of the producer.
    pub run: RunId,
    /// Which producer of that run.
    pub producer: Producer,
    /// The producer's own count, from 0, at most [`limits::SEQ_MAX`].
    pub seq: u64,
}

/// A place in a log. Later entries have larger positions. Written `major-minor`, which is
/// how Redis writes the ids of its streams; the memory log keeps `major` at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Position {
    /// Redis: milliseconds since 1970. Memory: 0.
    pub major: u64,
    /// Redis: the count within the millisecond. Memory: the count since the start.
    pub minor: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.major, self.minor)
    }
}

/// A position that is not two whole numbers joined by `-`.
#[derive(Debug, thiserror::Error)]
#[error("the position is not of the form 1526919030474-55")]
pub struct ParsePositionError;

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (major, minor) = text.split_once('-').ok_or(ParsePositionError)?;
        let number = |part: &str| part.parse().map_err(|_| ParsePositionError);
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_round_trips_and_refuses_other_forms() {
        let text = "00f0000000000000000000000000000a";
        assert_eq!(text.parse::<RunId>().unwrap().to_string(), text);
        for bad in ["", "xyz", "+0f0000000000000000000000000000a", &text[1..]] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_digit_of_a_run_counts() {
        let text = "0123456789abcdeffedcba9876543210";
        let expected = RunId(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
        assert_eq!(RunId::from_hex(text.as_bytes()), Some(expected));
        assert_eq!(RunId::from_hex(text.to_uppercase().as_bytes()), Some(expected));
        for place in 0..32 {
            let mut digits = text.as_bytes().to_vec();
            digits[place] = b'g';
            assert_eq!(RunId::from_hex(&digits), None, "{place}");
        }
    }

    #[test]
    fn positions_order_by_major_then_minor() {
        let [a, b, c] = ["1-9", "2-0", "2-10"].map(|t| t.parse::<Position>().unwrap());
        assert!(a < b && b < c);
        assert_eq!(c.to_string(), "2-10");
        assert!("7".parse::<Position>().is_err());
    }

    #[test]
    fn producer_names_are_plain() {
        assert_eq!(Producer::fault("host-1.eu:a_b"), None);
        for bad in ["", "a b", "é", &"x".repeat(65)] {
            assert!(Producer::fault(bad).is_some(), "{bad}");
        }
    }
}
