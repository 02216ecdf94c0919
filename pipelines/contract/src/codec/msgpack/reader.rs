//! Bytes to items, one at a time. An item that claims more than there is left is refused before
//! anything is kept for it; texts are borrowed from the body. Read next: `deserialize.rs`.

use std::fmt;

/// Why bytes are not `MessagePack`, or not what was asked for.
#[derive(Debug)]
pub(in crate::codec) struct Fault(Box<str>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    #[cold]
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self(what.to_string().into())
    }
}

/// One item. Of an array or a map it is the head: its elements are the next items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item<'de> {
    Nil,
    Flag(bool),
    Whole(u64),
    /// Below zero.
    Negative(i64),
    Float(f64),
    Text(&'de str),
    Binary(&'de [u8]),
    Extension,
    Array(usize),
    /// Pairs of a key and a value.
    Map(usize),
}

/// Reads a body from its beginning to its end.
#[derive(Debug)]
pub(super) struct Reader<'de> {
    rest: &'de [u8],
    whole_bytes: usize,
}

impl<'de> Reader<'de> {
    pub(super) fn new(body: &'de [u8]) -> Self {
        Self { rest: body, whole_bytes: body.len() }
    }

    /// Bytes that were not read yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether the next item is nil.
    pub(super) fn is_nil_next(&self) -> bool {
        self.rest.first() == Some(&0xc0)
    }

    /// The next item, if it is a short text, as all names of fields are: its bytes, which nobody
    /// has checked to be UTF-8. Otherwise nothing was read.
    #[inline]
    pub(super) fn short_text(&mut self) -> Option<&'de [u8]> {
        let (&marker @ 0xa0..=0xbf, rest) = self.rest.split_first()? else { return None };
        let (bytes, rest) = rest.split_at_checked(usize::from(marker & 0x1f))?;
        self.rest = rest;
        Some(bytes)
    }

    #[inline]
    pub(super) fn item(&mut self) -> Result<Item<'de>, Fault> {
        let [marker] = self.array()?;
        Ok(match marker {
            0x00..=0x7f => Item::Whole(marker.into()),
            0x80..=0x8f => self.map(usize::from(marker & 0x0f))?,
            0x90..=0x9f => self.list(usize::from(marker & 0x0f))?,
            0xa0..=0xbf => self.text(usize::from(marker & 0x1f))?,
            0xc0 => Item::Nil,
            0xc2 | 0xc3 => Item::Flag(marker == 0xc3),
            0xca => Item::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Item::Float(f64::from_be_bytes(self.array()?)),
            0xcc..=0xcf => Item::Whole(self.unsigned(marker - 0xcc)?),
            0xd0..=0xd3 => self.signed(marker)?,
            0xe0..=0xff => Item::Negative(i8::from_be_bytes([marker]).into()),
            _ => self.sized(marker)?,
        })
    }

    /// Items whose length is a number of its own.
    fn sized(&mut self, marker: u8) -> Result<Item<'de>, Fault> {
        // The sizes of fixed extensions double from 1, and a byte with the type follows.
        if let 0xd4..=0xd8 = marker {
            self.take(1 + (1 << (marker - 0xd4)))?;
            return Ok(Item::Extension);
        }
        let first = match marker {
            0xc4..=0xc6 => 0xc4,
            0xc7..=0xc9 => 0xc7,
            0xd9..=0xdb => 0xd9,
            0xdc | 0xdd => 0xdb,
            0xde | 0xdf => 0xdd,
            _ => return Err(self.fault("the byte 0xc1 means nothing in MessagePack")),
        };
        let length = self.unsigned(marker - first)? as usize;
        match marker {
            0xc4..=0xc6 => self.take(length).map(Item::Binary),
            0xc7..=0xc9 => self.take(length.saturating_add(1)).map(|_| Item::Extension),
            0xd9..=0xdb => self.text(length),
            0xdc | 0xdd => self.list(length),
            _ => self.map(length),
        }
    }

    /// Every element is one byte at least.
    fn list(&self, length: usize) -> Result<Item<'de>, Fault> {
        if length > self.left() {
            return Err(self.missing(length));
        }
        Ok(Item::Array(length))
    }

    /// Every pair is two bytes at least.
    fn map(&self, length: usize) -> Result<Item<'de>, Fault> {
        if length.saturating_mul(2) > self.left() {
            return Err(self.missing(length.saturating_mul(2)));
        }
        Ok(Item::Map(length))
    }

    fn text(&mut self, length: usize) -> Result<Item<'de>, Fault> {
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .map(Item::Text)
            .map_err(|_| self.fault("a text that ends here is not UTF-8"))
    }

    /// A number of 1, 2, 4 or 8 bytes.
    fn unsigned(&mut self, power: u8) -> Result<u64, Fault> {
        Ok(match power {
            0 => self.array().map(u8::from_be_bytes)?.into(),
            1 => self.array().map(u16::from_be_bytes)?.into(),
            2 => self.array().map(u32::from_be_bytes)?.into(),
            _ => self.array().map(u64::from_be_bytes)?,
        })
    }

    fn signed(&mut self, marker: u8) -> Result<Item<'de>, Fault> {
        let number: i64 = match marker {
            0xd0 => self.array().map(i8::from_be_bytes)?.into(),
            0xd1 => self.array().map(i16::from_be_bytes)?.into(),
            0xd2 => self.array().map(i32::from_be_bytes)?.into(),
            _ => self.array().map(i64::from_be_bytes)?,
        };
        Ok(u64::try_from(number).map_or(Item::Negative(number), Item::Whole))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(self.missing(N));
        };
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'de [u8], Fault> {
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.missing(length));
        };
        self.rest = rest;
        Ok(bytes)
    }

    #[cold]
    fn missing(&self, wanted: usize) -> Fault {
        self.fault(&format!("it ends too early: {wanted} bytes or more must follow"))
    }

    /// With the place: how many bytes were understood.
    #[cold]
    pub(super) fn fault(&self, what: &str) -> Fault {
        let (at, left) = (self.whole_bytes - self.left(), self.left());
        Fault(format!("{what}, at byte {at}, {left} before the end").into())
    }
}
