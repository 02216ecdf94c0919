//! `openapi.yaml` against the server: the same routes, and real answers fit their schemas.

use std::sync::atomic::Ordering;

use serde_json::Value;
use tailrace_service::Limits;

use crate::bench::{Bench, Seen, bench, metric, without_store};

async fn file(bench: &Bench) -> Value {
    let seen = bench.get("/openapi.yaml").await;
    assert_eq!(seen.headers["content-type"], "application/yaml");
    serde_saphyr::from_str(&seen.body).expect("YAML")
}

/// Routes as the list for people tells them.
async fn routes(bench: &Bench) -> Vec<(String, String)> {
    let list = bench.get("/").await.body;
    let route = |line: &str| {
        let (method, rest) = line.split_once(' ')?;
        let known = ["GET", "POST", "DELETE"].contains(&method);
        let path = rest.split_whitespace().next()?;
        known.then(|| (method.to_lowercase(), path.to_owned()))
    };
    list.lines().filter_map(route).collect()
}

#[tokio::test]
async fn the_file_names_every_route_and_no_other() {
    let bench = without_store().await;
    let (file, mut served) = (file(&bench).await, routes(&bench).await);
    let mut described: Vec<_> = file["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| (method.clone(), path.clone()))
        })
        .collect();
    described.sort();
    served.sort();
    assert!(served.len() > 20, "{served:?}");
    assert_eq!(described, served);
}

/// Checks an answer against what the file says of its route and status.
fn check(file: &Value, method: &str, path: &str, seen: &Seen) {
    let place = format!("{method} {path} {}", seen.status);
    let response = &file["paths"][path][method]["responses"][seen.status.to_string()];
    let response = resolve(file, response);
    assert!(response.is_object(), "{place} is not described: {seen:?}");
    let kind = seen.headers["content-type"].split(';').next().unwrap();
    let schema = &response["content"][kind]["schema"];
    assert!(schema.is_object(), "{place} has no {kind}");
    if kind.ends_with("json") {
        fits(file, schema, &seen.json(), &place);
    }
}

fn resolve<'a>(file: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(reference) = schema["$ref"].as_str() else { return schema };
    let target = file.pointer(reference.strip_prefix('#').unwrap());
    target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

/// JSON Schema as far as the file uses it; an unknown word fails, so that none is passed over.
fn fits(file: &Value, schema: &Value, value: &Value, place: &str) {
    let at = || format!("{place}: {value} does not fit {schema}");
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "$ref" => fits(file, resolve(file, schema), value, place),
            "type" => assert!(is_one_of(rule, value), "{}", at()),
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{}", at()),
            "const" => assert_eq!(rule, value, "{}", at()),
            "required" => {
                let mut names = rule.as_array().unwrap().iter();
                assert!(names.all(|name| value.get(name.as_str().unwrap()).is_some()), "{}", at());
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        fits(file, schema, value, &format!("{place}/{name}"));
                    }
                }
            }
            "additionalProperties" => others_fit(file, schema, value, place),
            "items" => {
                for (i, value) in value.as_array().into_iter().flatten().enumerate() {
                    fits(file, rule, value, &format!("{place}/{i}"));
                }
            }
            "minItems" => assert!(length(value) >= rule.as_u64().unwrap(), "{}", at()),
            "maxItems" => assert!(length(value) <= rule.as_u64().unwrap(), "{}", at()),
            "minimum" => assert!(number(value) >= rule.as_f64().unwrap(), "{}", at()),
            "maximum" => assert!(number(value) <= rule.as_f64().unwrap(), "{}", at()),
            "pattern" => assert!(matches(rule.as_str().unwrap(), value), "{}", at()),
            "description" => {}
            other => panic!("{place}: the word {other} is unknown to this test"),
        }
    }
}

fn others_fit(file: &Value, schema: &Value, value: &Value, place: &str) {
    let rule = &schema["additionalProperties"];
    for (name, value) in value.as_object().into_iter().flatten() {
        if schema["properties"].get(name).is_none() {
            assert!(rule.is_object(), "{place}: {name} is not described");
            fits(file, rule, value, &format!("{place}/{name}"));
        }
    }
}

fn is_one_of(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("no type {other}"),
    };
    rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is))
}

fn length(value: &Value) -> u64 {
    value.as_array().map_or(0, |items| items.len() as u64)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// The few patterns that answers have.
fn matches(pattern: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap();
    match pattern {
        "^[0-9a-fA-F]{32}$" => text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()),
        "^urn:tailrace:problem:[a-z-]+$" => {
            text.strip_prefix("urn:tailrace:problem:").is_some_and(|name| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            })
        }
        "^[0-9]+-[0-9]+$" => text.split_once('-').is_some_and(|(major, minor)| {
            [major, minor].iter().all(|part| part.parse::<u64>().is_ok())
        }),
        other => panic!("the pattern {other} is unknown to this test"),
    }
}

#[tokio::test]
async fn real_answers_fit_the_file() {
    let bench = bench(Limits::default()).await;
    let file = file(&bench).await;
    let events = |i: u64| metric("event.click", i, 1.0, &[("user", "7")]);
    bench.add((0..5).map(events).collect()).await;
    let get = async |target: &str, path: &str, status: u16| {
        let seen = bench.get(target).await;
        assert_eq!(seen.status, status, "{target}: {seen:?}");
        check(&file, "get", path, &seen);
    };
    for (target, path) in [
        ("/v1/metrics?limit=2", "/v1/metrics"),
        ("/v1/metrics?format=csv", "/v1/metrics"),
        ("/v1/events?type=click", "/v1/events"),
        ("/v1/metrics/aggregate?values=avg,min,max,sum,count,p50,p95,p99", "/v1/metrics/aggregate"),
        ("/v1/metrics/aggregate?bucket=1m&group_by=user", "/v1/metrics/aggregate"),
        ("/v1/summary", "/v1/summary"),
        ("/v1/cache", "/v1/cache"),
        ("/v1/auth/session", "/v1/auth/session"),
        ("/health", "/health"),
        ("/ready", "/ready"),
        ("/metrics", "/metrics"),
        ("/", "/"),
        ("/openapi.yaml", "/openapi.yaml"),
    ] {
        get(target, path, 200).await;
    }
    let run = format!("{:032x}", 0xabc);
    get(&format!("/v1/audit/{run}"), "/v1/audit/{run}", 200).await;
    get(&format!("/v1/audit/{run}?of=store"), "/v1/audit/{run}", 200).await;
    for (target, path, status) in [
        ("/v1/metrics?from=x&limit=0", "/v1/metrics", 400),
        ("/v1/metrics/aggregate?bucket=1", "/v1/metrics/aggregate", 400),
        ("/v1/metrics/recent", "/v1/metrics/recent", 404),
        ("/v1/aggregates", "/v1/aggregates", 404),
        ("/v1/alerts", "/v1/alerts", 404),
        ("/v1/audit/7", "/v1/audit/{run}", 400),
        ("/v1/summary/live?window=x", "/v1/summary/live", 400),
        ("/v1/metrics/live?veiw=x", "/v1/metrics/live", 400),
    ] {
        get(target, path, status).await;
    }
    check(&file, "delete", "/v1/cache", &bench.ask("DELETE", "/v1/cache", "").await);
    let evil = bench.ask("DELETE", "/v1/cache", "origin: http://evil.example\r\n").await;
    check(&file, "delete", "/v1/cache", &evil);
    bench.json("/v1/summary?from=1&to=9").await;
    bench.now_ms.fetch_add(2 * 3_600_000 - 1, Ordering::SeqCst);
    bench.store.broken.store(true, Ordering::SeqCst);
    get("/v1/summary?from=1&to=9", "/v1/summary", 200).await;
    get("/v1/summary?from=1&to=10", "/v1/summary", 503).await;
    get("/health", "/health", 200).await;
}
