//! Where a copy of Chart.js may be. Nothing of others is part of this repository, so the live
//! page gets it from what npm installed for the static site; without it, it draws plain lines.

use std::path::PathBuf;

use crate::exit::Fault;

/// Below the folder that the program was started in: beside a site that was made here, or where
/// `npm ci` puts it.
const PLACES: [&str; 2] = [
    "results/site/vendor/chart.umd.min.js",
    "dashboard/node_modules/chart.js/dist/chart.umd.min.js",
];

/// The file that was named, or the usual places. Those need not exist: who installs Chart.js
/// while a server runs only reloads the page.
///
/// # Errors
/// A named file that is none.
pub fn places(named: Option<&PathBuf>) -> Result<Vec<PathBuf>, Fault> {
    match named {
        None => Ok(PLACES.map(PathBuf::from).to_vec()),
        Some(file) if file.is_file() => Ok(vec![file.clone()]),
        Some(file) => Err(Fault::Usage(format!(
            "--chart-js {}: there is no such file; leave the flag out to look where npm puts it",
            file.display()
        ))),
    }
}
