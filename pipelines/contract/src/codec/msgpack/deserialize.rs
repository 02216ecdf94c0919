//! Items to our types, through the same `serde` definitions that read JSON: so both codecs
//! have one data model, one set of limits and one set of rules. Where a text is asked for only
//! a text will do, and a structure is a map with names.

use serde::de::value::UnitDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::reader::{Fault, Item, Reader};

/// Arrays and maps within each other. A batch needs four; each costs stack. The same as the
/// limit of the JSON library.
const NESTING_MAX: usize = 128;

/// Reads one value that is the whole body.
///
/// # Errors
/// Bytes that are not `MessagePack`, another type than asked for, or something behind the end.
pub(in crate::codec) fn from_slice<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Fault> {
    let mut items = Items { reader: Reader::new(body), nesting: 0 };
    let value = T::deserialize(&mut items)?;
    if items.reader.left() > 0 {
        return Err(items.reader.fault("the batch ends, and more follows"));
    }
    Ok(value)
}

struct Items<'de> {
    reader: Reader<'de>,
    nesting: usize,
}

impl<'de> Items<'de> {
    #[inline]
    fn visit<V: Visitor<'de>>(&mut self, item: Item<'de>, visitor: V) -> Result<V::Value, Fault> {
        match item {
            Item::Nil => visitor.visit_unit(),
            Item::Flag(flag) => visitor.visit_bool(flag),
            Item::Whole(number) => visitor.visit_u64(number),
            Item::Negative(number) => visitor.visit_i64(number),
            Item::Float(number) => visitor.visit_f64(number),
            Item::Text(text) => visitor.visit_borrowed_str(text),
            Item::Binary(bytes) => visitor.visit_borrowed_bytes(bytes),
            // Nothing of ours is a newtype: this says "something else" to every visitor.
            Item::Extension => visitor.visit_newtype_struct(UnitDeserializer::<Fault>::new()),
            Item::Array(length) => self.within(length, |elements| visitor.visit_seq(elements)),
            Item::Map(length) => self.within(length, |elements| visitor.visit_map(elements)),
        }
    }

    #[inline]
    fn within<T>(
        &mut self,
        length: usize,
        visit: impl FnOnce(&mut Elements<'_, 'de>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.nesting == NESTING_MAX {
            return Err(self.reader.fault("arrays and maps are nested too deeply"));
        }
        self.nesting += 1;
        let mut elements = Elements { items: self, length };
        let value = visit(&mut elements)?;
        if elements.length > 0 {
            return Err(Fault::custom("an array or a map was not read to its end"));
        }
        self.nesting -= 1;
        Ok(value)
    }

    /// Text, and nothing that could be taken for it.
    #[inline]
    fn text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.item()? {
            Item::Text(text) => visitor.visit_borrowed_str(text),
            _ => Err(Fault::custom("expected text")),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Items<'de> {
    type Error = Fault;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let item = self.reader.item()?;
        self.visit(item, visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.reader.is_nil_next() {
            self.reader.item()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        // Compared with names that are UTF-8, so they need not be checked for it.
        match self.reader.short_text() {
            Some(bytes) => visitor.visit_borrowed_bytes(bytes),
            None => self.text(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum ignored_any
    }
}

/// The elements of an array, or the pairs of a map.
struct Elements<'a, 'de> {
    items: &'a mut Items<'de>,
    /// Still to come.
    length: usize,
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if self.length == 0 {
            return Ok(None);
        }
        self.length -= 1;
        seed.deserialize(&mut *self.items).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.length)
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.next_element_seed(seed)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(&mut *self.items)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.length)
    }
}
