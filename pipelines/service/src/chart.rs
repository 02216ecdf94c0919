//! `GET /assets/chart.js`: Chart.js, which is not part of the program, from a file that npm
//! put on this machine. Without it the page draws plain lines and says how to get it.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use tailrace_contract::{Problem, ProblemKind};
use tokio::io::AsyncReadExt;
use tokio::sync::OnceCell;

use crate::observer::Shared;
use crate::page;
use crate::refusal::Refusal;

/// Bytes of the file at most: Chart.js has about 200 kB, and whatever is larger is not it.
const CHART_BYTES_MAX: u64 = 4 << 20;

/// Chart.js, read when first asked for: the measured path never waits for it.
#[derive(Debug, Default)]
pub(crate) struct ChartFile {
    places: Vec<PathBuf>,
    text: OnceCell<Bytes>,
}

impl ChartFile {
    /// The first of these files that can be read.
    pub(crate) fn new(places: Vec<PathBuf>) -> Self {
        Self { places, text: OnceCell::new() }
    }

    /// The file's bytes. A failure is not kept: the file may be installed meanwhile.
    async fn text(&self) -> Result<Bytes, Refusal> {
        self.text.get_or_try_init(|| self.read()).await.cloned()
    }

    async fn read(&self) -> Result<Bytes, Refusal> {
        let mut seen = Vec::new();
        for place in &self.places {
            match read(place).await {
                Ok(text) => return Ok(text),
                Err(fault) => seen.push(format!("{}: {fault}", place.display())),
            }
        }
        let detail = format!(
            "Chart.js was not found ({}); the page draws plain lines without it. To get it: \
             cd dashboard && npm ci, or name the file with --chart-js",
            if seen.is_empty() { "no place is known".into() } else { seen.join("; ") }
        );
        Err(Refusal(Problem::new(ProblemKind::NotFound, detail)))
    }
}

async fn read(place: &PathBuf) -> std::io::Result<Bytes> {
    let file = tokio::fs::File::open(place).await?;
    let mut text = Vec::new();
    file.take(CHART_BYTES_MAX + 1).read_to_end(&mut text).await?;
    if text.len() as u64 > CHART_BYTES_MAX {
        return Err(std::io::Error::other(format!("more than {CHART_BYTES_MAX} bytes")));
    }
    Ok(text.into())
}

pub(crate) async fn chart(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    Ok(page::answer(&headers, page::SCRIPT, shared.chart.text().await?))
}
