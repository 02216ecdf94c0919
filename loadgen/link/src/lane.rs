//! One direction of the link, shared by all connections: when is what enters now due at the
//! other end? Arithmetic only, on nanoseconds that the caller read from its clock.

use crate::shape::Shape;

/// Payload of one packet on an Ethernet. On a link with a bandwidth bytes arrive packet by
/// packet, not one read at a time.
const PACKET_BYTES: usize = 1_460;

/// One direction.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    half_ns: u64,
    ns_per_byte: f64,
    /// When the last byte that entered has left the sender's end.
    free_at_ns: u64,
}

impl Lane {
    pub(crate) fn new(shape: &Shape) -> Self {
        Self { half_ns: shape.half_ns(), ns_per_byte: shape.ns_per_byte(), free_at_ns: 0 }
    }

    /// Lets so many bytes enter; calls `packet` with the length and due time of each piece, in
    /// order. Due times of a lane never go back.
    pub(crate) fn enter(&mut self, now_ns: u64, bytes: usize, mut packet: impl FnMut(usize, u64)) {
        if self.ns_per_byte == 0.0 {
            packet(bytes, self.end(now_ns));
            return;
        }
        let mut left = bytes;
        while left > 0 {
            let len = left.min(PACKET_BYTES);
            // Rounded up: the link is never wider than asked.
            let takes_ns = (len as f64 * self.ns_per_byte).ceil() as u64;
            self.free_at_ns = self.free_at_ns.max(now_ns) + takes_ns;
            packet(len, self.free_at_ns + self.half_ns);
            left -= len;
        }
    }

    /// When something without a length, such as the end of a connection, arrives.
    pub(crate) fn end(&self, now_ns: u64) -> u64 {
        self.free_at_ns.max(now_ns) + self.half_ns
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entered(lane: &mut Lane, now_ns: u64, bytes: usize) -> Vec<(usize, u64)> {
        let mut packets = Vec::new();
        lane.enter(now_ns, bytes, |len, due_ns| packets.push((len, due_ns)));
        packets
    }

    fn lane(round_trip_ms: u64, mbit_per_s: Option<f64>) -> Lane {
        Lane::new(&Shape::new(Duration::from_millis(round_trip_ms), mbit_per_s).unwrap())
    }

    #[test]
    fn without_a_bandwidth_there_is_delay_only() {
        let mut lane = lane(10, None);
        assert_eq!(entered(&mut lane, 7, 1 << 20), [(1 << 20, 5_000_007)]);
        assert_eq!(entered(&mut lane, 8, 1), [(1, 5_000_008)]);
        assert_eq!(lane.end(9), 5_000_009);
    }

    #[test]
    fn a_narrow_link_serves_one_packet_after_the_other() {
        // 8 Mbit/s: a byte takes 1 µs.
        let mut lane = lane(2, Some(8.0));
        let two = [(1_460, 1_000_000 + 1_460_000), (40, 1_000_000 + 1_500_000)];
        assert_eq!(entered(&mut lane, 0, 1_500), two);
        // Another connection's bytes wait behind them; so does an end.
        assert_eq!(entered(&mut lane, 100, 100), [(100, 2_600_000)]);
        assert_eq!(lane.end(200), 2_600_000);
        // An idle link starts afresh.
        assert_eq!(entered(&mut lane, 9_000_000, 100), [(100, 10_100_000)]);
    }
}
