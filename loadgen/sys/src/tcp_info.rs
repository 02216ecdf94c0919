//! What a TCP connection carried, as its own kernel counted it: payload bytes, without
//! headers and without what was sent again. Next: [`crate::proc`].
#![allow(unsafe_code)]

use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Payload bytes of one connection since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpBytes {
    /// Bytes that this side's kernel has put on the wire; what was sent again counts once.
    pub sent: u64,
    /// Bytes that this side's kernel has received in order.
    pub received: u64,
}

/// The start of `struct tcp_info` of linux/tcp.h, up to the fields needed: libc's ends before.
#[repr(C)]
#[derive(Clone, Copy)]
struct Info {
    /// `tcpi_state` to `tcpi_options`, two bytes of bit fields.
    small: [u8; 8],
    /// `tcpi_rto` to `tcpi_total_retrans`.
    words: [u32; 24],
    /// `tcpi_pacing_rate`, `tcpi_max_pacing_rate`, and `tcpi_bytes_acked`, which also counts
    /// the opening SYN of the side that connected and the closing FIN.
    rates: [u64; 3],
    bytes_received: u64,
    /// `tcpi_segs_out` to `tcpi_delivered_ce`.
    middle: [u64; 8],
    /// Payload put on the wire, repeats included.
    bytes_sent: u64,
    bytes_retrans: u64,
}

// The kernel's layout is frozen; this one must not drift from it.
const _: () =
    assert!(offset_of!(Info, bytes_received) == 128 && offset_of!(Info, bytes_sent) == 200);

/// Asks the kernel what the connection carried. One system call; any TCP socket, also one
/// whose peer has closed.
///
/// # Errors
/// Not a TCP socket, or a kernel older than 4.19, which does not count bytes.
pub fn tcp_bytes(fd: BorrowedFd<'_>) -> io::Result<TcpBytes> {
    let zero = Info {
        small: [0; 8],
        words: [0; 24],
        rates: [0; 3],
        bytes_received: 0,
        middle: [0; 8],
        bytes_sent: 0,
        bytes_retrans: 0,
    };
    let mut info = zero;
    // The cast cannot truncate: the struct is some two hundred bytes.
    let mut length = size_of::<Info>() as libc::socklen_t;
    // SAFETY: `info` is a live, writable place of `length` bytes, and the kernel writes at
    // most that many. Every bit pattern is a valid `Info`. `fd` is open while it is borrowed.
    let answer = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    if (length as usize) < size_of::<Info>() {
        let text = "this kernel does not count the bytes of a connection (before Linux 4.19)";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    Ok(TcpBytes { sent: info.bytes_sent - info.bytes_retrans, received: info.bytes_received })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn counts_payload_of_both_directions() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[7; 1000]).unwrap();
        server.read_exact(&mut [0; 1000]).unwrap();
        server.write_all(&[7; 300]).unwrap();
        client.read_exact(&mut [0; 300]).unwrap();
        let expected = TcpBytes { sent: 1000, received: 300 };
        assert_eq!(tcp_bytes(client.as_fd()).unwrap(), expected);
        let expected = TcpBytes { sent: 300, received: 1000 };
        assert_eq!(tcp_bytes(server.as_fd()).unwrap(), expected);
    }

    #[test]
    fn another_socket_is_an_error() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(tcp_bytes(socket.as_fd()).is_err());
    }
}
