//! The door: what a transport calls with each body it read, and the answer it sends back.
//! The order behind it is gate, validation, log; the program builds it, transports only
//! know this trait.

use std::any::Any;
use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;

use bytes::Bytes;

use crate::{BatchId, Credential, Problem, ProblemKind, RunId};

/// Who calls, as far as the transport can tell. One a request, or one a connection where the
/// transport's connection carries it.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The run from [`crate::identity::RUN_HEADER`], if the client sent one.
    pub run: Option<RunId>,
    /// What the client showed, where the door [asks](Ingest::asks) for it.
    pub credential: Option<Credential>,
    /// What the door made of it.
    pub pass: Option<Pass>,
}

/// A caller that was recognised. Transports carry it and look at nothing; only the door that
/// wrote it can read it, and asks again whether it still holds.
#[derive(Clone)]
pub struct Pass(pub Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass(…)")
    }
}

impl Caller {
    /// Reads the run header's text.
    ///
    /// # Errors
    /// Text that is not a run is refused with a problem that says what a run is.
    pub fn from_run_header(run: Option<&[u8]>) -> Result<Self, Problem> {
        let Some(bytes) = run else { return Ok(Self::default()) };
        if let Some(run) = RunId::from_hex(bytes) {
            return Ok(Self { run: Some(run), ..Self::default() });
        }
        let text = String::from_utf8_lossy(bytes);
        let parsed: Result<RunId, _> = text.parse();
        parsed.map(|run| Self { run: Some(run), ..Self::default() }).map_err(|fault| {
            Problem::new(ProblemKind::BadRequest, format!("header Tailrace-Run: {fault}"))
        })
    }
}

/// Admits bodies. Cheap to clone: every connection holds one.
pub trait Ingest: Clone + Send + Sync + 'static {
    /// Validates and appends one body. The future resolves when the log has promised; it may
    /// be ready at the first poll. Dropping it does not take the batch back. It never waits
    /// for another connection's batch.
    fn admit(&self, caller: &Caller, body: Bytes) -> impl Future<Output = Answer> + Send + 'static;

    /// Whether callers must show who they are. Transports look for a credential only then: an
    /// open door costs nothing.
    fn asks(&self) -> bool {
        false
    }

    /// Judges what a caller showed, before its body is looked at, and writes the [`Pass`].
    /// Answers at once, so it takes keys only.
    ///
    /// # Errors
    /// The credential is missing or wrong, or may not send.
    fn recognise(&self, _caller: &mut Caller) -> Result<(), Problem> {
        Ok(())
    }

    /// The same for a connection that will carry many bodies, which may be a browser's: takes
    /// sessions too, and may ask somebody else about them.
    fn welcome(
        &self,
        mut caller: Caller,
    ) -> impl Future<Output = Result<Caller, Problem>> + Send + 'static {
        let judged = self.recognise(&mut caller);
        ready(judged.map(|()| caller))
    }
}

/// The answer to one body.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The sequence that the body named, as far as it could be read.
    pub seq: Option<u64>,
    /// How many metrics were accepted, or why none was.
    pub outcome: Result<Accepted, Problem>,
}

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Metrics in the batch.
    pub metrics: usize,
    /// The identity that the server chose because run, producer or sequence was missing.
    /// Such a batch cannot be retried safely: sent again it gets another identity.
    pub assigned: Option<BatchId>,
}

impl Answer {
    /// The HTTP status: 202, or the problem's.
    pub fn status(&self) -> u16 {
        match &self.outcome {
            Ok(_) => 202,
            Err(problem) => problem.status(),
        }
    }

    /// The body of an HTTP answer, appended to `out`.
    pub fn write_http(&self, out: &mut Vec<u8>) {
        match &self.outcome {
            Ok(accepted) => {
                out.push(b'{');
                accepted.write_members(out);
                out.push(b'}');
            }
            Err(problem) => problem.write(out),
        }
    }

    /// The message of a WebSocket answer, appended to `out`. `counter` is the connection's
    /// own count, used when the body named no sequence.
    pub fn write_message(&self, counter: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"seq\":");
        write_number(self.seq.unwrap_or(counter), out);
        out.push(b',');
        match &self.outcome {
            Ok(accepted) => accepted.write_members(out),
            Err(problem) => {
                out.extend_from_slice(b"\"status\":");
                write_number(problem.status().into(), out);
                out.extend_from_slice(b",\"problem\":");
                problem.write(out);
            }
        }
        out.push(b'}');
    }
}

impl Accepted {
    fn write_members(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"accepted\":");
        write_number(self.metrics as u64, out);
        if let Some(id) = &self.assigned {
            let text = format!(
                ",\"retry_safe\":false,\"assigned\":{{\"run\":\"{}\",\"producer\":\"{}\",\"seq\":{}}}",
                id.run, id.producer.0, id.seq
            );
            out.extend_from_slice(text.as_bytes());
        }
    }
}

fn write_number(n: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Producer, Tenant};

    fn message(answer: &Answer) -> serde_json::Value {
        let mut out = Vec::new();
        answer.write_message(7, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn acknowledgement_names_the_sequence_or_the_counter() {
        let outcome = Ok(Accepted { metrics: 3, assigned: None });
        let named = Answer { seq: Some(41), outcome: outcome.clone() };
        assert_eq!(message(&named), serde_json::json!({"seq": 41, "accepted": 3}));
        let unnamed = Answer { seq: None, outcome };
        assert_eq!(message(&unnamed)["seq"], 7);
    }

    #[test]
    fn an_assigned_identity_is_told() {
        let id = BatchId {
            tenant: Tenant::open(),
            run: RunId(1),
            producer: Producer("p".into()),
            seq: 9,
        };
        let answer = Answer { seq: None, outcome: Ok(Accepted { metrics: 1, assigned: Some(id) }) };
        let mut out = Vec::new();
        answer.write_http(&mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["retry_safe"], false);
        assert_eq!(json["assigned"]["seq"], 9);
    }

    #[test]
    fn a_refusal_carries_its_problem() {
        let problem = Problem::new(ProblemKind::LogFull, "at 5 of 5");
        let json = message(&Answer { seq: Some(1), outcome: Err(problem) });
        assert_eq!(json["status"], 503);
        assert_eq!(json["problem"]["detail"], "at 5 of 5");
    }

    #[test]
    fn a_run_that_is_no_run_is_refused() {
        assert_eq!(Caller::from_run_header(Some(b"abc")).unwrap_err().status(), 400);
        assert!(Caller::from_run_header(None).unwrap().run.is_none());
    }
}
