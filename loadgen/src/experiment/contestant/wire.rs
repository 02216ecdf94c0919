//! The strict shape of a contestant's file: which keys there are, which are needed, of which kind
//! their values are. What they mean together is checked in `mod.rs`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tailrace_contract::promise::Survives;
use toml::Spanned;

use super::{Protocol, limits};
use crate::experiment::words::{As, Line, Ms, Prose, Slug, Whole, Word};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: As<Slug>,
    pub(super) title: As<Line>,
    pub(super) about: Option<As<Prose>>,
    pub(super) promise: As<Survives>,
    pub(super) backend: Option<As<Backend>>,
    pub(super) program: ProgramEntry,
    pub(super) install: Option<InstallEntry>,
    pub(super) ready: Spanned<ReadyEntry>,
    pub(super) request: RequestEntry,
    pub(super) audit: Spanned<AuditEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [program]")]
pub(super) struct ProgramEntry {
    pub(super) command: Spanned<Vec<Spanned<String>>>,
    pub(super) folder: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, Spanned<String>>,
    pub(super) version: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) files: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) needs: Vec<NeedEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a need such as { program = \"node\", get = \"how\" }")]
pub(super) struct NeedEntry {
    pub(super) program: As<Line>,
    pub(super) get: As<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [install]")]
pub(super) struct InstallEntry {
    pub(super) command: Spanned<Vec<Spanned<String>>>,
    pub(super) lock: Spanned<String>,
    pub(super) timeout: Option<As<Ms<{ limits::INSTALL_MS_MAX }>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [ready]")]
pub(super) struct ReadyEntry {
    pub(super) get: Option<Spanned<String>>,
    pub(super) line: Option<As<Line>>,
    pub(super) timeout: Option<As<Ms<{ limits::READY_MS_MAX }>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [request]")]
pub(super) struct RequestEntry {
    pub(super) protocol: As<Protocol>,
    pub(super) method: Option<Spanned<String>>,
    pub(super) path: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) headers: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) body: Option<Spanned<As<BodyWord>>>,
    pub(super) template: Option<Spanned<String>>,
    pub(super) ack: Spanned<Vec<Whole<100, 599>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [audit]")]
pub(super) struct AuditEntry {
    pub(super) get: Option<Spanned<String>>,
    pub(super) none: Option<As<Line>>,
}

/// What it keeps its batches in, if that is started for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backend;

impl Word for Backend {
    fn expected() -> String {
        "\"redis\"".into()
    }
    fn text(text: &str) -> Option<Self> {
        (text == "redis").then_some(Self)
    }
}

impl Word for Survives {
    fn expected() -> String {
        "\"nothing\", \"server-death\" or \"host-death\": what an acknowledged batch outlives"
            .into()
    }
    fn text(text: &str) -> Option<Self> {
        match text {
            "nothing" => Some(Self::Nothing),
            "server-death" => Some(Self::ServerDeath),
            "host-death" => Some(Self::HostDeath),
            _ => None,
        }
    }
}

impl Word for Protocol {
    fn expected() -> String {
        "\"http1\", \"http2\" (in clear text, without upgrade) or \"ws\"".into()
    }
    fn text(text: &str) -> Option<Self> {
        match text {
            "http1" => Some(Self::Http1),
            "http2" => Some(Self::Http2),
            "ws" => Some(Self::Ws),
            _ => None,
        }
    }
}

/// A shape that has a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum BodyWord {
    Batch,
    Metrics,
    Metric,
}

impl Word for BodyWord {
    fn expected() -> String {
        "\"batch\", \"metrics\" (an array) or \"metric\" (one object)".into()
    }
    fn text(text: &str) -> Option<Self> {
        match text {
            "batch" => Some(Self::Batch),
            "metrics" => Some(Self::Metrics),
            "metric" => Some(Self::Metric),
            _ => None,
        }
    }
}
