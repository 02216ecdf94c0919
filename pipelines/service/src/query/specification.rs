//! `GET /openapi.yaml`: what is served here, for programs. The file is written by hand; a test
//! holds it against the routes and against real answers.

use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;

use crate::page;

const TEXT: &str = include_str!("../../../openapi.yaml");

/// Source: RFC 9512.
const YAML: &str = "application/yaml";

pub(crate) async fn specification(headers: HeaderMap) -> Response {
    page::answer(&headers, YAML, Bytes::from_static(TEXT.as_bytes()))
}
