//! A request as somebody wrote it, with places that are filled for each: `{{seq}}`, `{{random}}`,
//! `{{uuid}}`, `{{time_ms}}`. A template is taken apart once; filling it copies bytes. All but the
//! time depend on the seed and the place in the schedule alone, so a run can be repeated byte for
//! byte. Read next: `driver/release.rs`, which asks for requests.

use std::time::{SystemTime, UNIX_EPOCH};

use tailrace_contract::Request;

use crate::race::mix;
use crate::source::Source;

/// The names of what can be filled in, with what each becomes.
pub const PLACEHOLDERS: [(&str, &str); 4] = [
    ("seq", "the request's place in the schedule, from 0"),
    ("random", "a number below 2^53, of the seed and the place"),
    ("uuid", "a version 4 UUID, of the seed and the place"),
    ("time_ms", "milliseconds since 1970 when the request is made"),
];

/// Where a placeholder begins and ends, and how a beginning is written that is none.
const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const ESCAPED: &str = "\\{{";

/// Numbers that every JSON reader keeps exactly have so many bits.
const RANDOM_BITS: u32 = 53;

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder of another name.
    #[error(
        "{{{{{seen}}}}} is no placeholder; known are {}; write \\{{{{ for a literal {{{{",
        known()
    )]
    Unknown {
        /// What stands between the braces.
        seen: String,
    },
    /// A placeholder without its end.
    #[error("{{{{ is never closed by }}}} in {seen:?}; write \\{{{{ for a literal {{{{")]
    Open {
        /// The text from there on.
        seen: String,
    },
}

fn known() -> String {
    PLACEHOLDERS.map(|(name, _)| format!("{{{{{name}}}}}")).join(", ")
}

/// A text, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Seq,
    /// With its number among the random ones, so that two of them differ.
    Random(u32),
    Uuid(u32),
    TimeMs,
}

impl Template {
    /// Takes a text apart; bytes that are no text pass as they are.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse(source: &[u8]) -> Result<Self, TemplateError> {
        let (mut parts, mut text, mut rest, mut draws) = (Vec::new(), Vec::new(), source, 0);
        while let Some((&first, behind)) = rest.split_first() {
            if let Some(after) = rest.strip_prefix(ESCAPED.as_bytes()) {
                text.extend_from_slice(OPEN.as_bytes());
                rest = after;
            } else if let Some(after) = rest.strip_prefix(OPEN.as_bytes()) {
                let (name, after) = name(after)?;
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                draws += 1;
                parts.push(Part::named(name, draws)?);
                rest = after;
            } else {
                text.push(first);
                rest = behind;
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self(parts))
    }

    /// Appends the text of one request.
    pub fn fill(&self, seed: u64, seq: u64, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Seq => write_number(seq, out),
                Part::Random(draw) => {
                    write_number(draw_of(seed, seq, *draw) >> (u64::BITS - RANDOM_BITS), out);
                }
                Part::Uuid(draw) => write_uuid(seed, seq, *draw, out),
                Part::TimeMs => write_number(time_ms(), out),
            }
        }
    }

    /// Replaces `text` by that of one request. What was no text when it was taken apart, comes out
    /// as nothing: what is filled in are digits, letters and dashes.
    pub fn fill_text(&self, seed: u64, seq: u64, text: &mut String) {
        let mut bytes = std::mem::take(text).into_bytes();
        bytes.clear();
        self.fill(seed, seq, &mut bytes);
        *text = String::from_utf8(bytes).unwrap_or_default();
    }

    /// Whether every request gets the same text.
    pub fn is_constant(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }
}

/// The name of a placeholder and what stands behind it.
fn name(rest: &[u8]) -> Result<(String, &[u8]), TemplateError> {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
    let end = rest.windows(CLOSE.len()).position(|window| window == CLOSE.as_bytes());
    let end = end.ok_or_else(|| TemplateError::Open { seen: OPEN.to_owned() + &lossy(rest) })?;
    Ok((lossy(rest[..end].trim_ascii()), &rest[end + CLOSE.len()..]))
}

impl Part {
    fn named(name: String, draw: u32) -> Result<Self, TemplateError> {
        match name.as_str() {
            "seq" => Ok(Self::Seq),
            "random" => Ok(Self::Random(draw)),
            "uuid" => Ok(Self::Uuid(draw)),
            "time_ms" => Ok(Self::TimeMs),
            _ => Err(TemplateError::Unknown { seen: name }),
        }
    }
}

/// 64 bits of the seed, for one place of one request.
fn draw_of(seed: u64, seq: u64, draw: u32) -> u64 {
    mix(mix(seed, 0, draw) ^ seq, 1, draw)
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// RFC 9562, section 5.4.
fn write_uuid(seed: u64, seq: u64, draw: u32, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let (high, low) = (draw_of(seed, seq, draw), draw_of(!seed, seq, draw));
    let mut bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

fn time_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What is asked of an endpoint.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `POST` and the like; message transports ignore it.
    pub method: String,
    /// Path and query.
    pub target: Template,
    /// Names and values; without `host` and `content-length`.
    pub headers: Vec<(String, Template)>,
    /// Body or message.
    pub body: Template,
    /// Statuses that acknowledge, as first and last of each range.
    pub acks: Vec<(u16, u16)>,
}

impl Asked {
    /// Whether an answer with this status acknowledges.
    pub fn is_ack(&self, status: u16) -> bool {
        self.acks.iter().any(|&(first, last)| (first..=last).contains(&status))
    }
}

/// Requests made from templates.
pub struct Templates<'a> {
    asked: &'a Asked,
    seed: u64,
    headers: Vec<(String, String)>,
    target: String,
    body: Vec<u8>,
    /// Constant parts are filled once.
    is_filled: bool,
}

impl<'a> Templates<'a> {
    /// Requests of a seed.
    pub fn new(asked: &'a Asked, seed: u64) -> Self {
        let headers = asked.headers.iter().map(|(name, _)| (name.clone(), String::new())).collect();
        let (target, body) = (String::new(), Vec::new());
        Self { asked, seed, headers, target, body, is_filled: false }
    }
}

impl Source for Templates<'_> {
    fn prepare(&mut self, seq: u64) {
        if !self.is_filled || !self.asked.target.is_constant() {
            self.asked.target.fill_text(self.seed, seq, &mut self.target);
        }
        for ((_, value), (_, text)) in self.asked.headers.iter().zip(&mut self.headers) {
            if !self.is_filled || !value.is_constant() {
                value.fill_text(self.seed, seq, text);
            }
        }
        if !self.is_filled || !self.asked.body.is_constant() {
            self.body.clear();
            self.asked.body.fill(self.seed, seq, &mut self.body);
        }
        self.is_filled = true;
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.asked.method,
            target: &self.target,
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn is_ack(&self, status: u16) -> bool {
        self.asked.is_ack(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(source: &str, seed: u64, seq: u64) -> String {
        let mut out = Vec::new();
        Template::parse(source.as_bytes()).unwrap().fill(seed, seq, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn places_are_filled_and_the_rest_is_kept() {
        assert_eq!(filled("a{{seq}}b{{ seq }}", 1, 1_234_567_890), "a1234567890b1234567890");
        assert_eq!(filled("{{seq}}", 1, 0), "0");
        assert_eq!(filled("{\"a\":{\"b\":{{seq}}}}", 1, 7), "{\"a\":{\"b\":7}}");
        assert_eq!(filled("\\{{seq}} {{seq}} }}", 1, 7), "{{seq}} 7 }}");
        assert_eq!(filled("", 1, 7), "");
        let now: u64 = filled("{{time_ms}}", 1, 7).parse().unwrap();
        assert!(time_ms().abs_diff(now) < 60_000);
    }

    #[test]
    fn the_seed_and_the_place_decide() {
        let text = "{{random}} {{random}} {{uuid}} {{uuid}}";
        let once = filled(text, 1, 5);
        assert_eq!(once, filled(text, 1, 5));
        for other in [filled(text, 2, 5), filled(text, 1, 6)] {
            let same = once.split(' ').zip(other.split(' ')).filter(|(a, b)| a == b).count();
            assert_eq!(same, 0, "{once} {other}");
        }
        let words: Vec<&str> = once.split(' ').collect();
        assert!(words[0] != words[1] && words[2] != words[3], "{once}");
        assert!(words[0].parse::<u64>().unwrap() < 1 << RANDOM_BITS);
        let uuid = words[2].as_bytes();
        assert!(uuid.len() == 36 && uuid[14] == b'4' && b"89ab".contains(&uuid[19]), "{once}");
    }

    #[test]
    fn what_is_no_placeholder_is_told() {
        let told = |source: &str| Template::parse(source.as_bytes()).unwrap_err().to_string();
        let unknown = told("a{{sequence}}");
        assert!(unknown.contains("{{sequence}} is no") && unknown.contains("{{time_ms}}"));
        assert!(told("a{{seq}").contains("never closed"));
        assert!(told("{{}}").contains("{{}} is no"));
    }
}
