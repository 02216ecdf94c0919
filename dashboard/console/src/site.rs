//! The results site as it lies beside the runs, so that a result opens where it was made; and
//! Chart.js for the console's own chart, from that site or from where it was said to be.

use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::routes::{Shared, missing, typed};

/// Where Chart.js lies in a site.
const CHART: &str = "vendor/chart.umd.min.js";

pub(crate) async fn file(State(shared): State<Arc<Shared>>, Path(path): Path<String>) -> Response {
    let Some(inner) = inner(&path) else { return missing(Path(path)) };
    match tokio::fs::read(shared.results.join("site").join(inner)).await {
        Ok(body) => typed(&path, body),
        Err(_) => missing(Path(path)),
    }
}

/// The first copy that can be read; without one the console shows figures and no curve.
pub(crate) async fn chart(State(shared): State<Arc<Shared>>) -> Response {
    let own = shared.results.join("site").join(CHART);
    for place in std::iter::once(&own).chain(&shared.chart_js) {
        if let Ok(body) = tokio::fs::read(place).await {
            return typed("chart.js", body);
        }
    }
    (StatusCode::NOT_FOUND, "Chart.js is not here; `tailrace site` brings it\n").into_response()
}

/// A path that stays below where it begins.
fn inner(path: &str) -> Option<PathBuf> {
    let inner = FilePath::new(path);
    let plain = inner.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !path.is_empty()).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::inner;

    #[test]
    fn nothing_outside_is_reached() {
        assert!(inner("js/run.js").is_some());
        for path in ["", "../manifest.json", "js/../../x", "/etc/passwd", "."] {
            assert!(inner(path).is_none(), "{path}");
        }
    }
}
