//! What the shape of a contestant's file cannot say: placeholders that are known where they stand,
//! paths that stay below the contestant's folder, one way to be ready and one to be audited.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tailrace_contract::Producer;
use toml::Spanned;

use super::wire::{BodyWord, File};
use super::{Contestant, Install, PORT, Program, Protocol, REDIS_URL, Ready, ReadyBy, limits};
use crate::experiment::fault::{Fault, Place, listed};
use crate::shape::{self, Body, Shape};

/// A body is JSON unless a header says otherwise.
const CONTENT_TYPE: (&str, &str) = ("content-type", "application/json");

/// Checks values where they stand.
pub(super) struct Checked<'a> {
    pub(super) place: &'a Place<'a>,
    pub(super) wants_redis: bool,
}

impl Checked<'_> {
    pub(super) fn contestant(&self, file: &File) -> Result<Contestant, Fault> {
        let digest = Sha256::digest(self.place.text.as_bytes());
        Ok(Contestant {
            name: file.name.0.0.clone(),
            title: file.title.0.0.clone(),
            about: file.about.as_ref().map_or_else(String::new, |about| about.0.0.clone()),
            promise: file.promise.0,
            wants_redis: self.wants_redis,
            program: self.program(file)?,
            install: self.install(file)?,
            ready: self.ready(file)?,
            protocol: file.request.protocol.0,
            shape: self.shape(file)?,
            audit: self.audit(file)?,
            sha256: digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")),
        })
    }

    fn program(&self, file: &File) -> Result<Program, Fault> {
        let entry = &file.program;
        let started = self.started();
        let environment = entry
            .environment
            .iter()
            .map(|(name, value)| Ok((name.clone(), self.filled(value, &started)?)));
        let environment: BTreeMap<String, String> = environment.collect::<Result<_, Fault>>()?;
        let command = self.command(&entry.command, &started)?;
        let mut words = command.iter().chain(environment.values());
        if !words.any(|word| word.contains(PORT)) {
            let what = format!("neither command nor environment says where to listen: {PORT}");
            return Err(self.place.fault(entry.command.span(), &what));
        }
        let needs = entry.needs.iter();
        let files = entry.files.iter().map(|file| self.below(file));
        Ok(Program {
            command,
            folder: entry.folder.as_ref().map_or(Ok(".".into()), |folder| self.below(folder))?,
            environment,
            version: self.command(&entry.version, &[])?,
            files: files.collect::<Result<_, _>>()?,
            needs: needs.map(|need| (need.program.0.0.clone(), need.get.0.0.clone())).collect(),
        })
    }

    /// The placeholders of what is started.
    fn started(&self) -> Vec<&'static str> {
        if self.wants_redis { vec![PORT, REDIS_URL] } else { vec![PORT] }
    }

    fn command(
        &self,
        words: &Spanned<Vec<Spanned<String>>>,
        known: &[&str],
    ) -> Result<Vec<String>, Fault> {
        if words.get_ref().first().is_none_or(|program| program.get_ref().is_empty()) {
            let what = "a command is a list: the program, then its arguments";
            return Err(self.place.fault(words.span(), what));
        }
        words.get_ref().iter().map(|word| self.filled(word, known)).collect()
    }

    fn install(&self, file: &File) -> Result<Option<Install>, Fault> {
        let Some(entry) = &file.install else { return Ok(None) };
        Ok(Some(Install {
            command: self.command(&entry.command, &[])?,
            lock: self.below(&entry.lock)?,
            timeout_ms: entry.timeout.map_or(limits::INSTALL_MS, |timeout| timeout.0.0),
        }))
    }

    fn ready(&self, file: &File) -> Result<Ready, Fault> {
        let entry = file.ready.get_ref();
        let by = match (&entry.get, &entry.line) {
            (Some(path), None) => ReadyBy::Get(self.path(path, &[])?),
            (None, Some(line)) => ReadyBy::Line(line.0.0.clone()),
            _ => {
                let what = "say when it is ready: get (a path that is answered with 200), or line \
                            (text of a line on its standard output)";
                return Err(self.place.fault(file.ready.span(), what));
            }
        };
        let timeout_ms = entry.timeout.map_or(limits::READY_MS, |timeout| timeout.0.0);
        Ok(Ready { by, timeout_ms })
    }

    fn shape(&self, file: &File) -> Result<Shape, Fault> {
        let entry = &file.request;
        let (body, span) = match (&entry.body, &entry.template) {
            (Some(word), None) => (named(word.get_ref().0), word.span()),
            (None, Some(text)) => (Body::Template(text.get_ref().clone()), text.span()),
            (None, None) => (Body::Batch, 0..0),
            (Some(_), Some(text)) => {
                let what = "either a body by its name or a template of one";
                return Err(self.place.fault(text.span(), what));
            }
        };
        let method = entry.method.as_ref().map_or(Ok("POST".into()), |word| self.method(word))?;
        let path = entry
            .path
            .as_ref()
            .map_or(Ok("/v1/ingest".into()), |path| self.path(path, &[shape::RUN]))?;
        let headers = entry.headers.iter().map(|(name, value)| self.header(name, value));
        let mut headers: Vec<(String, String)> = headers.collect::<Result<_, _>>()?;
        let is_http = entry.protocol.0 != Protocol::Ws;
        if is_http && headers.iter().all(|(name, _)| name != CONTENT_TYPE.0) {
            headers.push((CONTENT_TYPE.0.into(), CONTENT_TYPE.1.into()));
        }
        let shape = Shape {
            method,
            path,
            headers,
            body,
            acks: entry.ack.get_ref().iter().map(|status| status.0 as u16).collect(),
        };
        if shape.acks.is_empty() {
            return Err(self
                .place
                .fault(entry.ack.span(), "ack lists the statuses that acknowledge"));
        }
        let tried = shape.of_run("", &Producer("g0".into()));
        tried.map_err(|error| {
            let further = [shape::RUN, shape::PRODUCER, shape::METRICS, shape::METRIC];
            self.place.fault(span, &format!("{error}; and here {}", listed(further)))
        })?;
        Ok(shape)
    }

    fn audit(&self, file: &File) -> Result<Result<String, String>, Fault> {
        let entry = file.audit.get_ref();
        match (&entry.get, &entry.none) {
            (Some(path), None) => Ok(Ok(self.path(path, &[shape::RUN])?)),
            (None, Some(why)) => Ok(Err(why.0.0.clone())),
            _ => {
                let what = "say how it is audited: get (the path of its answer), or none (why \
                            there is no such answer)";
                Err(self.place.fault(file.audit.span(), what))
            }
        }
    }

    fn method(&self, word: &Spanned<String>) -> Result<String, Fault> {
        let text = word.get_ref();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Ok(text.clone());
        }
        Err(self.place.fault(word.span(), "a method is a word in capitals, such as \"POST\""))
    }

    fn path(&self, path: &Spanned<String>, known: &[&str]) -> Result<String, Fault> {
        let text = self.filled(path, known)?;
        if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(text);
        }
        Err(self.place.fault(path.span(), "a path begins with / and has no spaces"))
    }

    fn header(
        &self,
        name: &Spanned<String>,
        value: &Spanned<String>,
    ) -> Result<(String, String), Fault> {
        let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let word = name.get_ref();
        if word.is_empty() || !word.bytes().all(token) {
            let what = "a header's name is written in small letters, digits and -";
            return Err(self.place.fault(name.span(), what));
        }
        if matches!(word.as_str(), "host" | "content-length" | "connection" | "transfer-encoding") {
            return Err(self.place.fault(name.span(), "this header is set by the generator"));
        }
        let text = self.filled(value, &[shape::RUN])?;
        if text.chars().any(char::is_control) {
            return Err(self.place.fault(value.span(), "a header is one line"));
        }
        Ok((word.clone(), text))
    }

    /// A path that does not lead out of the contestant's folder.
    fn below(&self, path: &Spanned<String>) -> Result<String, Fault> {
        let text = path.get_ref();
        let parts = || text.split(['/', '\\']);
        if text.is_empty() || text.starts_with('/') || parts().any(|part| part == "..") {
            let what = "a path below the contestant's own folder";
            return Err(self.place.fault(path.span(), &format!("expected {what}")));
        }
        Ok(text.clone())
    }

    /// A text whose placeholders are all known.
    fn filled(&self, text: &Spanned<String>, known: &[&str]) -> Result<String, Fault> {
        let mut rest = text.get_ref().clone();
        for name in known {
            rest = rest.replace(name, "");
        }
        let Some(start) = rest.find("{{") else { return Ok(text.get_ref().clone()) };
        let seen: String = rest[start..].chars().take(40).collect();
        let known = if known.is_empty() { "none".into() } else { listed(known.iter().copied()) };
        let redis = if self.wants_redis { "" } else { " (with backend = \"redis\" also its URL)" };
        let what = format!("{seen:?} is no placeholder; known here: {known}{redis}");
        Err(self.place.fault(text.span(), &what))
    }
}

fn named(word: BodyWord) -> Body {
    match word {
        BodyWord::Batch => Body::Batch,
        BodyWord::Metrics => Body::Metrics,
        BodyWord::Metric => Body::Metric,
    }
}
