//! Secrets of a deployment: made once, kept, readable by their owner only, and of use to a
//! server. Redis takes its part in `compose/`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::stage::{Server, check_code, files_below};

fn keygen(folder: &Path, code: i32) -> (String, String) {
    check_code(&["keygen", folder.to_str().unwrap(), "--name", "tailrace.example"], code)
}

/// Text of each file by its name.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let text = |path: &Path| std::fs::read_to_string(folder.join(path)).unwrap();
    let files = files_below(folder).into_iter();
    files.map(|path| (path.display().to_string(), text(&path))).collect()
}

#[test]
fn secrets_are_made_once_and_kept() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (told, _) = keygen(folder.path(), 0);
    assert!(
        told.contains("made cert.pem, key.pem, redis-password, redis.conf, postgres-password"),
        "{told}"
    );
    let made = texts(folder.path());
    assert_eq!(made.len(), 5, "{:?}", made.keys());
    let password = made["redis-password"].trim_end();
    assert!(password.len() >= 32, "{password}");
    assert_eq!(made["redis.conf"], format!("requirepass {password}\n"));
    assert!(made["postgres-password"].len() > 32 && made["postgres-password"] != password);
    for (name, text) in &made {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        let for_others = mode & 0o077;
        let expected = if text.contains("BEGIN CERTIFICATE") { 0o044 } else { 0 };
        assert_eq!(for_others, expected, "{name}: {mode:o}");
        assert!(!told.contains(text.trim_end()), "{name} is shown");
    }

    let (told, _) = keygen(folder.path(), 0);
    assert!(told.contains("kept"), "{told}");
    assert_eq!(texts(folder.path()), made);
    keygen(other.path(), 0);
    assert!(texts(other.path()).iter().all(|(name, text)| *text != made[name]), "secrets repeat");

    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    let (_, error) = keygen(folder.path(), 1);
    assert!(error.contains("belong together"), "{error}");
}

#[test]
fn a_server_shows_the_certificate_and_health_believes_it() {
    let folder = tempfile::tempdir().unwrap();
    keygen(folder.path(), 0);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let server = Server::start("http1-memory", &["--tls-cert", &cert, "--tls-key", &key]);
    let url = format!("https://localhost:{}", server.observer.port());
    let (told, _) = check_code(&["health", "--cacert", &cert, &url], 0);
    assert!(told.starts_with("http1-memory is healthy"), "{told}");
    let (_, error) = check_code(&["health", &url], 1);
    assert!(error.contains("certificate"), "a stranger is believed: {error}");
    check_code(&["health", &url.replace("https", "http")], 1);
}
