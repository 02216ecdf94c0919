//! The head of a request as a header block. Fields go into the server's header table with the
//! first request; from the second on each of them is one byte. Only the length is written every
//! time. Read next: `hpack.rs`.

use std::fmt;

use tailrace_contract::{Peer, Request};

use super::hpack::{self, STATIC_ENTRIES};

/// Bytes of the server's header table that we use: the protocol's default, unless the server
/// allows less.
const TABLE_BYTES: usize = 4_096;
/// What the table counts for a field beside its name and value (RFC 7541, section 4.1).
const FIELD_BYTES: usize = 32;

/// Fields that the static table holds whole, and names that it holds (RFC 7541, appendix A).
const WHOLE: [(&str, &str, usize); 5] = [
    (":method", "GET", 2),
    (":method", "POST", 3),
    (":path", "/", 4),
    (":scheme", "http", 6),
    (":scheme", "https", 7),
];
const NAMED: [(&str, usize); 8] = [
    (":authority", 1),
    (":method", 2),
    (":path", 4),
    ("accept", 19),
    ("authorization", 23),
    ("content-type", 31),
    ("origin", 42),
    ("user-agent", 58),
];
const CONTENT_LENGTH: usize = 28;

/// How a field is written.
const INDEXED: u8 = 0x80;
const LITERAL_INDEXED: u8 = 0x40;
const LITERAL: u8 = 0;
const TABLE_SIZE: u8 = 0x20;

/// Header blocks for requests that look alike.
pub(super) struct CachedHead {
    authority: String,
    /// Said with every request; in the server's header table from the second on.
    authorization: Option<String>,
    scheme: &'static str,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    /// What the next request's block is, without its length.
    next: Vec<u8>,
    /// What it is from the one after that.
    later: Vec<u8>,
    table_bytes_max: usize,
    /// The server must be told that less of its table is used.
    must_tell_size: bool,
}

impl CachedHead {
    pub(super) fn new(peer: &Peer<'_>) -> Self {
        Self {
            authority: peer.authority.to_owned(),
            authorization: peer.authorization(),
            scheme: if peer.tls { "https" } else { "http" },
            method: String::new(),
            target: String::new(),
            headers: Vec::new(),
            next: Vec::new(),
            later: Vec::new(),
            table_bytes_max: TABLE_BYTES,
            must_tell_size: false,
        }
    }

    /// The server announced how large its header table may be.
    pub(super) fn limit_table(&mut self, bytes: usize) {
        let max = bytes.min(TABLE_BYTES);
        if max != self.table_bytes_max {
            self.table_bytes_max = max;
            self.must_tell_size = true;
            self.next.clear();
        }
    }

    /// Appends the request's header block.
    pub(super) fn write(&mut self, request: &Request<'_>, out: &mut Vec<u8>) {
        if !self.fits(request) {
            self.build(request);
        }
        out.extend_from_slice(&self.next);
        if !self.later.is_empty() {
            self.next = std::mem::take(&mut self.later);
        }
        if !request.body.is_empty() {
            hpack::write_integer(LITERAL, 4, CONTENT_LENGTH, out);
            let mut digits = itoa::Buffer::new();
            hpack::write_text(digits.format(request.body.len()).as_bytes(), out);
        }
    }

    fn fits(&self, request: &Request<'_>) -> bool {
        !self.next.is_empty()
            && self.method == request.method
            && self.target == request.target
            && self.headers == request.headers
    }

    fn build(&mut self, request: &Request<'_>) {
        request.method.clone_into(&mut self.method);
        request.target.clone_into(&mut self.target);
        request.headers.clone_into(&mut self.headers);
        (self.next, self.later) = (Vec::new(), Vec::new());
        if std::mem::take(&mut self.must_tell_size) {
            hpack::write_integer(TABLE_SIZE, 5, self.table_bytes_max, &mut self.next);
        }
        let fields = self.fields();
        let is_static = |(name, value): &(String, String)| whole(name, value).is_some();
        let entries: Vec<_> = fields.iter().filter(|field| !is_static(field)).collect();
        let bytes = entries.iter().map(|(name, value)| name.len() + value.len() + FIELD_BYTES);
        let is_kept = bytes.sum::<usize>() <= self.table_bytes_max;
        // The newest entry stands first, right behind the static table.
        let mut index = STATIC_ENTRIES + entries.len();
        for (name, value) in &fields {
            if let Some(known) = whole(name, value) {
                hpack::write_integer(INDEXED, 7, known, &mut self.next);
                hpack::write_integer(INDEXED, 7, known, &mut self.later);
                continue;
            }
            write_literal(is_kept, name, value, &mut self.next);
            if is_kept {
                hpack::write_integer(INDEXED, 7, index, &mut self.later);
                index -= 1;
            } else {
                write_literal(false, name, value, &mut self.later);
            }
        }
    }

    /// All fields but the length, pseudo fields first.
    fn fields(&self) -> Vec<(String, String)> {
        let pseudo = [
            (":method", self.method.as_str()),
            (":scheme", self.scheme),
            (":authority", &self.authority),
            (":path", &self.target),
        ];
        let pseudo = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Names in capitals are an error in HTTP/2.
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_ascii().to_owned()));
        let key =
            self.authorization.iter().map(|value| ("authorization".to_owned(), value.clone()));
        pseudo.chain(headers).chain(key).collect()
    }
}

/// Never shows headers: a key may be among them.
impl fmt::Debug for CachedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, target, .. } = self;
        f.debug_struct("CachedHead")
            .field("method", method)
            .field("target", target)
            .finish_non_exhaustive()
    }
}

fn whole(name: &str, value: &str) -> Option<usize> {
    let found = WHOLE.iter().find(|known| (known.0, known.1) == (name, value));
    found.map(|known| known.2)
}

fn write_literal(is_kept: bool, name: &str, value: &str, out: &mut Vec<u8>) {
    let (flags, bits) = if is_kept { (LITERAL_INDEXED, 6) } else { (LITERAL, 4) };
    let known = NAMED.iter().find(|known| known.0 == name);
    hpack::write_integer(flags, bits, known.map_or(0, |known| known.1), out);
    if known.is_none() {
        hpack::write_text(name.as_bytes(), out);
    }
    hpack::write_text(value.as_bytes(), out);
}
