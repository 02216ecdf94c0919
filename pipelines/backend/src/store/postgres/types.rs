//! Values as PostgreSQL's binary protocol writes them, where the client has no type for them.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tailrace_contract::{RunId, StoreError};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A run as the 16 bytes of a `uuid`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uuid(pub(super) RunId);

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_u128(self.0.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Uuid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(RunId(u128::from_be_bytes(raw.try_into()?))))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }
}

/// JSON as its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json<'a>(pub(super) &'a str);

impl ToSql for Json<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSON
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Json<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(std::str::from_utf8(raw)?))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSON
    }
}

/// A number of the contract in a `bigint`; those that the store takes fit.
pub(super) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count in an `integer`; those that the store takes fit.
pub(super) fn int(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The way back from [`big`].
///
/// # Errors
/// A negative one: something else wrote it.
pub(super) fn whole(number: i64) -> Result<u64, StoreError> {
    number.try_into().map_err(|_| StoreError::Backend {
        cause: format!("PostgreSQL: {number} stands where nothing is negative"),
    })
}
