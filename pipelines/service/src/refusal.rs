//! Problems as HTTP answers.

use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tailrace_contract::problem::PROBLEM_JSON;
use tailrace_contract::{LogError, Problem, ProblemKind, StoreError};

/// A problem on its way to a client.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Problem);

/// A query that makes no sense.
pub(crate) fn query_fault(detail: impl Into<String>) -> Refusal {
    Refusal(Problem::new(ProblemKind::BadRequest, format!("query: {}", detail.into())))
}

/// The log took longer than it may.
pub(crate) fn log_is_silent(after: std::time::Duration) -> Refusal {
    let detail = format!(
        "the log did not answer within {} ms; its backend may be stopped or overloaded",
        after.as_millis()
    );
    Refusal(Problem::new(ProblemKind::LogUnreachable, detail))
}

/// The store took longer than it may.
pub(crate) fn store_is_silent(after: std::time::Duration) -> Refusal {
    let detail = format!(
        "the store did not answer within {} ms; it may be stopped or overloaded",
        after.as_millis()
    );
    Refusal(Problem::new(ProblemKind::StoreUnreachable, detail))
}

/// The pipeline was started without a store.
pub(crate) fn no_store() -> Refusal {
    let detail = "this pipeline has no store; serve it with --store sqlite or --store postgres";
    Refusal(Problem::new(ProblemKind::NotFound, detail))
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        Self(error.into())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        query_fault(rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // Every kind's status is between 400 and 503, so it always converts.
        let status =
            StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response =
            (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], self.0.to_json()).into_response();
        if let Some(seconds) = self.0.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.0.challenge() {
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
