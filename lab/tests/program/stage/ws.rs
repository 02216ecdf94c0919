//! A WebSocket client by hand (RFC 6455): it can send what a library refuses to send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::http;

/// Opcodes.
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// What the server said.
#[derive(Debug)]
pub(crate) enum Said {
    /// A data frame.
    Message(serde_json::Value),
    /// A close frame, with its code and reason.
    Close(u16, String),
}

/// An open connection.
pub(crate) struct Client(TcpStream);

/// The upgrade request.
pub(crate) fn upgrade(address: SocketAddr) -> String {
    upgrade_with(address, "")
}

/// The same with further headers, whole lines.
pub(crate) fn upgrade_with(address: SocketAddr, headers: &str) -> String {
    format!(
        "GET /v1/ingest HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: \
         websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: \
         dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

impl Client {
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::open_with(address, "")
    }

    /// The same with further headers, whole lines.
    pub(crate) fn open_with(address: SocketAddr, headers: &str) -> Self {
        let mut stream = http::connect(address);
        stream.write_all(upgrade_with(address, headers).as_bytes()).expect("asking for an upgrade");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the server's consent");
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        // The answer to this key in RFC 6455, section 1.3.
        assert!(head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        Self(stream)
    }

    /// Sends one frame, masked by zeros, which leaves it as it is.
    pub(crate) fn send(&mut self, opcode: u8, payload: &[u8]) {
        let length = payload.len();
        // The first bit ends a message, the first of the length says that it is masked.
        let mut frame = vec![0x80 + opcode];
        match length {
            0..126 => frame.push(0x80 + length as u8),
            126..65_536 => {
                frame.push(0x80 + 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 + 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend_from_slice(payload);
        // A server that refuses early stops reading; what it says still arrives.
        let _ = self.0.write_all(&frame);
    }

    /// The next message or close.
    pub(crate) fn hear(&mut self) -> Said {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("a frame");
        let mut length = usize::from(head[1]);
        if length == 126 {
            let mut long = [0; 2];
            self.0.read_exact(&mut long).expect("a length");
            length = u16::from_be_bytes(long).into();
        }
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).expect("a payload");
        if head[0] & 0x0f == CLOSE {
            let (code, reason) = payload.split_at(2);
            let code = u16::from_be_bytes([code[0], code[1]]);
            return Said::Close(code, String::from_utf8_lossy(reason).into_owned());
        }
        Said::Message(serde_json::from_slice(&payload).expect("JSON"))
    }

    /// Sends a message and expects a message.
    pub(crate) fn ask(&mut self, body: &[u8]) -> serde_json::Value {
        self.send(TEXT, body);
        match self.hear() {
            Said::Message(answer) => answer,
            closed @ Said::Close(..) => panic!("{closed:?}"),
        }
    }
}
