//! The shapes of traffic as a file and the command line write them.

use std::error::Error;
use std::path::Path;

use tailrace_measure::record::{Arrivals, Step};
use tailrace_measure::schedule::survey;

use super::limits;
use super::words::Word;

/// When batches are due: `constant`, `poisson`, `burst:100`, `ramp:100-1000`,
/// `steps:100,500,1000`, `on-off:200ms/800ms` or `replay:FILE`. The file is read through.
///
/// # Errors
/// Anything else, and a file that is no schedule; the message says what there is.
pub fn parse_arrivals(text: &str) -> Result<Arrivals, String> {
    Arrivals::read(text)
        .map_err(|why| why.unwrap_or_else(|| format!("{text:?} is not {}", Arrivals::expected())))
}

impl Word for Arrivals {
    fn expected() -> String {
        let ((least, most), (_, rate_max)) = (limits::STEPS, limits::RATE_PER_S);
        format!(
            "\"constant\", \"poisson\", \"burst:N\" (N batches at one instant, 2 to {}), \
             \"ramp:A-B\" (rates from 0 to {rate_max}), \"steps:A,B,…\" ({least} to {most} rates, \
             equally long, or each with its time: \"steps:100x4s,900x1s\"), \
             \"on-off:200ms/800ms\" (time with batches, time without), or \"replay:FILE\" (CSV with \
             a column due_ns or due_s)",
            limits::BURST_MAX
        )
    }

    fn text(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    fn read(text: &str) -> Result<Self, Option<String>> {
        if let Some(file) = text.strip_prefix("replay:") {
            let replay = survey(Path::new(file));
            return replay.map(Self::Replay).map_err(|fault| Some(in_full(&fault)));
        }
        shape(text).ok_or(None)
    }
}

fn shape(text: &str) -> Option<Arrivals> {
    let (kind, figures) = text.split_once(':').unwrap_or((text, ""));
    match (kind, figures) {
        ("constant", "") => Some(Arrivals::Constant),
        ("poisson", "") => Some(Arrivals::Poisson),
        ("burst", figures) => {
            let batches: u32 = figures.parse().ok()?;
            (2..=limits::BURST_MAX).contains(&batches).then_some(Arrivals::Burst { batches })
        }
        ("ramp", figures) => {
            let (from, to) = figures.split_once('-')?;
            let (from, to) = (rate(from)?, rate(to)?);
            (from + to > 0.0).then_some(Arrivals::Ramp { from, to })
        }
        ("steps", figures) => steps(figures),
        ("on-off", figures) => {
            let (on, off) = figures.split_once('/')?;
            Some(Arrivals::OnOff { on_ms: length_ms(on)?, off_ms: length_ms(off)? })
        }
        _ => None,
    }
}

fn steps(figures: &str) -> Option<Arrivals> {
    let steps: Vec<Step> = figures.split(',').map(step).collect::<Option<_>>()?;
    let lengths = steps.iter().filter(|step| step.for_ms.is_some()).count();
    let (least, most) = limits::STEPS;
    let fits = (least..=most).contains(&steps.len())
        && (lengths == 0 || lengths == steps.len())
        && steps.iter().any(|step| step.rate > 0.0);
    fits.then_some(Arrivals::Steps { steps })
}

fn step(text: &str) -> Option<Step> {
    match text.split_once('x') {
        Some((figure, length)) => {
            Some(Step { rate: rate(figure)?, for_ms: Some(length_ms(length)?) })
        }
        None => Some(Step { rate: rate(text)?, for_ms: None }),
    }
}

fn rate(text: &str) -> Option<f64> {
    let rate: f64 = text.trim().parse().ok()?;
    (0.0..=limits::RATE_PER_S.1).contains(&rate).then_some(rate)
}

fn length_ms(text: &str) -> Option<u64> {
    let length = tailrace_producers::parse_duration(text.trim()).ok()?;
    let ms = u64::try_from(length.as_millis()).ok()?;
    let (least, most) = limits::STEP_MS;
    (least..=most).contains(&ms).then_some(ms)
}

/// A fault with its causes, in one line.
fn in_full(fault: &dyn Error) -> String {
    let mut told = fault.to_string();
    let mut cause = fault.source();
    while let Some(why) = cause {
        told = format!("{told}: {why}");
        cause = why.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_as_they_are_written() {
        let check = |text: &str, expect: Arrivals| assert_eq!(parse_arrivals(text), Ok(expect));
        let step = |rate, for_ms| Step { rate, for_ms };
        check("constant", Arrivals::Constant);
        check("burst:2", Arrivals::Burst { batches: 2 });
        check("ramp:0-1000.5", Arrivals::Ramp { from: 0.0, to: 1_000.5 });
        let steps = vec![step(1.0, None), step(3.0, None)];
        check("steps:1,3", Arrivals::Steps { steps });
        let steps = vec![step(100.0, Some(4_000)), step(0.0, Some(500))];
        check("steps:100x4s, 0x500ms", Arrivals::Steps { steps });
        check("on-off:200ms/1s", Arrivals::OnOff { on_ms: 200, off_ms: 1_000 });
    }

    #[test]
    fn what_is_no_shape_is_answered_with_all_of_them() {
        for text in [
            "",
            "constant:1",
            "burst:1",
            "burst",
            "ramp:0-0",
            "ramp:5",
            "ramp:-1-5",
            "ramp:1-NaN",
            "ramp:1-inf",
            "steps:5",
            "steps:0,0",
            "steps:1x2s,3",
            "steps:1,,2",
            "on-off:1s",
            "on-off:0s/1s",
            "on-off:1s/0s",
            "on-off:2h/1s",
            "replay",
        ] {
            let told = parse_arrivals(text).unwrap_err();
            assert!(told.contains("on-off:200ms/800ms"), "{text}: {told}");
        }
        let told = parse_arrivals("replay:no/such.csv").unwrap_err();
        assert!(told.contains("no/such.csv cannot be read: No such file"), "{told}");
    }
}
