//! The console's own page and its parts, embedded. The sources are in `dashboard/console/page/`.

use axum::extract::Path;
use axum::response::Response;

use crate::routes::{missing, typed};

const HTML: &str = include_str!("../page/index.html");

/// Name and text of what the page loads.
const FILES: &[(&str, &str)] = &[
    ("theme.css", include_str!("../../css/theme.css")),
    ("console.css", include_str!("../page/console.css")),
    ("theme.js", include_str!("../../js/theme.js")),
    ("dom.js", include_str!("../../js/dom.js")),
    ("format.js", include_str!("../../js/format.js")),
    ("api.js", include_str!("../page/api.js")),
    ("choose.js", include_str!("../page/choose.js")),
    ("build.js", include_str!("../page/build.js")),
    ("predict.js", include_str!("../page/predict.js")),
    ("watch.js", include_str!("../page/watch.js")),
    ("curve.js", include_str!("../page/curve.js")),
    ("lines.js", include_str!("../page/lines.js")),
    ("demo.js", include_str!("../page/demo.js")),
    ("outcome.js", include_str!("../page/outcome.js")),
    ("console.js", include_str!("../page/console.js")),
];

pub(crate) async fn index() -> Response {
    typed("index.html", HTML.into())
}

pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => typed(name, (*text).into()),
        None => missing(Path(name)),
    }
}
