//! The way of a batch: due to acknowledged, to seen live, to known as committed, side by side for
//! every arm with a store. Medians of the rounds; for whole distributions see the pages.

use tailrace_measure::record::{Row, Spread};

use super::axis::{Axis, ms_label};
use super::picture::{self, Align, Ink, Picture};
use super::{Draft, head, lanes, style};
use crate::RunData;

const LEFT: f64 = 300.0;
const RIGHT: f64 = style::WIDTH - style::MARGIN - 8.0;
/// Height of one lane, and the space between two arms.
const LANE: f64 = 17.0;
const GAP: f64 = 14.0;

const CAPTION: &str = "What to look for: how far behind its acknowledgement a batch is safe. Ack: \
    the sender has its answer; live: a subscriber has the batch; durable: a subscriber was told \
    that the store has it, so the notification is included, or the ack itself where an arm commits \
    before it answers. Left mark p50, right mark p99, both \
    from when the batch was due, log scale.";

/// None where no arm has a store and a subscriber.
pub(super) fn draw(run: &RunData) -> Option<Draft> {
    let rows: Vec<&Row> = run.summary.rows.iter().filter(|row| row.durable.is_some()).collect();
    if rows.is_empty() {
        return None;
    }
    let mut picture = Picture::new();
    let title = "Acknowledged, seen, committed".to_owned();
    let top = head(&mut picture, &title, CAPTION) + 10.0;
    let values = rows.iter().flat_map(|row| stages(row)).flat_map(|(_, p50, p99)| {
        [p50, p99].into_iter().flatten().filter_map(|spread| spread.median_ns)
    });
    let axis = Axis::log_ms(values, LEFT, RIGHT);
    let bottom = top + rows.len() as f64 * (3.0 * LANE + GAP);
    axis.draw_below(&mut picture, top, bottom, ms_label);
    let mut y = top;
    for row in rows {
        arm(&mut picture, row, y, &axis);
        y += 3.0 * LANE + GAP;
    }
    picture.height = bottom + 34.0;
    Some(Draft { name: "way".into(), title, caption: CAPTION.to_owned(), picture })
}

/// Name and lanes of one arm under one load, from `y` down.
fn arm(picture: &mut Picture, row: &Row, mut y: f64, axis: &Axis) {
    for (index, (name, p50, p99)) in stages(row).into_iter().enumerate() {
        y += LANE;
        if index == 0 {
            let ink = Ink::new(style::TEXT, style::INK).bold();
            let text = format!("{}, {}", row.arm, row.load);
            let text = picture::fit(&text, LEFT - style::MARGIN - 70.0, ink);
            picture.text((style::MARGIN, y), text, ink);
        }
        let ink = Ink::new(style::SMALL, style::MUTED).align(Align::Right);
        picture.text((LEFT - 10.0, y), name, ink);
        lane(picture, (index, y), [p50, p99], axis);
    }
}

type Stage<'a> = (&'static str, Option<&'a Spread>, Option<&'a Spread>);

fn stages(row: &Row) -> [Stage<'_>; 3] {
    let durable = row.durable.as_ref();
    [
        ("ack", Some(&row.p50), Some(&row.p99)),
        ("live", row.live_p50.as_ref(), row.live_p99.as_ref()),
        ("durable", durable.map(|one| &one.p50), durable.map(|one| &one.p99)),
    ]
}

fn lane(
    picture: &mut Picture,
    (index, y): (usize, f64),
    spreads: [Option<&Spread>; 2],
    axis: &Axis,
) {
    let places = spreads.map(|spread| spread?.median_ns.map(|ns| axis.at_ns(ns)));
    if let [Some(from), Some(to)] = places {
        picture.line((from, y), (to, y), style::tint(style::series(index), 0.5), 1.5);
    }
    for (place, hollow) in places.into_iter().zip([true, false]) {
        if let Some(x) = place {
            lanes::mark(picture, (x, y), index, 5.0, hollow);
        }
    }
}
