//! The shape of product events: a front end reports what its visitors did. Each slot holds
//! one visitor's session at a time, which walks from page to page, sometimes buys or signs
//! up, and ends; then the next visitor takes the slot. Nothing older is remembered.

use rand_core::Rng;
use rand_pcg::Pcg32;
use tailrace_contract::{AttributeValue, Metric, SmolStr, limits::BATCH_METRICS_MAX};

use crate::hosts::{Moment, REGIONS};
use crate::series::{between, daily, generator, pick, unit};

/// Names of the four events.
pub const EVENT_METRICS: [&str; 4] =
    ["event.page_view", "event.click", "event.purchase", "event.sign_up"];

const DEVICES: [&str; 5] = ["mobile", "mobile", "mobile", "desktop", "tablet"];
const CURRENCIES: [&str; 4] = ["EUR", "USD", "GBP", "JPY"];
const PAGES: [&str; 6] = ["/", "/search", "/product", "/product", "/cart", "/help"];
/// Sessions that a front end follows at once.
const SLOTS: usize = 8;
/// After a page was viewed, these shares of the visitors click, buy and sign up; the rest
/// views another page or leaves.
const CLICK_SHARE: f64 = 0.45;
const PURCHASE_SHARE: f64 = 0.05;
const SIGN_UP_SHARE: f64 = 0.03;
/// Share of visitors who leave after a page view or a click.
const LEAVE_SHARE: f64 = 0.15;

/// One front end.
#[derive(Debug)]
pub(crate) struct Front {
    rng: Pcg32,
    host: SmolStr,
    hours_ahead: u64,
    region: &'static str,
    events_mean: f64,
    owed: f64,
    sessions: [Session; SLOTS],
}

/// One visitor on one device.
#[derive(Debug, Clone, Copy)]
struct Session {
    user: u32,
    device: &'static str,
    currency: &'static str,
    page: &'static str,
    viewed: bool,
    over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    PageView,
    Click,
    Purchase,
    SignUp,
}

impl Session {
    fn begin(rng: &mut Pcg32) -> Self {
        Self {
            user: rng.next_u32() % 1_000_000,
            device: pick(rng, &DEVICES),
            currency: pick(rng, &CURRENCIES),
            page: "/",
            viewed: false,
            over: false,
        }
    }

    /// What the visitor does next. Every session begins with a page view.
    fn step(&mut self, rng: &mut Pcg32) -> Event {
        let lot = unit(rng);
        let event = if !self.viewed || lot >= CLICK_SHARE + PURCHASE_SHARE + SIGN_UP_SHARE {
            Event::PageView
        } else if lot < CLICK_SHARE {
            Event::Click
        } else if lot < CLICK_SHARE + PURCHASE_SHARE {
            Event::Purchase
        } else {
            Event::SignUp
        };
        if event == Event::PageView {
            self.page = if self.viewed { pick(rng, &PAGES) } else { "/" };
        }
        let leaves = unit(rng) < LEAVE_SHARE;
        self.over = leaves || matches!(event, Event::Purchase | Event::SignUp);
        self.viewed = event == Event::PageView;
        event
    }
}

impl Front {
    /// A front end with `events_mean` events a tick at the day's peak.
    pub(crate) fn new(seed: u64, index: u64, name: &str, events_mean: usize) -> Self {
        let mut rng = generator(seed, index);
        let (region, hours_ahead) = pick(&mut rng, &REGIONS);
        let sessions = std::array::from_fn(|_| Session::begin(&mut rng));
        let events_mean = events_mean as f64;
        Self { rng, host: name.into(), hours_ahead, region, events_mean, owed: 0.0, sessions }
    }

    /// Appends the events of one tick: at least one, since an empty batch is none, and no
    /// more than fit in a batch.
    pub(crate) fn tick(&mut self, moment: Moment, out: &mut Vec<Metric>) {
        let mean = self.events_mean * daily(moment.time_ms, self.hours_ahead) * moment.boost;
        self.owed += mean * between(&mut self.rng, 0.5, 1.5);
        let count = self.owed.clamp(1.0, BATCH_METRICS_MAX as f64).floor();
        // What did not fit is not owed on: a queue of events would not be constant memory.
        self.owed = (self.owed - count).clamp(0.0, 1.0);
        for _ in 0..count as usize {
            out.push(self.event(moment.time_ms));
        }
    }

    fn event(&mut self, time_ms: u64) -> Metric {
        let slot = self.rng.next_u32() as usize % SLOTS;
        let session = &mut self.sessions[slot];
        if session.over {
            *session = Session::begin(&mut self.rng);
        }
        let event = session.step(&mut self.rng);
        let session = *session;
        let value = if event == Event::Purchase { self.amount() } else { 1.0 };
        Metric {
            name: EVENT_METRICS[event as usize].into(),
            value,
            time_ms: Some(time_ms),
            attributes: self.attributes(event, &session),
        }
    }

    /// Many small purchases and few large ones: the square of a uniform, in cents.
    fn amount(&mut self) -> f64 {
        let lot = unit(&mut self.rng);
        (lot * lot * 40_000.0 + 299.0).round() / 100.0
    }

    fn attributes(&self, event: Event, session: &Session) -> Vec<(SmolStr, AttributeValue)> {
        let text = |key: &str, value: &str| (key.into(), AttributeValue::Text(value.into()));
        let mut attributes = vec![
            text("host", &self.host),
            text("region", self.region),
            text("user", &format!("u-{:06}", session.user)),
            text("device", session.device),
            text("page", session.page),
        ];
        if event == Event::Purchase {
            attributes.push(text("currency", session.currency));
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn events(boost: f64, ticks: u64) -> Vec<Metric> {
        let mut front = Front::new(3, 0, "front-1", 6);
        let mut out = Vec::new();
        for tick in 0..ticks {
            let time_ms = crate::fleet::EPOCH_MS + tick * 1_000;
            front.tick(Moment { time_ms, boost }, &mut out);
        }
        out
    }

    fn attribute<'a>(metric: &'a Metric, key: &str) -> Option<&'a str> {
        metric.attributes.iter().find(|(k, _)| &**k == key).and_then(|(_, value)| match value {
            AttributeValue::Text(text) => Some(&**text),
            _ => None,
        })
    }

    #[test]
    fn the_mix_is_that_of_a_shop() {
        let events = events(1.0, 20_000);
        let share = |name: &str| {
            events.iter().filter(|m| &*m.name == name).count() as f64 / events.len() as f64
        };
        assert!((0.55..0.80).contains(&share("event.page_view")), "{}", share("event.page_view"));
        assert!((0.15..0.40).contains(&share("event.click")), "{}", share("event.click"));
        assert!((0.01..0.06).contains(&share("event.purchase")), "{}", share("event.purchase"));
        assert!((0.005..0.04).contains(&share("event.sign_up")), "{}", share("event.sign_up"));
    }

    #[test]
    fn purchases_have_an_amount_and_a_currency_and_others_count_one() {
        for metric in events(1.0, 5_000) {
            let purchase = &*metric.name == "event.purchase";
            assert_eq!(attribute(&metric, "currency").is_some(), purchase);
            let expected = if purchase { 2.99..=402.99 } else { 1.0..=1.0 };
            assert!(expected.contains(&metric.value), "{} {}", metric.name, metric.value);
        }
    }

    #[test]
    fn sessions_begin_with_a_view_and_last_several_events() {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for metric in events(1.0, 5_000) {
            let count = seen.entry(attribute(&metric, "user").unwrap().into()).or_default();
            if *count == 0 {
                assert_eq!(&*metric.name, "event.page_view");
            }
            *count += 1;
        }
        let mean = seen.values().sum::<usize>() as f64 / seen.len() as f64;
        assert!((3.0..8.0).contains(&mean), "{mean}");
    }

    #[test]
    fn a_spike_means_more_events_but_never_too_many() {
        assert!(events(3.0, 2_000).len() > 2 * events(1.0, 2_000).len());
        let mut front = Front::new(3, 0, "front-1", 500);
        for _ in 0..50 {
            let mut out = Vec::new();
            front.tick(Moment { time_ms: crate::fleet::EPOCH_MS, boost: 100.0 }, &mut out);
            assert_eq!(out.len(), BATCH_METRICS_MAX);
        }
    }
}
