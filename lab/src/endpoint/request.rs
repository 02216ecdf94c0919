//! What is sent: method, headers, body and the statuses that count as acknowledgements, checked
//! before the first packet. Filling in places is `loadgen/src/template.rs`. Read next:
//! `target.rs`.

use std::str::FromStr;

use tailrace_loadgen::template::{Asked, Template};

use super::RequestArgs;
use super::target::Target;
use crate::exit::Fault;

/// Bytes of a body: beyond it something else is measured than requests.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// Headers that belong to the transport: what they say follows from the request and from flags.
const OWN_HEADERS: [(&str, &str); 9] = [
    ("content-length", "it follows from the body"),
    ("transfer-encoding", "bodies have a length"),
    ("connection", "see --no-keepalive"),
    ("keep-alive", "see --no-keepalive"),
    ("upgrade", "see ws://"),
    ("expect", "an interim answer is not waited for"),
    ("te", "no trailers are read"),
    ("sec-websocket-key", "every connection has its own"),
    ("sec-websocket-version", "it is 13"),
];

/// Statuses, as first and last of each range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<(u16, u16)>);

impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} names no statuses: write 2xx, 200-299 or 200,202, from 200 to 599")
        };
        let range = |word: &str| -> Option<(u16, u16)> {
            let (first, last) = match (word.strip_suffix("xx"), word.split_once('-')) {
                (Some(hundred), _) => {
                    let hundred: u16 = hundred.parse().ok()?;
                    (hundred.checked_mul(100)?, hundred.checked_mul(100)?.checked_add(99)?)
                }
                (None, Some((first, last))) => (first.parse().ok()?, last.parse().ok()?),
                (None, None) => (word.parse().ok()?, word.parse().ok()?),
            };
            (200 <= first && first <= last && last <= 599).then_some((first, last))
        };
        let ranges = text.split(',').map(|word| range(word.trim()).ok_or_else(wrong));
        ranges.collect::<Result<_, _>>().map(Self)
    }
}

/// Where nobody says which: whoever answers so has taken the request.
const ACKS: [(u16, u16); 1] = [(200, 399)];

fn statuses(arguments: &RequestArgs) -> Vec<(u16, u16)> {
    arguments.expect_status.as_ref().map_or_else(|| ACKS.to_vec(), |given| given.0.clone())
}

/// The request as the arguments describe it.
///
/// # Errors
/// A header, method, body or placeholder that makes no sense.
pub(super) fn asked(arguments: &RequestArgs, target: &Target) -> Result<Asked, Fault> {
    let source = body(arguments, target)?;
    let body = Template::parse(&source).map_err(usage)?;
    let mut headers = headers(arguments)?;
    if target.is_websocket() {
        if let Some((name, _)) = headers.iter().find(|(_, value)| !value.is_constant()) {
            return Err(Fault::Usage(format!(
                "a WebSocket says {name:?} once, in its upgrade; fill in the body"
            )));
        }
        return Ok(Asked {
            method: "GET".into(),
            target: target.path.clone(),
            headers,
            body,
            acks: statuses(arguments),
        });
    }
    let mut add = |name: &str, value: &str| -> Result<(), Fault> {
        if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            headers.push((name.into(), Template::parse(value.as_bytes()).map_err(usage)?));
        }
        Ok(())
    };
    if !source.is_empty() {
        add("content-type", content_type(&body))?;
    }
    add("accept", "*/*")?;
    add("user-agent", concat!("tailrace/", env!("CARGO_PKG_VERSION")))?;
    if arguments.no_keepalive && target.protocol.name == "http1" {
        add("connection", "close")?;
    }
    let default = if source.is_empty() { "GET" } else { "POST" };
    let method = arguments.method.as_deref().unwrap_or(default);
    if !is_token(method) || method == "CONNECT" {
        return Err(Fault::Usage(format!("{method:?} is no method that can be sent here")));
    }
    let acks = statuses(arguments);
    Ok(Asked { method: method.into(), target: target.path.clone(), headers, body, acks })
}

/// What a WebSocket says when nothing else was asked for.
const MESSAGE: &str = "{\"seq\":{{seq}}}";

fn body(arguments: &RequestArgs, target: &Target) -> Result<Vec<u8>, Fault> {
    let Some(file) = &arguments.body_file else {
        let default = if target.is_websocket() { MESSAGE } else { "" };
        return Ok(arguments.body.as_deref().unwrap_or(default).as_bytes().to_vec());
    };
    let unreadable = |why: String| Fault::Usage(format!("{} {why}", file.display()));
    let bytes =
        std::fs::metadata(file).map_err(|why| unreadable(format!("cannot be read: {why}")))?.len();
    if bytes > BODY_BYTES_MAX {
        return Err(unreadable(format!(
            "has {bytes} bytes; a body may have {BODY_BYTES_MAX}, as it is sent with every request"
        )));
    }
    std::fs::read(file).map_err(|why| unreadable(format!("cannot be read: {why}")))
}

/// What the body looks like: JSON when the first request's is, else text, else bytes.
fn content_type(body: &Template) -> &'static str {
    let mut first = Vec::new();
    body.fill(0, 0, &mut first);
    if serde_json::from_slice::<serde::de::IgnoredAny>(&first).is_ok() {
        "application/json"
    } else if std::str::from_utf8(&first).is_ok() {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}

/// The value of a `host` header, which replaces the URL's.
pub(super) fn host(arguments: &RequestArgs) -> Result<Option<String>, Fault> {
    let headers = arguments.headers.iter().map(|header| split(header));
    let found = headers.collect::<Result<Vec<_>, _>>()?;
    let host = found.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    Ok(host.map(|(_, value)| value.to_owned()))
}

fn headers(arguments: &RequestArgs) -> Result<Vec<(String, Template)>, Fault> {
    let mut headers = Vec::new();
    for header in &arguments.headers {
        let (name, value) = split(header)?;
        let own = OWN_HEADERS.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        if let Some((_, why)) = own {
            return Err(Fault::Usage(format!("--header {name:?} is written here already: {why}")));
        }
        if !name.eq_ignore_ascii_case("host") {
            let value = Template::parse(value.as_bytes()).map_err(usage)?;
            headers.push((name.to_ascii_lowercase(), value));
        }
    }
    Ok(headers)
}

fn split(header: &str) -> Result<(&str, &str), Fault> {
    let parts = header.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
    parts
        .filter(|(name, value)| is_token(name) && !value.chars().any(char::is_control))
        .ok_or_else(|| Fault::Usage(format!("--header {header:?} is not 'Name: value'")))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

pub(super) fn usage(error: impl std::fmt::Display) -> Fault {
    Fault::Usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_ranges_and_lists() {
        let check = |text: &str, expect: &[(u16, u16)]| {
            assert_eq!(text.parse::<Statuses>().unwrap().0, expect, "{text}");
        };
        check("2xx", &[(200, 299)]);
        check("200,202", &[(200, 200), (202, 202)]);
        check("200-204, 4xx", &[(200, 204), (400, 499)]);
        for wrong in ["", "1xx", "20", "299-200", "6xx", "abc", "655xx", "200,"] {
            assert!(wrong.parse::<Statuses>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_have_a_name_and_a_value() {
        assert_eq!(split("A-b:  c: d ").unwrap(), ("A-b", "c: d"));
        for wrong in ["", "a", ": b", "a b: c", "a: b\r\nc: d"] {
            assert!(split(wrong).is_err(), "{wrong:?}");
        }
    }
}
