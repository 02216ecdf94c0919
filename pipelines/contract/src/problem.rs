//! A refusal that a person can act on: RFC 9457 problem details, with a JSON pointer
//! (RFC 6901) for each bad field.

use serde::Serialize;

/// The kinds of refusal. Each has one status, one title and one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request itself makes no sense (a header, a path's part).
    BadRequest,
    /// The body is neither JSON nor `MessagePack`.
    Malformed,
    /// It is, but not a batch.
    Invalid,
    /// No credential was shown, or one that is not (or no longer) good for anything.
    Unauthorized,
    /// A page of another site asked for it.
    Forbidden,
    /// The credential is good, but not for this.
    Denied,
    /// Nothing is served under this path.
    NotFound,
    /// The path is served, but not with this method.
    MethodNotAllowed,
    /// The client took too long to send its request.
    Timeout,
    /// The body is larger than allowed.
    TooLarge,
    /// It is a batch, but the store takes nothing like it.
    Unstorable,
    /// More was asked for than the tenant's limit allows.
    TooMany {
        /// When one more would be allowed, in seconds from now, at least 1.
        retry_after_s: u32,
    },
    /// The listener speaks another protocol than the request.
    UpgradeRequired,
    /// The head is larger than allowed.
    HeadTooLarge,
    /// The log holds as much as it may.
    LogFull,
    /// The log's backend does not answer.
    LogUnreachable,
    /// The store does not answer.
    StoreUnreachable,
    /// The cache of answers does not answer.
    CacheUnreachable,
    /// The place where sessions are kept does not answer.
    SessionsUnreachable,
    /// The server is shutting down.
    Draining,
    /// The server holds as many connections or subscribers as it may.
    TooManyClients,
    /// A fault of the server.
    Internal,
}

/// Media type of a refusal's body.
pub const PROBLEM_JSON: &str = "application/problem+json";

impl ProblemKind {
    /// Status, type (the last part of a URN) and title.
    fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "bad-request", "The request makes no sense"),
            Self::Malformed => (400, "malformed-body", "The body cannot be read"),
            Self::Invalid => (400, "invalid-batch", "The body is not a valid batch"),
            Self::Unauthorized => (401, "unauthorized", "A key is needed"),
            Self::Denied => (403, "denied", "This key may not do that"),
            Self::Forbidden => (403, "forbidden", "Refused for a page of another site"),
            Self::NotFound => (404, "not-found", "Nothing is served under this path"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "Wrong method for this path"),
            Self::Timeout => (408, "timeout", "The request took too long to arrive"),
            Self::TooLarge => (413, "too-large", "The body is too large"),
            Self::Unstorable => (422, "unstorable", "The store refuses this batch"),
            Self::TooMany { .. } => (429, "too-many-requests", "The tenant's limit is reached"),
            Self::UpgradeRequired => (426, "upgrade-required", "Another protocol is spoken here"),
            Self::HeadTooLarge => (431, "head-too-large", "The request's head is too large"),
            Self::LogFull => (503, "log-full", "The log is full; try again later"),
            Self::LogUnreachable => (503, "log-unreachable", "The log cannot be reached"),
            Self::StoreUnreachable => (503, "store-unreachable", "The store cannot be reached"),
            Self::CacheUnreachable => (503, "cache-unreachable", "The cache cannot be reached"),
            Self::SessionsUnreachable => {
                (503, "sessions-unreachable", "Sessions cannot be looked up")
            }
            Self::Draining => (503, "draining", "The server is shutting down"),
            Self::TooManyClients => (503, "too-many-clients", "The server is at its limit"),
            Self::Internal => (500, "internal", "The server failed"),
        }
    }

    /// Whether the same request may succeed later, and after how many seconds to try.
    fn retry_after_s(self) -> Option<u32> {
        if let Self::TooMany { retry_after_s } = self {
            return Some(retry_after_s);
        }
        matches!(
            self,
            Self::LogFull
                | Self::LogUnreachable
                | Self::StoreUnreachable
                | Self::CacheUnreachable
                | Self::SessionsUnreachable
                | Self::Draining
                | Self::TooManyClients
        )
        .then_some(1)
    }
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// What was seen here, and what to do.
    pub detail: String,
    /// The fields at fault; at most [`crate::limits::FIELD_ERRORS_MAX`].
    pub fields: Vec<FieldError>,
}

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer into the body; empty for the body itself. `?NAME` for a parameter of a query.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: &'a [FieldError],
    /// As the header, for answers that have none: messages of a WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem without fields.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), fields: Vec::new() }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.kind.facts().0
    }

    /// Value of a `Retry-After` header, when trying again makes sense.
    pub fn retry_after_s(&self) -> Option<u32> {
        self.kind.retry_after_s()
    }

    /// Value of the `WWW-Authenticate` header that a 401 must have.
    pub fn challenge(&self) -> Option<&'static str> {
        (self.kind == ProblemKind::Unauthorized).then_some("Bearer")
    }

    /// Appends the problem+json body.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (status, name, title) = self.kind.facts();
        let r#type = format!("urn:tailrace:problem:{name}");
        let (detail, fields) = (&*self.detail, &*self.fields);
        let retry_after_s = self.retry_after_s();
        let body = Body { r#type, title, status, detail, fields, retry_after_s };
        // Writing plain strings and numbers to memory cannot fail.
        serde_json::to_writer(out, &body).unwrap_or_default();
    }

    /// The problem+json body.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.write(&mut out);
        out
    }
}

impl From<crate::LogError> for Problem {
    fn from(error: crate::LogError) -> Self {
        let kind = match error {
            crate::LogError::Full { .. } => ProblemKind::LogFull,
            crate::LogError::Unreachable { .. } => ProblemKind::LogUnreachable,
            crate::LogError::Refused { .. } => ProblemKind::Unstorable,
            crate::LogError::NoGroups | crate::LogError::Backend { .. } => ProblemKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<crate::StoreError> for Problem {
    fn from(error: crate::StoreError) -> Self {
        let kind = match error {
            crate::StoreError::Unreachable { .. } => ProblemKind::StoreUnreachable,
            crate::StoreError::Refused { .. } => ProblemKind::BadRequest,
            crate::StoreError::Backend { .. } => ProblemKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
