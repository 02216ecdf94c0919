//! The slow path: reads a refused body again as plain JSON and walks it, so that one answer
//! names every bad field with a pointer, and not just the first.

use serde_json::{Map, Value};

use super::{Refused, rules};
use crate::limits::{ATTRIBUTES_MAX, FIELD_ERRORS_MAX};
use crate::{FieldError, Problem, ProblemKind, Producer};

/// Why the body was refused. `fault` is what the fast path saw, used when the walk finds
/// nothing (a duplicate field, for instance, is invisible in a parsed value).
pub(super) fn explain(body: &[u8], fault: &str) -> Refused {
    let value = match serde_json::from_slice::<Value>(body) {
        Ok(value) => value,
        Err(syntax) => return malformed(body, &syntax),
    };
    let mut walk = Walk::default();
    walk.body(&value);
    let detail = match walk.errors.first() {
        None => fault.to_owned(),
        Some(first) if walk.errors.len() == 1 => format!("{} {}", place(first), first.detail),
        Some(first) => format!(
            "{} fields are wrong, the first: {} {}",
            walk.errors.len(),
            place(first),
            first.detail
        ),
    };
    let problem = Problem { kind: ProblemKind::Invalid, detail, fields: walk.errors };
    Refused { seq: value.get("seq").and_then(Value::as_u64), problem }
}

fn place(error: &FieldError) -> &str {
    if error.pointer.is_empty() { "the body" } else { &error.pointer }
}

fn malformed(body: &[u8], syntax: &serde_json::Error) -> Refused {
    let hint = match body.first() {
        None => " (the body is empty)",
        Some(0x1f) => " (it looks compressed; send plain JSON)",
        Some(0xef) => " (it starts with a byte order mark; leave it out)",
        Some(_) if std::str::from_utf8(body).is_err() => " (it is not UTF-8)",
        Some(_) => "",
    };
    let problem = Problem::new(ProblemKind::Malformed, format!("{syntax}{hint}"));
    Refused { seq: None, problem }
}

#[derive(Default)]
struct Walk {
    errors: Vec<FieldError>,
}

impl Walk {
    fn wrong(&mut self, pointer: &str, detail: impl Into<String>) {
        if self.errors.len() < FIELD_ERRORS_MAX {
            self.errors.push(FieldError { pointer: pointer.to_owned(), detail: detail.into() });
        }
    }

    fn wrong_if(&mut self, pointer: &str, fault: Option<impl Into<String>>) {
        if let Some(detail) = fault {
            self.wrong(pointer, detail);
        }
    }

    fn body(&mut self, value: &Value) {
        match value {
            Value::Array(list) => self.list("", list),
            Value::Object(batch) if batch.contains_key("metrics") => self.batch(batch),
            Value::Object(metric) => self.metric("", metric),
            other => self.wrong("", format!("is {}; send a metric or a batch", kind(other))),
        }
    }

    fn batch(&mut self, batch: &Map<String, Value>) {
        self.unknown("", batch, &["producer", "seq", "metrics"]);
        match batch.get("producer") {
            None | Some(Value::Null) => {}
            Some(Value::String(name)) => self.wrong_if("/producer", Producer::fault(name)),
            Some(other) => self.wrong("/producer", expected("a string", other)),
        }
        match batch.get("seq") {
            None | Some(Value::Null) => {}
            Some(value) => match value.as_u64() {
                Some(seq) => self.wrong_if("/seq", rules::seq_fault(seq)),
                None => self.wrong("/seq", expected("a whole number from 0", value)),
            },
        }
        match batch.get("metrics") {
            Some(Value::Array(list)) => self.list("/metrics", list),
            Some(other) => self.wrong("/metrics", expected("an array", other)),
            None => {}
        }
    }

    fn list(&mut self, pointer: &str, list: &[Value]) {
        self.wrong_if(pointer, rules::count_fault(list.len()));
        for (index, value) in list.iter().enumerate() {
            if self.errors.len() == FIELD_ERRORS_MAX {
                return;
            }
            let pointer = format!("{pointer}/{index}");
            match value {
                Value::Object(metric) => self.metric(&pointer, metric),
                other => self.wrong(&pointer, expected("a metric", other)),
            }
        }
    }

    fn metric(&mut self, pointer: &str, metric: &Map<String, Value>) {
        self.unknown(pointer, metric, &["name", "value", "time", "attributes"]);
        let at = |field: &str| format!("{pointer}/{field}");
        match metric.get("name") {
            Some(Value::String(name)) => self.wrong_if(&at("name"), rules::name_fault(name)),
            Some(other) => self.wrong(&at("name"), expected("a string", other)),
            None => self.wrong(&at("name"), "is missing"),
        }
        match metric.get("value") {
            Some(Value::Number(_)) => {}
            Some(other) => self.wrong(&at("value"), expected("a finite number", other)),
            None => self.wrong(&at("value"), "is missing"),
        }
        match metric.get("time") {
            None | Some(Value::Null) => {}
            Some(value) => match value.as_u64() {
                Some(time) => self.wrong_if(&at("time"), rules::time_fault(time)),
                None => {
                    self.wrong(&at("time"), expected("whole milliseconds since 1970", value));
                }
            },
        }
        match metric.get("attributes") {
            None | Some(Value::Null) => {}
            Some(Value::Object(attributes)) => self.attributes(&at("attributes"), attributes),
            Some(other) => self.wrong(&at("attributes"), expected("an object", other)),
        }
    }

    fn attributes(&mut self, pointer: &str, attributes: &Map<String, Value>) {
        let n = attributes.len();
        if n > ATTRIBUTES_MAX {
            self.wrong(pointer, format!("holds {n} entries; at most {ATTRIBUTES_MAX} are allowed"));
            return;
        }
        for (key, value) in attributes {
            let pointer = format!("{pointer}/{}", escape(key));
            self.wrong_if(&pointer, rules::key_fault(key));
            match value {
                Value::String(text) => {
                    self.wrong_if(&pointer, rules::attribute_text_fault(text));
                }
                Value::Number(_) | Value::Bool(_) => {}
                other => self.wrong(&pointer, expected("a string, number or boolean", other)),
            }
        }
    }

    fn unknown(&mut self, pointer: &str, object: &Map<String, Value>, known: &[&str]) {
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            let pointer = format!("{pointer}/{}", escape(key));
            self.wrong(&pointer, format!("is unknown; known are {}", known.join(", ")));
        }
    }
}

fn expected(what: &str, seen: &Value) -> String {
    format!("is {}; expected {what}", kind(seen))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A key as a part of a JSON pointer, shortened: it comes from a stranger.
fn escape(key: &str) -> String {
    key.chars().take(64).collect::<String>().replace('~', "~0").replace('/', "~1")
}
