//! The live page over real sockets: who gets it, what guards it, what its parts say about
//! themselves, and Chart.js that is there, missing, or installed later.

use crate::support::{Bench, bench, bench_with_chart};
use tailrace_service::Limits;

/// What a browser sends when it opens an address.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn get(bench: &Bench, path: &str, headers: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    bench.ask(&head).await
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn browsers_get_the_page_and_programs_the_list() {
    let bench = bench(Limits::default(), 64).await;
    let check = |accept: &str, answer: &str, page: bool| {
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(answer.contains("<!doctype html>"), page, "{accept}: {answer}");
        assert_eq!(answer.contains("POST /v1/ingest"), !page, "{accept}: {answer}");
        assert_eq!(header(answer, "vary"), Some("accept"), "{answer}");
        let kind = if page { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
        assert_eq!(header(answer, "content-type"), Some(kind), "{answer}");
    };
    check("nothing", &bench.get("/").await, false);
    for (accept, page) in [
        (BROWSER, true),
        ("TEXT/HTML", true),
        ("application/json, text/html;q=0.5", true),
        ("*/*", false),
        ("text/plain", false),
        ("text/html;q=0, text/plain", false),
        ("text/htmlx", false),
    ] {
        let answer = get(&bench, "/", &format!("accept: {accept}\r\n")).await;
        check(accept, &answer, page);
    }
}

#[tokio::test]
async fn the_page_is_guarded_and_has_nothing_inline() {
    let bench = bench(Limits::default(), 64).await;
    let answer = get(&bench, "/", &format!("accept: {BROWSER}\r\n")).await;
    let policy = header(&answer, "content-security-policy").unwrap();
    for part in ["default-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("-inline") && !policy.contains("-eval"), "{policy}");
    assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
    assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"));
    assert_eq!(header(&answer, "cache-control"), Some("no-store"));
    for inline in ["<style", " style=", " onclick=", "<script>", "http://", "https://"] {
        assert!(!answer.contains(inline), "the page has {inline}");
    }
}

/// Every address that the page and its scripts name is served; so nothing is left out of the
/// program, and nothing is asked of another host.
#[tokio::test]
async fn every_part_that_is_named_is_served() {
    let bench = bench(Limits::default(), 64).await;
    let page = get(&bench, "/", &format!("accept: {BROWSER}\r\n")).await;
    let mut waiting: Vec<String> = named(&page, "\"assets/");
    let mut seen = Vec::new();
    while let Some(name) = waiting.pop() {
        if name == "chart.js" || seen.contains(&name) {
            continue;
        }
        let answer = bench.get(&format!("/assets/{name}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{name}: {answer}");
        assert!(header(&answer, "content-type").is_some_and(|kind| kind != "text/plain"), "{name}");
        assert_eq!(header(&answer, "cache-control"), Some("no-cache"), "{name}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{name}");
        waiting.extend(imported(&name, &answer));
        seen.push(name);
    }
    assert!(seen.len() > 10, "{seen:?}");
    let nowhere = bench.get("/assets/../Cargo.toml").await;
    assert!(nowhere.starts_with("HTTP/1.1 404 "), "{nowhere}");
    let unknown = bench.get("/assets/other.js").await;
    assert!(unknown.contains("application/problem+json"), "{unknown}");
}

/// What a script imports, as names below `/assets/`.
fn imported(name: &str, text: &str) -> Vec<String> {
    let folder = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let beside = named(text, "from \"./").into_iter().map(|other| format!("{folder}{other}"));
    beside.chain(named(text, "from \"../")).collect()
}

/// What stands behind each occurrence of `mark`, up to the closing quote.
fn named(text: &str, mark: &str) -> Vec<String> {
    let rests = text.split(mark).skip(1);
    rests.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_part_that_the_browser_holds_is_not_sent_again() {
    let bench = bench(Limits::default(), 64).await;
    let first = bench.get("/assets/main.js").await;
    let tag = header(&first, "etag").unwrap();
    for (known, status) in
        [(tag.to_owned(), 304), (format!("\"x\", W/{tag}"), 304), ("\"x\"".into(), 200)]
    {
        let again = get(&bench, "/assets/main.js", &format!("if-none-match: {known}\r\n")).await;
        assert!(again.starts_with(&format!("HTTP/1.1 {status} ")), "{known}: {again}");
        assert_eq!(header(&again, "etag"), Some(tag));
        assert_eq!(again.ends_with("\r\n\r\n"), status == 304, "{known}");
    }
}

#[tokio::test]
async fn chart_js_is_served_once_it_is_installed() {
    let folder = std::env::temp_dir().join(format!("tailrace-page-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (missing, file) = (folder.join("missing.js"), folder.join("chart.umd.min.js"));
    let bench = bench_with_chart(vec![missing, file.clone()]).await;
    let before = bench.get("/assets/chart.js").await;
    assert!(before.starts_with("HTTP/1.1 404 "), "{before}");
    assert!(before.contains("application/problem+json"), "{before}");
    assert!(before.contains("npm ci") && before.contains("missing.js"), "{before}");
    std::fs::write(&file, "window.Chart = 1;").unwrap();
    let after = bench.get("/assets/chart.js").await;
    assert!(after.starts_with("HTTP/1.1 200 "), "{after}");
    assert!(after.ends_with("window.Chart = 1;"), "{after}");
    assert_eq!(header(&after, "content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(header(&after, "cache-control"), Some("no-cache"));
    // From memory by now.
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(bench.get("/assets/chart.js").await, after);
}

#[tokio::test]
async fn a_file_that_is_too_large_for_chart_js_is_refused() {
    let folder = std::env::temp_dir().join(format!("tailrace-large-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("chart.js");
    std::fs::File::create(&file).unwrap().set_len(64 << 20).unwrap();
    let answer = bench_with_chart(vec![file]).await.get("/assets/chart.js").await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("more than"), "{answer}");
}
