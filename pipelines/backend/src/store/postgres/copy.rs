//! Rows in the binary format of COPY: a header, then for each row the number of its columns and
//! each one's length and bytes, then a mark. Source: PostgreSQL's manual, COPY, file formats.

use bytes::{BufMut, Bytes, BytesMut};
use tailrace_contract::{Batch, Metric};

use super::types::{big, int};
use crate::store::attributes::to_json;

/// The command whose data this is.
pub(super) const COPY: &str = "COPY metrics (time_ms, batch, value, name_id, index, timed, attributes) \
     FROM STDIN (FORMAT binary)";
/// Of the command above.
const COLUMNS: i16 = 7;
/// Signature, flags and length of the extension, which are 0.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Where a row would say how many columns it has.
const END: i16 = -1;
/// The length of a value that is absent.
const NULL: i32 = -1;
/// A piece leaves when it is that large, so that the server works while the next one is made.
const PIECE_BYTES: usize = 64 << 10;
/// A row without attributes, and some of them.
const ROW_BYTES: usize = 200;

/// Rows on their way.
#[derive(Debug)]
pub(super) struct Rows {
    out: BytesMut,
}

impl Rows {
    pub(super) fn new() -> Self {
        let mut out = BytesMut::with_capacity(PIECE_BYTES + ROW_BYTES);
        out.put_slice(HEADER);
        Self { out }
    }

    /// Writes the rows of a batch under the number that it has; `names`: the number of each
    /// metric's name.
    pub(super) fn batch(&mut self, number: i64, batch: &Batch, names: &[i32]) {
        for (index, (metric, &name)) in (0..).zip(batch.metrics.iter().zip(names)) {
            self.row(number, batch.received_ms, index, metric, name);
        }
    }

    fn row(&mut self, batch: i64, received_ms: u64, index: i16, metric: &Metric, name: i32) {
        let out = &mut self.out;
        out.put_i16(COLUMNS);
        out.put_i32(8);
        out.put_i64(big(metric.time_ms.unwrap_or(received_ms)));
        out.put_i32(8);
        out.put_i64(batch);
        out.put_i32(8);
        out.put_f64(metric.value);
        out.put_i32(4);
        out.put_i32(name);
        out.put_i32(2);
        out.put_i16(index);
        out.put_i32(1);
        out.put_u8(metric.time_ms.is_some().into());
        if metric.attributes.is_empty() {
            out.put_i32(NULL);
        } else {
            let json = to_json(&metric.attributes);
            out.put_i32(int(json.len()));
            out.put_slice(json.as_bytes());
        }
    }

    /// A piece, if it is large enough.
    pub(super) fn piece(&mut self) -> Option<Bytes> {
        (self.out.len() >= PIECE_BYTES).then(|| {
            let piece = self.out.split().freeze();
            self.out.reserve(PIECE_BYTES + ROW_BYTES);
            piece
        })
    }

    /// The last piece.
    pub(super) fn finish(mut self) -> Bytes {
        self.out.put_i16(END);
        self.out.freeze()
    }
}
