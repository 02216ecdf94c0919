//! The contract's rule about pages of other sites, for axum's headers.

use axum::http::{HeaderMap, HeaderValue, header};
use tailrace_contract::origin;

use crate::refusal::Refusal;

/// Refuses a request whose `Origin` is not the host that it was sent to.
pub(crate) fn same_site(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = |name| headers.get(name).map(HeaderValue::as_bytes);
    origin::same_site(value(header::ORIGIN), value(header::HOST)).map_err(Refusal)
}
