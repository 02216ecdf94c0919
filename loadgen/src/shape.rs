//! Requests in the shape that a contestant wants: the same metrics as every pipeline gets, under
//! another path, other headers, and in another body. Placeholders are those of `template.rs`, and
//! here also the run, the producer and the metrics. Which server wants what is read in
//! [`crate::experiment::contestant`].

use tailrace_contract::{Producer, Request};
use tailrace_producers::payload::Payloads;

use crate::source::Source;
use crate::template::{Template, TemplateError};

/// Filled in once for a trial.
pub const RUN: &str = "{{run}}";
/// Filled in once for a trial; in bodies only.
pub const PRODUCER: &str = "{{producer}}";
/// The array of metrics; in bodies only.
pub const METRICS: &str = "{{metrics}}";
/// The only metric of a batch, an object; in bodies only.
pub const METRIC: &str = "{{metric}}";

/// What is random in a template is the same in every trial, as the metrics are.
const TEMPLATE_SEED: u64 = 1;

/// What one server wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// `POST` and the like; message transports ignore it.
    pub method: String,
    /// Path and query, with [`RUN`].
    pub path: String,
    /// Names and values, with [`RUN`]; without `host` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// What a body looks like.
    pub body: Body,
    /// Statuses that acknowledge.
    pub acks: Vec<u16>,
}

/// What a body looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `{"producer", "seq", "metrics": […]}`, what every pipeline takes.
    Batch,
    /// The array of metrics.
    Metrics,
    /// The only metric of a batch.
    Metric,
    /// As somebody wrote it.
    Template(String),
}

impl Shape {
    /// Everything that one trial does not change is filled in. The errors are those of templates
    /// that nobody has checked.
    ///
    /// # Errors
    /// An unknown placeholder.
    pub fn of_run(&self, run: &str, producer: &Producer) -> Result<Filled, TemplateError> {
        let mut pieces = Vec::new();
        if let Body::Template(text) = &self.body {
            pieces = self::pieces(&text.replace(RUN, run).replace(PRODUCER, &producer.0))?;
        }
        let value = |(name, value): &(String, String)| (name.clone(), value.replace(RUN, run));
        Ok(Filled {
            method: self.method.clone(),
            path: self.path.replace(RUN, run),
            headers: self.headers.iter().map(value).collect(),
            body: self.body.clone(),
            pieces,
            acks: self.acks.clone(),
            producer: producer.clone(),
        })
    }

    /// Whether a batch may hold one metric only.
    pub fn is_single(&self) -> bool {
        match &self.body {
            Body::Metric => true,
            Body::Template(text) => text.contains(METRIC),
            Body::Batch | Body::Metrics => false,
        }
    }
}

/// A shape in one trial.
#[derive(Debug, Clone)]
pub struct Filled {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Body,
    pieces: Vec<Piece>,
    acks: Vec<u16>,
    producer: Producer,
}

/// A part of a body's template.
#[derive(Debug, Clone)]
enum Piece {
    Text(Template),
    Metrics,
    Metric,
}

/// Takes a body's template apart at the metrics.
fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    let next = |rest: &str| {
        let found = [(METRICS, Piece::Metrics), (METRIC, Piece::Metric)];
        let places = found.into_iter().filter_map(|(name, piece)| {
            rest.find(name).map(|start| (start, start + name.len(), piece))
        });
        places.min_by_key(|(start, ..)| *start)
    };
    while let Some((start, end, piece)) = next(rest) {
        pieces.extend([Piece::Text(Template::parse(&rest.as_bytes()[..start])?), piece]);
        rest = &rest[end..];
    }
    pieces.push(Piece::Text(Template::parse(rest.as_bytes())?));
    Ok(pieces)
}

/// The requests of a trial.
pub struct Shaped<'a> {
    filled: &'a Filled,
    payloads: &'a Payloads,
    body: Vec<u8>,
}

impl<'a> Shaped<'a> {
    /// The metrics of `payloads` in this shape.
    pub fn new(filled: &'a Filled, payloads: &'a Payloads) -> Self {
        let body = Vec::with_capacity(1 << 10);
        Self { filled, payloads, body }
    }
}

impl Source for Shaped<'_> {
    fn prepare(&mut self, seq: u64) {
        let (filled, metrics) = (self.filled, self.payloads.metrics(seq));
        self.body.clear();
        match &filled.body {
            Body::Batch => self.payloads.write_body(&filled.producer, seq, &mut self.body),
            Body::Metrics => self.body.extend_from_slice(metrics),
            Body::Metric => self.body.extend_from_slice(only(metrics)),
            Body::Template(_) => {
                for piece in &filled.pieces {
                    match piece {
                        Piece::Text(text) => text.fill(TEMPLATE_SEED, seq, &mut self.body),
                        Piece::Metrics => self.body.extend_from_slice(metrics),
                        Piece::Metric => self.body.extend_from_slice(only(metrics)),
                    }
                }
            }
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.filled.method,
            target: &self.filled.path,
            headers: &self.filled.headers,
            body: &self.body,
        }
    }

    fn is_ack(&self, status: u16) -> bool {
        self.filled.acks.contains(&status)
    }
}

/// What is between the brackets of an array: its only element, where it has one.
fn only(array: &[u8]) -> &[u8] {
    array.get(1..array.len().saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tailrace_contract::codec::Codec;

    use super::*;

    fn body(body: Body, seq: u64) -> String {
        let shape = Shape {
            method: "PUT".into(),
            path: "/in?of={{run}}".into(),
            headers: vec![("x-run".into(), "{{run}}!".into())],
            body,
            acks: vec![201],
        };
        let payloads = Payloads::new(1, 1, 4, Codec::Json).unwrap();
        let filled = shape.of_run("r1", &Producer("g0".into())).unwrap();
        let mut shaped = Shaped::new(&filled, &payloads);
        shaped.prepare(seq + 1);
        shaped.prepare(seq);
        let request = shaped.request();
        assert_eq!((request.method, request.target), ("PUT", "/in?of=r1"));
        assert_eq!(request.headers, [("x-run".to_owned(), "r1!".to_owned())]);
        assert!(shaped.is_ack(201) && !shaped.is_ack(200));
        String::from_utf8(request.body.to_vec()).unwrap()
    }

    #[test]
    fn the_same_metric_comes_in_every_shape() {
        let metric = body(Body::Metric, 6);
        assert!(metric.starts_with("{\"name\":") && metric.ends_with('}'), "{metric}");
        assert_eq!(body(Body::Metrics, 6), format!("[{metric}]"));
        let batch = format!("{{\"producer\":\"g0\",\"seq\":6,\"metrics\":[{metric}]}}");
        assert_eq!(body(Body::Batch, 6), batch);
        let template = "{{producer}} {{run}} {{seq}}: {{metrics}}/{{metric}}.";
        let expect = format!("g0 r1 6: [{metric}]/{metric}.");
        assert_eq!(body(Body::Template(template.into()), 6), expect);
    }

    #[test]
    fn unknown_placeholders_are_told() {
        assert!(pieces("{{metrics}} {{metrix}}").is_err());
    }
}
