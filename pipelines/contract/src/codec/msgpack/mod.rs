//! `MessagePack` beside JSON: the same data model in another notation. Own reader and writer,
//! because the common library takes positions for field names, binary data for text and bytes
//! behind the end for nothing, and each of these would make a second shape of the same batch.
//! Source: the `MessagePack` specification of 2017-08-12.
//!
//! There are no extension types, not even times: a time is whole milliseconds, as in JSON.
//! Read next: `reader.rs` (bytes to items), `deserialize.rs` (items to our types), `write.rs`.

mod deserialize;
mod reader;
mod write;

pub(super) use deserialize::from_slice;
pub(super) use reader::Fault;
pub(super) use write::{write_head, write_metrics};

/// Whether a body that starts so is a map. No JSON text starts with any of these bytes: they
/// are beyond ASCII.
fn begins_map(first: u8) -> bool {
    matches!(first, 0x80..=0x8f | 0xde | 0xdf)
}

/// Whether it is an array.
pub(super) fn begins_array(first: u8) -> bool {
    matches!(first, 0x90..=0x9f | 0xdc | 0xdd)
}

/// Whether it is one of the two: all that a body can be.
pub(super) fn begins_body(first: u8) -> bool {
    begins_map(first) || begins_array(first)
}
