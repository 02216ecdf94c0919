//! Which TCP congestion control the generator's sockets use. Over loopback nothing is ever
//! congested, and a control that paces only holds bytes back after `sent` was stamped; over any
//! other network the system's own is part of what its users see, and is left alone. Sockets of
//! servers are theirs: the system's own, too. Read next: `driver/connection.rs`.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// Lets go of what it is given as soon as the peer has room: it paces nothing. Every kernel has it.
pub const UNPACED: &str = "reno";

/// A TCP socket for this address, not connected yet. A control that paces leaves its pacing with
/// a socket that once used it, so this must come before it connects.
pub(crate) fn socket_to(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if is_near(address.ip()) {
        // Refused where an administrator has taken it from the list of what everybody may use:
        // the system's own remains, and `used` tells which that is.
        socket.set_tcp_congestion(UNPACED.as_bytes()).unwrap_or_default();
    }
    Ok(socket)
}

/// What the generator's sockets to this address use, as the kernel says of one that is made for
/// the purpose and never connected; none: it does not say.
pub fn used(address: IpAddr) -> Option<String> {
    let name = socket_to(SocketAddr::new(address, 0)).ok()?.tcp_congestion().ok()?;
    let name = String::from_utf8_lossy(&name);
    let name = name.trim_end_matches('\0');
    (!name.is_empty()).then(|| name.to_owned())
}

fn is_near(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn system() -> String {
        let name = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap();
        name.trim().to_owned()
    }

    #[test]
    fn nothing_is_paced_over_loopback_and_other_networks_get_the_systems_own() {
        // Documentation addresses: no packet leaves for them, as nothing connects.
        for (address, expected) in [
            ("127.0.0.1", UNPACED.to_owned()),
            ("127.8.9.10", UNPACED.to_owned()),
            ("::ffff:127.0.0.1", UNPACED.to_owned()),
            ("192.0.2.1", system()),
            ("2001:db8::1", system()),
        ] {
            assert_eq!(used(address.parse().unwrap()), Some(expected), "{address}");
        }
    }
}
