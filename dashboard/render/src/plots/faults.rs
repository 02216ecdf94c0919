//! Faults that were made on purpose, in pictures over time: a line where each was made, a shade
//! while something was away. Their names are written by `trial`.

use tailrace_measure::record::FaultEvent;

use super::axis::Axis;
use super::picture::Picture;
use super::style;

/// Words with which a fault begins, and with which it ends, after the name of what it befell.
const AWAY: [&str; 2] = [" killed", " stopped"];
const BACK: [&str; 2] = [" started again", " continued"];

/// The shade of all stretches in which something was away; what lies on it is drawn later.
pub(super) fn shade(picture: &mut Picture, faults: &[FaultEvent], x: &Axis, top: f64, bottom: f64) {
    for (from, to) in outages(faults) {
        let to = to.map_or(x.to, |to| x.at(to));
        picture.rect((x.at(from), top), (to, bottom), style::tint(style::ALARM, 0.09));
    }
}

/// A line where each fault was made.
pub(super) fn lines(picture: &mut Picture, faults: &[FaultEvent], x: &Axis, top: f64, bottom: f64) {
    for fault in faults {
        let at = x.at(seconds(fault));
        picture.line((at, top), (at, bottom), style::ALARM, 1.0);
    }
}

/// From when until when, in seconds of the window; none: it never came back.
fn outages(faults: &[FaultEvent]) -> Vec<(f64, Option<f64>)> {
    let began = faults.iter().filter_map(|fault| Some((fault, victim(fault, AWAY)?)));
    let outages = began.map(|(fault, who)| {
        let later = faults.iter().filter(|other| other.at_ns > fault.at_ns);
        let back = later.filter(|other| victim(other, BACK) == Some(who)).min_by_key(|f| f.at_ns);
        (seconds(fault), back.map(seconds))
    });
    outages.collect()
}

/// Whom it befell, if it is one of these.
fn victim<'a>(fault: &'a FaultEvent, words: [&str; 2]) -> Option<&'a str> {
    words.into_iter().find_map(|word| fault.what.strip_suffix(word))
}

fn seconds(fault: &FaultEvent) -> f64 {
    fault.at_ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_comes_back_or_stays_away() {
        let fault =
            |at: i64, what: &str| FaultEvent { at_ns: at * 1_000_000_000, what: what.into() };
        let faults = [
            fault(1, "worker killed"),
            fault(2, "redis stopped"),
            fault(3, "redis continued"),
            fault(4, "worker started again"),
            fault(5, "server killed"),
        ];
        let expected = [(1.0, Some(4.0)), (2.0, Some(3.0)), (5.0, None)];
        assert_eq!(outages(&faults), expected);
    }
}
