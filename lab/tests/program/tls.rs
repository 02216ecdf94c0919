//! Pipelines over TLS: curl, which shares no line with this project, producers over every scheme,
//! a race, and what is said when a certificate, a key or a flag is not what it should be. How
//! connections begin and end is tested in the transports' own crates.

use std::path::Path;

use serde_json::Value;
use tailrace_measure::record::AuditSeal;
use tempfile::TempDir;

use crate::foreign_clients::curl;
use crate::stage::records::race;
use crate::stage::{Server, check_code, run, tailrace, told};

/// A server with a certificate of its own, and the file for clients to trust.
struct Secured {
    server: Server,
    folder: TempDir,
}

impl Secured {
    fn start(pipeline: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = path(&folder, "cert.pem");
        let server = Server::start(pipeline, &["--tls-self-signed", "--tls-cert-out", &out]);
        Self { server, folder }
    }

    fn cert(&self) -> String {
        path(&self.folder, "cert.pem")
    }

    /// Asks the observer, which is behind TLS as well.
    fn ask(&self, target: &str) -> Value {
        let url = format!("https://{}{target}", self.server.observer);
        let output = run(curl().args(["--fail", "--cacert", &self.cert(), &url]));
        assert!(output.status.success(), "{}", told(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// Posts a metric with curl; the protocol that was spoken, the status, and what curl said.
fn curl_post(url: &str, more: &[&str]) -> (String, String) {
    let mut command = curl();
    command.args(["--data", r#"{"name":"cpu","value":1}"#, "--output", "/dev/null"]);
    command.args(["--write-out", "%{http_version} %{http_code}"]).args(more).arg(url);
    let output = run(&mut command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn curl_posts_over_tls_and_only_to_whom_it_trusts() {
    for (pipeline, version) in [("http1-memory", "1.1"), ("http2-memory", "2")] {
        let secured = Secured::start(pipeline);
        let (cert, port) = (secured.cert(), secured.server.ingest.port());
        let url = format!("https://{}/v1/ingest", secured.server.ingest);
        let by_name = format!("https://localhost:{port}/v1/ingest");
        for url in [&url, &by_name] {
            let told = curl_post(url, &["--cacert", &cert]);
            assert_eq!(told.0, format!("{version} 202"), "{pipeline}: {}", told.1);
        }
        let mistrusted = curl_post(&url, &[]);
        assert!(mistrusted.1.contains("certificate"), "{pipeline}: {mistrusted:?}");
        let clear = curl_post(&url.replace("https", "http"), &[]);
        assert_eq!(clear.0, "1.1 400", "{pipeline}: {}", clear.1);
        let counted = secured.ask("/v1/aggregates")["names"][0]["count"].clone();
        assert_eq!(counted, 2, "{pipeline}");
    }
}

/// Everything that a short fleet owes is acknowledged.
fn check_produced(url: &str, more: &[&str]) {
    let mut command = tailrace(["produce", url, "--hosts", "20", "--every", "100ms", "--for"]);
    command.args(["500ms", "--json"]).args(more);
    let output = run(&mut command);
    assert!(output.status.success(), "{url}: {}", told(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["due"], &report["acked"]), (&100.into(), &100.into()), "{report}");
    assert_eq!(report["broken_connections"], 0, "{report}");
}

#[test]
fn producers_send_over_every_secured_scheme() {
    let kinds = [("https", "http1-memory"), ("wss", "ws-memory"), ("h2", "http2-memory")];
    for (scheme, pipeline) in kinds {
        let secured = Secured::start(pipeline);
        let url = format!("{scheme}://{}", secured.server.ingest);
        check_produced(&url, &["--cacert", &secured.cert()]);
        check_produced(&url, &["--insecure"]);
        // Neither the system's authorities nor another certificate vouch for it.
        let (_, told) = check_code(&["produce", &url], 1);
        assert!(told.contains("--cacert"), "{told}");
        let other = Secured::start(pipeline);
        let (_, told) = check_code(&["produce", &url, "--cacert", &other.cert()], 1);
        assert!(told.contains("certificate"), "{told}");
        let health = format!("https://{}", secured.server.observer);
        check_code(&["health", &health, "--cacert", &secured.cert()], 0);
    }
    let clear = Server::start("http2-memory", &[]);
    check_produced(&format!("h2c://{}", clear.ingest), &[]);
    let (_, told) = check_code(&["produce", &format!("h2c://{}", clear.ingest), "--insecure"], 2);
    assert!(told.contains("clear text"), "{told}");
}

#[test]
fn a_server_drains_over_tls_when_its_parent_ends_it() {
    let secured = Secured::start("http1-memory");
    let url = format!("https://{}/v1/ingest", secured.server.ingest);
    assert_eq!(curl_post(&url, &["--cacert", &secured.cert()]).0, "1.1 202");
    assert!(secured.server.end().success());
}

#[test]
fn a_race_over_tls_is_audited_and_its_floor_stays_clear() {
    let pipelines = ["http1-memory", "ws-memory", "http2-memory"];
    let short = ["--tls", "--rounds", "1", "--rate", "200", "--high-rate", "300"];
    let raced = race(&[&pipelines[..], &short, &["--window", "200ms"]].concat());
    raced.check_code();
    let arms = raced.manifest().experiment.arms;
    assert!(arms[0].floor && !arms[0].tls, "{:?}", arms[0]);
    for arm in &arms[1..] {
        assert!(arm.tls, "{}", arm.slug);
        assert_eq!(arm.slug, format!("{}-tls", arm.pipeline));
        for load in ["low", "low-live"] {
            let trial = raced.trial(&arm.slug, load);
            assert!(trial.ledger.outcomes.acked > 0, "{} {load}", arm.slug);
            assert_eq!(trial.seals.audit, AuditSeal::Kept, "{} {load}", arm.slug);
        }
        let live = raced.trial(&arm.slug, "low-live").ledger;
        assert!(live.live_seen > 0, "the feed of {}", arm.slug);
    }
}

/// A certificate and a key by files: what another tool made is served, and what is wrong with
/// them is told by file and by what was seen in it.
#[test]
fn files_are_served_or_told_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(&mut tailrace(["keygen", folder.path().to_str().unwrap()]));
    assert!(made.status.success(), "{}", told(&made));
    let (cert, key) = (path(&folder, "cert.pem"), path(&folder, "key.pem"));
    let server = Server::start("http1-memory", &["--tls-cert", &cert, "--tls-key", &key]);
    let url = format!("https://{}/v1/ingest", server.ingest);
    assert_eq!(curl_post(&url, &["--cacert", &cert]).0, "1.1 202");

    let check = |flags: &[&str], expect: &str| {
        let (_, told) = check_code(&[&["serve", "http1-memory", "--open"], flags].concat(), 2);
        assert!(told.contains(expect), "{expect:?} is not in {told}");
    };
    let pair = |cert: &Path, key: &Path| {
        ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()]
            .map(str::to_owned)
    };
    let check_pair = |cert: &str, key: &str, expect: &str| {
        let flags = pair(Path::new(cert), Path::new(key));
        check(&flags.each_ref().map(String::as_str), expect);
    };
    check_pair("/nowhere/cert.pem", &key, "/nowhere/cert.pem cannot be read");
    check_pair(&key, &key, "holds no certificate");
    check_pair(&cert, &cert, "holds no private key");
    let other = Secured::start("http1-memory");
    check_pair(&other.cert(), &key, "do not go together");
    check(&["--tls-cert", &cert], "--tls-key");
    check(&["--tls-self-signed", "--tls-cert", &cert, "--tls-key", &key], "cannot be used");
    let (_, told) = check_code(&["serve", "floor", "--open", "--tls-self-signed"], 2);
    assert!(told.contains("clear text only"), "{told}");
}
