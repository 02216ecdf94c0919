//! As much of HTTP/1.1 as a load tool sends: a head, and a body whose length the head tells.
//! Chunked bodies are not understood.

use super::{Asked, Order, Session, sequence};

/// The same for every request. Tools that speak HTTP/1.0 with keep-alive want to be told.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}";
const HEAD_END: &[u8] = b"\r\n\r\n";

pub(super) struct Http1;

impl Session for Http1 {
    fn order(&self) -> Order {
        Order::OneByOne
    }

    fn read(
        &mut self,
        input: &[u8],
        _out: &mut Vec<u8>,
        asked: &mut Vec<Asked>,
    ) -> Result<usize, &'static str> {
        let mut taken = 0;
        while let Some((body_at, end)) = request(&input[taken..])? {
            if taken + end > input.len() {
                break;
            }
            let body = &input[taken + body_at..taken + end];
            asked.push(Asked { sequence: sequence(body), stream: 0 });
            taken += end;
        }
        Ok(taken)
    }

    fn answer(&mut self, _asked: Asked, out: &mut Vec<u8>) {
        out.extend_from_slice(ANSWER);
    }
}

/// Where the body of the first request begins and ends; none while its head is not complete.
fn request(input: &[u8]) -> Result<Option<(usize, usize)>, &'static str> {
    let found = input.windows(HEAD_END.len()).position(|window| window == HEAD_END);
    let Some(head) = found else { return Ok(None) };
    let body_at = head + HEAD_END.len();
    let length = content_length(&input[..head])?;
    let end = body_at.checked_add(length).ok_or("a body without bounds")?;
    Ok(Some((body_at, end)))
}

fn content_length(head: &[u8]) -> Result<usize, &'static str> {
    let mut length = 0;
    for line in head.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err("a body in chunks");
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            length = digits.ok_or("a length that is no number")?;
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Result<(usize, Vec<Option<u64>>), &'static str> {
        let mut asked = Vec::new();
        let taken = Http1.read(input, &mut Vec::new(), &mut asked)?;
        Ok((taken, asked.into_iter().map(|asked| asked.sequence).collect()))
    }

    #[test]
    fn requests_are_found_wherever_they_are_cut() {
        let post = b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{\"seq\":7}";
        let both = [post, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".as_slice()].concat();
        for cut in 0..both.len() {
            let expect = if cut < post.len() { (0, vec![]) } else { (post.len(), vec![Some(7)]) };
            assert_eq!(read(&both[..cut]).unwrap(), expect, "{cut}");
        }
        assert_eq!(read(&both).unwrap(), (both.len(), vec![Some(7), None]));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert!(read(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(read(b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n").is_err());
        let endless = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n", usize::MAX);
        assert!(read(endless.as_bytes()).is_err());
    }
}
