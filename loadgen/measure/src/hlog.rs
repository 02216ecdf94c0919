//! Histograms on disk: interval logs of `HdrHistogram`'s version 2 (deflated, in base64), which
//! the reference tools read. A file holds one or more intervals of one tag. What the values
//! mean is said by the file's name; they are nanoseconds, and the column for people, the
//! largest value of an interval, is in milliseconds.

use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, IntervalLogWriterError, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializeError, V2DeflateSerializer};

/// What the reference writers put above the intervals.
const LEGEND: &str = "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
                      \"Interval_Compressed_Histogram\"";

/// Nanoseconds in the unit of `Interval_Max`.
const MAX_UNIT_NS: f64 = 1e6;

/// Why an interval log could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum HlogError {
    /// The file system or the pipe.
    #[error("interval log: {0}; is the disk full or the file closed?")]
    Io(#[from] io::Error),
    /// The tag would end its own field.
    #[error("the tag {0:?} has a comma, space or line break in it; choose another")]
    BadTag(String),
    /// The histogram did not fit the format.
    #[error("histogram could not be encoded: {0}; this is a fault of the program")]
    Encode(V2DeflateSerializeError),
    /// A line or a histogram is damaged.
    #[error("{0} in interval {1}; the file is cut short, or no interval log of version 2")]
    Damaged(&'static str, usize),
}

/// One interval of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// What was measured; none when the writer gave none.
    pub tag: Option<String>,
    /// From the log's base time to the start of the interval.
    pub start: Duration,
    /// How long it lasted.
    pub length: Duration,
    /// Nanoseconds.
    pub histogram: Histogram<u64>,
}

/// Writes a log of one interval that began at `start`.
///
/// # Errors
/// When the tag has a comma, space or line break, or writing fails. What was written by then
/// stays: write to a temporary name and rename.
pub fn write(
    mut out: impl Write,
    start: SystemTime,
    tag: &str,
    length: Duration,
    histogram: &Histogram<u64>,
) -> Result<(), HlogError> {
    let checked = Tag::new(tag).filter(|_| !tag.is_empty());
    let checked = checked.ok_or_else(|| HlogError::BadTag(tag.to_owned()))?;
    // Both times: readers differ in which one they add to an interval's own, and with both
    // given they agree.
    let mut serializer = V2DeflateSerializer::new();
    IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[Values are nanoseconds; Interval_Max is milliseconds]")
        .with_start_time(start)
        .with_base_time(start)
        .begin_log_with(&mut out, &mut serializer)?;
    writeln!(out, "{LEGEND}")?;
    IntervalLogWriterBuilder::new()
        .with_max_value_divisor(MAX_UNIT_NS)
        .begin_log_with(&mut out, &mut serializer)?
        .write_histogram(histogram, Duration::ZERO, length, Some(checked))
        .map_err(|error| match error {
            IntervalLogWriterError::IoError(error) => HlogError::Io(error),
            IntervalLogWriterError::SerializeError(error) => HlogError::Encode(error),
        })
}

/// Reads every interval of a log, whoever wrote it.
///
/// # Errors
/// When reading fails or anything in it is damaged; nothing is skipped.
pub fn read(mut input: impl Read) -> Result<Vec<Interval>, HlogError> {
    let mut text = Vec::new();
    input.read_to_end(&mut text)?;
    let mut intervals: Vec<Interval> = Vec::new();
    for entry in IntervalLogIterator::new(&text) {
        let number = intervals.len() + 1;
        let entry = entry.map_err(|_| HlogError::Damaged("a line that makes no sense", number))?;
        let LogEntry::Interval(line) = entry else { continue };
        let bytes = base64(line.encoded_histogram().trim_end())
            .ok_or(HlogError::Damaged("damaged base64", number))?;
        let histogram = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|_| HlogError::Damaged("a damaged histogram", number))?;
        intervals.push(Interval {
            tag: line.tag().map(|tag| tag.as_str().to_owned()),
            start: line.start_timestamp(),
            length: line.duration(),
            histogram,
        });
    }
    Ok(intervals)
}

/// Base64 of RFC 4648 with its padding; none when it is damaged.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tag: &str) -> Result<(Vec<u8>, Histogram<u64>), HlogError> {
        let mut histogram = Histogram::new_with_bounds(1, 600_000_000_000, 3).unwrap();
        (1..=1_000_u64).for_each(|ms| histogram.record(ms * 1_000_000).unwrap());
        let mut file = Vec::new();
        let start = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_250);
        write(&mut file, start, tag, Duration::from_millis(4_500), &histogram)?;
        Ok((file, histogram))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (file, histogram) = written("ack").unwrap();
        let intervals = read(file.as_slice()).unwrap();
        assert_eq!(intervals.len(), 1);
        assert_eq!(intervals[0].tag.as_deref(), Some("ack"));
        assert_eq!((intervals[0].start, intervals[0].length.as_millis()), (Duration::ZERO, 4_500));
        assert_eq!(intervals[0].histogram, histogram);
    }

    #[test]
    fn the_header_is_that_of_the_reference() {
        let file = String::from_utf8(written("ack").unwrap().0).unwrap();
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!(lines[0], "#[Histogram log format version 1.3]");
        assert_eq!(lines[2], "#[StartTime: 1800000000.250 (seconds since epoch)]");
        assert_eq!(lines[3], "#[BaseTime: 1800000000.250 (seconds since epoch)]");
        let last = lines.last().unwrap();
        assert!(
            last.starts_with("Tag=ack,0.000,4.500,1000.") && last.contains(",HISTFAAA"),
            "{file}"
        );
    }

    #[test]
    fn damage_is_told_and_not_skipped() {
        let file = written("ack").unwrap().0;
        let cut = &file[..file.len() - 9];
        assert!(matches!(read(cut), Err(HlogError::Damaged(..))));
        let text = String::from_utf8(file).unwrap().replace("HISTF", "HI*TF");
        assert!(matches!(read(text.as_bytes()), Err(HlogError::Damaged("damaged base64", 1))));
        assert!(read(&b"# nothing\n"[..]).unwrap().is_empty());
    }

    #[test]
    fn tags_keep_to_their_field() {
        for tag in ["", "a,b", "a b", "a\nb"] {
            assert!(matches!(written(tag), Err(HlogError::BadTag(_))), "{tag:?}");
        }
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo")] {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(base64("+/+/"), Some(vec![0xfb, 0xff, 0xbf]));
        assert_eq!(base64("Zg"), None);
    }
}
