//! The strict shape of a file: which keys there are, which are needed, of which kind their
//! values are. Unknown keys are refused, and the message lists the known ones. What the values
//! mean is in `words.rs`; what they mean together is checked in `arms.rs`, `loads.rs` and
//! `asks.rs`.

use serde::Deserialize;
use tailrace_measure::record::{Arrivals, Codec, Figure, Flush, Fsync, Insert};
use toml::Spanned;

use super::limits;
use super::words::{
    As, KeptAudit, Line, LinkWord, Ms, Number, Prose, RateWord, Slug, StoreWord, Whole,
};
use crate::faults::Fault;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) question: As<Line>,
    pub(super) prediction: As<Prose>,
    pub(super) about: Option<As<Prose>>,
    pub(super) seed: Option<u64>,
    pub(super) rounds: Option<Whole<1, { limits::ROUNDS_MAX }>>,
    pub(super) decide: Option<Spanned<bool>>,
    pub(super) baseline: Option<Spanned<String>>,
    pub(super) floor: Option<bool>,
    #[serde(default)]
    pub(super) faults: Vec<As<Fault>>,
    pub(super) warm_up: Option<As<Ms<{ limits::WINDOW_MS_MAX }>>>,
    pub(super) window: Option<As<Ms<{ limits::WINDOW_MS_MAX }>>>,
    pub(super) timeout: Option<As<Ms<{ limits::TIMEOUT_MS_MAX }>>>,
    pub(super) spin: Option<bool>,
    pub(super) arm: Vec<Spanned<ArmEntry>>,
    pub(super) load: Vec<Spanned<LoadEntry>>,
    pub(super) primary: Option<PrimaryEntry>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<ExpectEntry>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [[arm]]")]
pub(super) struct ArmEntry {
    pub(super) slug: Option<Spanned<As<Slug>>>,
    pub(super) pipeline: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) batch: Vec<Whole<1, { limits::BATCH_MAX }>>,
    #[serde(default)]
    pub(super) connections: Vec<Whole<1, { limits::CONNECTIONS_MAX }>>,
    #[serde(default)]
    pub(super) in_flight: Vec<Whole<1, { limits::IN_FLIGHT_MAX }>>,
    #[serde(default)]
    pub(super) codec: Vec<As<Codec>>,
    #[serde(default)]
    pub(super) tls: Vec<bool>,
    #[serde(default)]
    pub(super) keys: Vec<bool>,
    #[serde(default)]
    pub(super) flush: Vec<As<Flush>>,
    #[serde(default)]
    pub(super) link: Vec<As<LinkWord>>,
    #[serde(default)]
    pub(super) store: Vec<As<StoreWord>>,
    #[serde(default)]
    pub(super) fsync: Vec<Spanned<As<Fsync>>>,
    #[serde(default)]
    pub(super) insert: Vec<Spanned<As<Insert>>>,
    pub(super) workers: Option<Spanned<Whole<0, { limits::WORKERS_MAX }>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [[load]]")]
pub(super) struct LoadEntry {
    pub(super) slug: Option<As<Slug>>,
    #[serde(default)]
    pub(super) rate: Vec<As<RateWord>>,
    #[serde(default)]
    pub(super) arrivals: Vec<As<Arrivals>>,
    pub(super) warm_up: Option<As<Ms<{ limits::WINDOW_MS_MAX }>>>,
    pub(super) window: Option<As<Ms<{ limits::WINDOW_MS_MAX }>>>,
    pub(super) timeout: Option<As<Ms<{ limits::TIMEOUT_MS_MAX }>>>,
    pub(super) spin: Option<bool>,
    pub(super) live: Option<Whole<1, 1_000_000>>,
    #[serde(default)]
    pub(super) subscribers: Vec<Whole<1, { limits::SUBSCRIBERS_MAX }>>,
    pub(super) stalled: Option<Whole<0, { limits::SUBSCRIBERS_MAX }>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [primary]")]
pub(super) struct PrimaryEntry {
    pub(super) figure: As<Figure>,
    pub(super) load: Spanned<String>,
    pub(super) against_load: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) pairs: Vec<[Spanned<String>; 2]>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [[expect]]")]
pub(super) struct ExpectEntry {
    pub(super) that: As<Line>,
    pub(super) arm: Spanned<String>,
    pub(super) load: Spanned<String>,
    pub(super) figure: Option<As<Figure>>,
    pub(super) against: Option<Spanned<String>>,
    pub(super) against_load: Option<Spanned<String>>,
    pub(super) ratio: Option<Spanned<BoundsEntry>>,
    pub(super) to_floor: Option<Spanned<BoundsEntry>>,
    pub(super) answered: Option<Spanned<BoundsEntry>>,
    pub(super) audit: Option<As<KeptAudit>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, expecting = "bounds such as { above = 1, below = 2 }")]
pub(super) struct BoundsEntry {
    pub(super) above: Option<As<Number>>,
    pub(super) below: Option<As<Number>>,
}
