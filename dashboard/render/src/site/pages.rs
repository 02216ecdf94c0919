//! The pages, as they stand in `dashboard/`, embedded when the crate is built; and what npm needs
//! to bring the locked Chart.js.

/// `dashboard/package.json`.
pub const PACKAGE: &str = include_str!("../../../package.json");
/// `dashboard/package-lock.json`.
pub const LOCK: &str = include_str!("../../../package-lock.json");

/// Every file of the site that is the same for all results: its path, and its text.
pub(super) const PAGES: &[(&str, &str)] = &[
    ("index.html", include_str!("../../../index.html")),
    ("run.html", include_str!("../../../run.html")),
    ("compare.html", include_str!("../../../compare.html")),
    ("css/theme.css", include_str!("../../../css/theme.css")),
    ("css/pages.css", include_str!("../../../css/pages.css")),
    ("js/theme.js", include_str!("../../../js/theme.js")),
    ("js/dom.js", include_str!("../../../js/dom.js")),
    ("js/format.js", include_str!("../../../js/format.js")),
    ("js/load.js", include_str!("../../../js/load.js")),
    ("js/overview-run.js", include_str!("../../../js/overview-run.js")),
    ("js/index-page.js", include_str!("../../../js/index-page.js")),
    ("js/compare-page.js", include_str!("../../../js/compare-page.js")),
    ("js/histogram.js", include_str!("../../../js/histogram.js")),
    ("js/run.js", include_str!("../../../js/run.js")),
    ("js/controls.js", include_str!("../../../js/controls.js")),
    ("js/links.js", include_str!("../../../js/links.js")),
    ("js/print.js", include_str!("../../../js/print.js")),
    ("js/tables.js", include_str!("../../../js/tables.js")),
    ("js/zoom.js", include_str!("../../../js/zoom.js")),
    ("js/charts.js", include_str!("../../../js/charts.js")),
    ("js/intervals.js", include_str!("../../../js/intervals.js")),
    ("js/lanes.js", include_str!("../../../js/lanes.js")),
    ("js/marks.js", include_str!("../../../js/marks.js")),
    ("js/dots.js", include_str!("../../../js/dots.js")),
    ("js/way.js", include_str!("../../../js/way.js")),
    ("js/bars.js", include_str!("../../../js/bars.js")),
    ("js/cost.js", include_str!("../../../js/cost.js")),
    ("js/exposure.js", include_str!("../../../js/exposure.js")),
    ("js/frame.js", include_str!("../../../js/frame.js")),
    ("js/spectrum.js", include_str!("../../../js/spectrum.js")),
    ("js/events.js", include_str!("../../../js/events.js")),
    ("js/timeline.js", include_str!("../../../js/timeline.js")),
    ("js/knee.js", include_str!("../../../js/knee.js")),
    ("js/doubts.js", include_str!("../../../js/doubts.js")),
    ("js/answer.js", include_str!("../../../js/answer.js")),
    ("js/accounts.js", include_str!("../../../js/accounts.js")),
    ("js/record.js", include_str!("../../../js/record.js")),
    ("js/run-page.js", include_str!("../../../js/run-page.js")),
];
