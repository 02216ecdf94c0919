//! Pieces of SQL that several questions share, and the parameters of a question that is put
//! together at run time. Everything that a client said is a parameter, never text.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use super::pool::Session;

/// The largest finite number, as SQL writes it.
pub(super) const LARGEST: &str = "1.7976931348623157e308";

/// How a sum is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    /// In floating point. PostgreSQL refuses one that passes the largest number.
    Fast,
    /// In exact arithmetic, some ten times as slow, and held at the largest number.
    Wide,
}

impl Sum {
    /// The sum of an expression.
    pub(super) fn of(self, value: &str) -> String {
        match self {
            Self::Fast => format!("sum({value})"),
            Self::Wide => {
                format!("greatest(least(sum(({value})::numeric), {LARGEST}), -{LARGEST})::float8")
            }
        }
    }
}

/// Whether a sum passed the largest number.
pub(super) fn is_overflow(error: &Error) -> bool {
    error.code() == Some(&SqlState::NUMERIC_VALUE_OUT_OF_RANGE)
}

/// Parameters in the order of their numbers.
#[derive(Default)]
pub(super) struct Parameters {
    values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
}

impl Parameters {
    /// Adds one; answers how the text refers to it.
    pub(super) fn add(&mut self, value: impl ToSql + Sync + Send + 'static, kind: Type) -> String {
        self.values.push((Box::new(value), kind));
        format!("${}", self.values.len())
    }

    pub(super) fn text(&mut self, value: &str) -> String {
        self.add(value.to_owned(), Type::TEXT)
    }

    pub(super) fn number(&mut self, value: i64) -> String {
        self.add(value, Type::INT8)
    }

    /// Asks in one round trip. The plan is made for these very parameters, which is what a
    /// question about a range wants.
    pub(super) async fn ask(&self, session: &Session, sql: &str) -> Result<Vec<Row>, Error> {
        let values: Vec<(&(dyn ToSql + Sync), Type)> = self
            .values
            .iter()
            .map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()))
            .collect();
        session.client.query_typed(sql, &values).await
    }

    /// The same for a question with sums.
    pub(super) async fn ask_sums(
        &self,
        session: &Session,
        sql: impl Fn(Sum) -> String,
    ) -> Result<Vec<Row>, Error> {
        match self.ask(session, &sql(Sum::Fast)).await {
            Err(error) if is_overflow(&error) => self.ask(session, &sql(Sum::Wide)).await,
            answer => answer,
        }
    }
}
