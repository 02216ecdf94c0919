//! The slow path: reads a refused body again, as whatever it is, and walks it, so that one
//! answer names every bad field with a pointer, and not just the first.

use super::seen::{Array, Object, Seen};
use super::{Codec, Refused, msgpack, rules};
use crate::limits::{ATTRIBUTES_MAX, FIELD_ERRORS_MAX};
use crate::{FieldError, Problem, ProblemKind, Producer};

/// Why the body was refused. `fault` is what the fast path saw, used when the walk finds
/// nothing.
#[cold]
pub(super) fn explain(codec: Codec, body: &[u8], fault: &str) -> Refused {
    let seen = match codec {
        // By the reader for streams: were the one for slices used here too, the compiler would
        // share its parts between the two paths, and the fast one would pay for the calls.
        Codec::Json => serde_json::from_reader(body).map_err(|fault| not_json(body, &fault)),
        Codec::Msgpack => {
            msgpack::from_slice(body).map_err(|fault| format!("MessagePack: {fault}"))
        }
    };
    let seen: Seen = match seen {
        Ok(seen) => seen,
        Err(why) => {
            return Refused { seq: None, problem: Problem::new(ProblemKind::Malformed, why) };
        }
    };
    let mut walk = Walk::default();
    walk.body(&seen);
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
    let seq = if let Seen::Object(batch) = &seen { batch.get("seq") } else { None };
    Refused { seq: seq.and_then(Seen::whole), problem }
}

fn place(error: &FieldError) -> &str {
    if error.pointer.is_empty() { "the body" } else { &error.pointer }
}

fn not_json(body: &[u8], fault: &serde_json::Error) -> String {
    let hint = match body.first() {
        None => " (the body is empty)",
        Some(0x1f) => " (it looks compressed; send it plain)",
        Some(0xef) => " (it starts with a byte order mark; leave it out)",
        Some(0x80..) => " (it begins neither as JSON nor as a map or an array of MessagePack)",
        Some(_) if std::str::from_utf8(body).is_err() => " (it is not UTF-8)",
        Some(_) => "",
    };
    format!("{fault}{hint}")
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

    fn body(&mut self, seen: &Seen) {
        match seen {
            Seen::Array(list) => self.list("", list),
            Seen::Object(batch) if batch.get("metrics").is_some() => self.batch(batch),
            Seen::Object(metric) => self.metric("", metric),
            other => self.wrong("", format!("is {}; send a metric or a batch", other.kind())),
        }
    }

    fn batch(&mut self, batch: &Object) {
        self.keys("", batch, &["producer", "seq", "metrics"]);
        match batch.get("producer") {
            None | Some(Seen::Null) => {}
            Some(Seen::Text(name)) => self.wrong_if("/producer", Producer::fault(name)),
            Some(other) => self.wrong("/producer", expected("a string", other)),
        }
        match batch.get("seq") {
            None | Some(Seen::Null) => {}
            Some(value) => match value.whole() {
                Some(seq) => self.wrong_if("/seq", rules::seq_fault(seq)),
                None => self.wrong("/seq", expected("a whole number from 0", value)),
            },
        }
        match batch.get("metrics") {
            Some(Seen::Array(list)) => self.list("/metrics", list),
            Some(other) => self.wrong("/metrics", expected("an array", other)),
            None => {}
        }
    }

    fn list(&mut self, pointer: &str, list: &Array) {
        self.wrong_if(pointer, rules::count_fault(list.count));
        for (index, value) in list.values.iter().enumerate() {
            if self.errors.len() == FIELD_ERRORS_MAX {
                return;
            }
            let pointer = format!("{pointer}/{index}");
            match value {
                Seen::Object(metric) => self.metric(&pointer, metric),
                other => self.wrong(&pointer, expected("a metric", other)),
            }
        }
    }

    fn metric(&mut self, pointer: &str, metric: &Object) {
        self.keys(pointer, metric, &["name", "value", "time", "attributes"]);
        let at = |field: &str| format!("{pointer}/{field}");
        match metric.get("name") {
            Some(Seen::Text(name)) => self.wrong_if(&at("name"), rules::name_fault(name)),
            Some(other) => self.wrong(&at("name"), expected("a string", other)),
            None => self.wrong(&at("name"), "is missing"),
        }
        match metric.get("value") {
            Some(Seen::Number(_)) => {}
            Some(other) => self.wrong(&at("value"), expected("a finite number", other)),
            None => self.wrong(&at("value"), "is missing"),
        }
        match metric.get("time") {
            None | Some(Seen::Null) => {}
            Some(value) => match value.whole() {
                Some(time) => self.wrong_if(&at("time"), rules::time_fault(time)),
                None => {
                    self.wrong(&at("time"), expected("whole milliseconds since 1970", value));
                }
            },
        }
        match metric.get("attributes") {
            None | Some(Seen::Null) => {}
            Some(Seen::Object(attributes)) => self.attributes(&at("attributes"), attributes),
            Some(other) => self.wrong(&at("attributes"), expected("an object", other)),
        }
    }

    fn attributes(&mut self, pointer: &str, attributes: &Object) {
        let n = attributes.count;
        if n > ATTRIBUTES_MAX {
            self.wrong(pointer, format!("holds {n} entries; at most {ATTRIBUTES_MAX} are allowed"));
            return;
        }
        self.repeated(pointer, attributes);
        for (key, value) in &attributes.fields {
            let pointer = format!("{pointer}/{}", escape(key));
            self.wrong_if(&pointer, rules::key_fault(key));
            match value {
                Seen::Text(text) => {
                    self.wrong_if(&pointer, rules::attribute_text_fault(text));
                }
                Seen::Number(_) | Seen::Flag => {}
                other => self.wrong(&pointer, expected("a string, number or boolean", other)),
            }
        }
    }

    /// What can be wrong with the keys of a metric or a batch.
    fn keys(&mut self, pointer: &str, object: &Object, known: &[&str]) {
        for (key, _) in object.fields.iter().filter(|(key, _)| !known.contains(&&**key)) {
            let pointer = format!("{pointer}/{}", escape(key));
            self.wrong(&pointer, format!("is unknown; known are {}", known.join(", ")));
        }
        self.repeated(pointer, object);
    }

    fn repeated(&mut self, pointer: &str, object: &Object) {
        if let Some(kind) = object.strange_key {
            self.wrong(pointer, format!("has a key that is {kind}; keys are strings"));
        }
        for (index, (key, _)) in object.fields.iter().enumerate() {
            if object.fields[..index].iter().any(|(earlier, _)| earlier == key) {
                self.wrong(&format!("{pointer}/{}", escape(key)), "stands there more than once");
            }
        }
    }
}

fn expected(what: &str, seen: &Seen) -> String {
    format!("is {}; expected {what}", seen.kind())
}

/// A key as a part of a JSON pointer, shortened: it comes from a stranger.
fn escape(key: &str) -> String {
    key.chars().take(64).collect::<String>().replace('~', "~0").replace('/', "~1")
}
