//! The files that `render` leaves behind, of a believable run and of a hostile one.

mod fixture;

use std::fs;
use std::path::Path;

use tailrace_render::{RunData, render};

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// Opening and closing tags match, and no attribute is left open.
fn check_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split([' ', '\n']).next().unwrap());
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?} never closed");
}

/// Width and height from the header.
fn png_size(bytes: &[u8]) -> (u32, u32) {
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let at = |from: usize| u32::from_be_bytes(bytes[from..from + 4].try_into().unwrap());
    (at(16), at(20))
}

#[test]
fn every_file_is_there_and_says_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::run();
    let rendered = render(&run, folder.path()).unwrap();
    for report in [text(&rendered.html), text(&rendered.markdown)] {
        for arm in &run.manifest.experiment.arms {
            assert!(report.contains(&arm.slug), "{}", arm.slug);
        }
        for word in ["NaN", "BROKEN: ws-memory under high", "64 batches missing", "2 of 3 trials"] {
            assert_eq!(report.contains(word), word != "NaN", "{word}");
        }
        assert!(report.contains(&run.summary.sentences[0].replace('_', "\\_")));
        assert!(report.contains("http1-nats"), "arms that were left out are named");
    }
    for path in &rendered.plots {
        if path.extension().unwrap() == "svg" {
            let svg = text(path);
            check_well_formed(&svg);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", path.display());
        } else {
            let (width, height) = png_size(&fs::read(path).unwrap());
            assert!(width == 1600 && height > 600, "{}: {width} × {height}", path.display());
        }
    }
    let left: Vec<_> = fs::read_dir(folder.path().join("plots")).unwrap().collect();
    assert_eq!(left.len(), rendered.plots.len(), "no temporary file stays");
}

#[test]
fn eventful_trials_have_a_picture_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    render(&fixture::run(), folder.path()).unwrap();
    let stalled = text(&folder.path().join("plots/timeline-http1-redis-high-3.svg"));
    assert!(stalled.contains("redis stopped") && stalled.contains("redis continued"));
    let broken = text(&folder.path().join("plots/timeline-ws-memory-high-1.svg"));
    assert!(broken.contains("Ended early: the server ended"));
    let spectrum = text(&folder.path().join("plots/spectrum-high.svg"));
    assert!(spectrum.contains("&gt; timeout (2 s)"));
    let spectrum = text(&folder.path().join("plots/spectrum-low.svg"));
    assert!(!spectrum.contains("timeout"), "all were answered");
}

#[test]
fn records_are_text_and_never_markup() {
    const HOSTILE: &str = "<img src=x onerror=\"alert(1)\">";
    let folder = tempfile::tempdir().unwrap();
    let mut run = fixture::run();
    for arm in run.manifest.experiment.arms.iter_mut().filter(|arm| arm.slug == "ws-memory") {
        arm.slug = HOSTILE.into();
    }
    for row in run.summary.rows.iter_mut().filter(|row| row.arm == "ws-memory") {
        row.arm = HOSTILE.into();
    }
    for data in run.trials.iter_mut().filter(|data| data.trial.arm == "ws-memory") {
        data.trial.arm = HOSTILE.into();
        data.trial.ended_early = Some(HOSTILE.into());
    }
    run.summary.sentences.push(format!("{HOSTILE} was | fast"));
    run.manifest.experiment.left_out.push("</script><script>alert(1)</script>".into());
    let rendered = render(&run, folder.path()).unwrap();
    let html = text(&rendered.html);
    assert!(!html.contains("<img") && !html.contains("<script"));
    assert!(html.contains("&lt;img"));
    let markdown = text(&rendered.markdown);
    assert!(!markdown.contains("<img") && markdown.contains("was \\| fast"));
    for path in rendered.plots.iter().filter(|path| path.extension().unwrap() == "svg") {
        check_well_formed(&text(path));
        assert!(!text(path).contains("<img"));
    }
}

#[test]
fn the_report_asks_for_nothing_outside_itself() {
    let folder = tempfile::tempdir().unwrap();
    let html = text(&render(&fixture::run(), folder.path()).unwrap().html);
    // The name space of SVG is a name, nothing that is fetched.
    let html = html.replace("http://www.w3.org/2000/svg", "");
    for request in ["http://", "https://", "src=", "url(", "@import", "<link", "<script"] {
        assert!(!html.contains(request), "{request}");
    }
}

#[test]
fn a_run_without_trials_still_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut run: RunData = fixture::run();
    run.trials.clear();
    run.summary.rows.clear();
    let rendered = render(&run, folder.path()).unwrap();
    assert!(rendered.plots.is_empty());
    assert!(text(&rendered.html).contains("http1-nats"));
}

#[test]
fn a_trial_that_measured_nothing_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = fixture::run();
    for data in &mut run.trials {
        data.ack.clear();
        data.slices.clear();
        data.trial.latencies.ack = tailrace_measure::record::Distribution::default();
    }
    let rendered = render(&run, folder.path()).unwrap();
    for path in rendered.plots.iter().filter(|path| path.extension().unwrap() == "svg") {
        assert!(!text(path).contains("NaN"));
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = render(&fixture::run(), &file).unwrap_err().to_string();
    assert!(error.contains("plots") && error.contains("cannot write"), "{error}");
}

/// `RENDER_TO=/some/folder cargo test -p tailrace-render` leaves the files there to look at.
#[test]
fn renders_where_it_is_told_to() {
    if let Some(folder) = std::env::var_os("RENDER_TO") {
        fs::create_dir_all(&folder).unwrap();
        render(&fixture::run(), Path::new(&folder)).unwrap();
    }
}
