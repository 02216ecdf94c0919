//! Browsers: a key for a cookie, and what the cookie is good for.

use super::{METRIC, Town, bearer, field, status};

const OWN: &str = "origin: http://x\r\n";

#[tokio::test]
async fn a_login_gives_a_cookie_that_no_script_and_no_other_site_can_use() {
    let town = Town::wide().await;
    let body = format!("{{\"key\":\"{}\"}}", town.acme);
    let answer = town.ask("POST", "/v1/auth/session", OWN, &body).await;
    assert_eq!(status(&answer), 201, "{answer}");
    let cookie = field(&answer, "set-cookie").unwrap();
    for part in ["tailrace_session=", "; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "in clear text a browser would drop it: {cookie}");
    assert!(answer.contains(r#""tenant":"acme""#) && !answer.contains(&town.acme), "{answer}");
    let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
    let who = town.ask("GET", "/v1/auth/session", &cookie, "").await;
    assert!(who.contains(r#""roles":["ingest","read"]"#) && who.contains("expires"), "{who}");
    let send = |more: &str| format!("{cookie}{more}");
    let town = &town;
    let post = |headers: String| async move {
        status(&town.ask("POST", "/v1/ingest", &headers, METRIC).await)
    };
    assert_eq!(post(send(OWN)).await, 202);
    assert_eq!(post(send("sec-fetch-site: same-origin\r\n")).await, 202);
    assert_eq!(post(send("")).await, 403);
    assert_eq!(post(send("origin: http://evil.example\r\n")).await, 403);
    assert_eq!(post(send("origin: null\r\n")).await, 403);
}

#[tokio::test]
async fn a_websocket_needs_the_page_s_own_origin() {
    let town = Town::wide().await;
    let cookie = town.log_in(&town.acme).await;
    let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let ask = |headers: String| {
        let request = format!("GET /v1/metrics/live HTTP/1.1\r\nhost: x\r\n{headers}{upgrade}\r\n");
        let town = &town;
        async move {
            use tokio::io::AsyncReadExt;
            let mut stream = town.bench.send(&request).await;
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.unwrap();
            String::from_utf8_lossy(&head[9..]).into_owned()
        }
    };
    assert_eq!(ask(format!("{cookie}{OWN}")).await, "101");
    assert_eq!(ask(cookie.clone()).await, "403");
    assert_eq!(ask(format!("{cookie}origin: http://evil.example\r\n")).await, "403");
    assert_eq!(ask(String::new()).await, "401");
    assert_eq!(ask(bearer(&town.beta)).await, "101");
}

#[tokio::test]
async fn a_session_ends_with_the_logout_and_with_its_key() {
    let mut town = Town::wide().await;
    let (first, second) = (town.log_in(&town.acme).await, town.log_in(&town.acme).await);
    let other = town.log_in(&town.beta).await;
    let who = |cookie: String| {
        let town = &town;
        async move { status(&town.ask("GET", "/v1/auth/session", &cookie, "").await) }
    };
    assert_eq!(status(&town.ask("DELETE", "/v1/auth/session", &first, "").await), 403);
    let out = town.ask("DELETE", "/v1/auth/session", &format!("{first}{OWN}"), "").await;
    assert_eq!(status(&out), 204, "{out}");
    assert!(field(&out, "set-cookie").unwrap().contains("Max-Age=0"), "{out}");
    assert_eq!((who(first).await, who(second.clone()).await), (401, 200));
    town.revoke("acme-key");
    let who = |cookie: String| {
        let town = &town;
        async move { status(&town.ask("GET", "/v1/auth/session", &cookie, "").await) }
    };
    assert_eq!((who(second).await, who(other).await), (401, 200));
}

#[tokio::test]
async fn failed_logins_are_limited_and_lock_nobody_out() {
    let town = Town::wide().await;
    let wrong = r#"{"key":"tr_acme-key_guessed"}"#;
    let mut seen = Vec::new();
    for _ in 0..30 {
        let answer = town.ask("POST", "/v1/auth/session", "", wrong).await;
        seen.push(status(&answer));
        if status(&answer) == 429 {
            assert!(field(&answer, "retry-after").is_some(), "{answer}");
        }
    }
    assert!(seen.starts_with(&[401; 10]) && seen.ends_with(&[429; 3]), "{seen:?}");
    town.log_in(&town.acme).await;
    let foreign = "origin: http://evil.example\r\n";
    let body = format!("{{\"key\":\"{}\"}}", town.acme);
    let answer = town.ask("POST", "/v1/auth/session", foreign, &body).await;
    assert_eq!(status(&answer), 403, "a page of another site must log nobody in: {answer}");
    for body in ["", "{}", "[]", r#"{"key":7}"#, r#"{"key":"a","more":1}"#] {
        assert_eq!(status(&town.ask("POST", "/v1/auth/session", "", body).await), 400, "{body}");
    }
}
