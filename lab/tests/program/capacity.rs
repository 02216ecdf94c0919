//! `tailrace capacity URL` on servers that share no line with this project: requests are those that
//! were described, every trial is on disk, and what an endpoint refuses is an answer. Which rate it
//! is, is not tested: that is the machine's.

use std::io::{BufReader, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tailrace_measure::record::{Capacity, CapacityAnswer, CapacityVerdict, Trial};

use crate::load::{by_hand, nginx, request};
use crate::stage::records::{only_run, read};
use crate::stage::{check_code, run, tailrace, told};

/// One rate, short windows: how the search goes is tested on made-up systems.
const ONE_RUNG: [&str; 6] = ["--from", "200", "--most", "300", "--window", "300ms"];

/// Searches an endpoint; what was found, and the folder that holds it.
fn search(url: &str, more: &[&str]) -> (Capacity, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tailrace(["capacity", url, "--json", "--slo", "ack p50 < 4s"]);
    command.args(ONE_RUNG).args(more).arg("--results").arg(folder.path());
    let output = run(&mut command);
    // What a busy machine could not decide is an answer too.
    assert!(matches!(output.status.code(), Some(0 | 1 | 4)), "{}", told(&output));
    let capacity: Capacity = read(&only_run(folder.path()).unwrap().join("capacity.json"));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, serde_json::to_value(&capacity).unwrap());
    assert_eq!(capacity.arm, url);
    (capacity, folder)
}

fn first_trial(folder: &tempfile::TempDir) -> Trial {
    read(&only_run(folder.path()).unwrap().join("trials/endpoint/r200/1/trial.json"))
}

#[test]
fn an_endpoint_gets_the_requests_that_were_described() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let address = by_hand(move |_, stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while let Some((head, body)) = request(&mut reader) {
            let body = String::from_utf8(body).unwrap();
            // The request that asks whether it is there is number 0.
            let even = body.trim_start_matches("n=").parse::<u64>().unwrap().is_multiple_of(2);
            told.lock().unwrap().push(head);
            let status = if even { 202 } else { 503 };
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
            out.write_all(answer.as_bytes()).unwrap();
        }
    });
    let url = format!("http://{address}/a/{{{{seq}}}}");
    let described = ["--body", "n={{seq}}", "--header", "X-Key: abc", "--connections", "4"];
    let all = ["--expect-status", "202,503", "--threads", "2"];
    let (capacity, folder) = search(&url, &[&described[..], &all].concat());
    let trials = &capacity.rungs[0].trials;
    assert!(trials.len() >= 2 && trials.iter().all(|trial| trial.answered > 0.9), "{trials:?}");
    let trial = first_trial(&folder);
    assert!(trial.outcomes.balances() && trial.outcomes.refused.is_empty(), "{trial:?}");
    assert!(trial.ledger.not_audited.is_some() && trial.cost.server_cpu_us_per_metric.is_none());
    let heads = std::mem::take(&mut *seen.lock().unwrap());
    let fits = |head: &String| head.starts_with("POST /a/") && head.contains("x-key: abc\r\n");
    assert!(heads.len() > 60 && heads.iter().all(fits), "{heads:?}");

    // Half of them refused: no rate is low enough.
    let (capacity, folder) = search(&url, &described);
    assert_ne!(capacity.answer, CapacityAnswer::AboveHighest, "{}", capacity.sentence);
    let trials = capacity.rungs.iter().flat_map(|rung| &rung.trials);
    let passed = trials.filter(|trial| trial.verdict == CapacityVerdict::Passed);
    assert_eq!(passed.count(), 0, "{capacity:?}");
    assert!(first_trial(&folder).outcomes.refused[&503] > 10);
}

#[test]
fn tls_and_http2_are_those_of_load() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let parameters = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
    let pair = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&cert, parameters.self_signed(&pair).unwrap().pem()).unwrap();
    std::fs::write(&key, pair.serialize_pem()).unwrap();
    let (cert, key) = (cert.display(), key.display());
    let listen = format!("ssl http2; ssl_certificate {cert}; ssl_certificate_key {key};");
    let (_nginx, port, _folder) = nginx(&listen, "return 200 ok;");
    let url = format!("https://localhost:{port}/");
    let (capacity, results) = search(&url, &["--http2", "--insecure"]);
    assert!(capacity.rungs[0].trials.iter().all(|trial| trial.answered > 0.9), "{capacity:?}");
    assert!(first_trial(&results).outcomes.acked > 20);
    let why = |more: &[&str]| {
        let place = folder.path().display().to_string();
        let slo = ["--slo", "ack p50 < 4s", "--results", &place];
        check_code(&[&["capacity", &url][..], &ONE_RUNG, &slo, more].concat(), 1).1
    };
    // It is asked once before anything is searched.
    let nobody_believes = why(&["--http2"]);
    assert!(nobody_believes.contains("certificate"), "{nobody_believes}");
    let other = why(&["--http2", "--insecure", "--expect-status", "201"]);
    assert!(other.contains("status 200") && other.contains("--expect-status"), "{other}");
    let lacks = why(&["--http2", "--insecure", "--expect-body", "done"]);
    assert!(lacks.contains("status 200, and without \"done\" in its body"), "{lacks}");
}
