//! Every limit of the door, with its reason. Past a limit the client gets a clear answer.

use std::time::Duration;

/// Metrics in one batch. A fleet's second fits; a runaway producer is told.
pub const BATCH_METRICS_MAX: usize = 1_000;
/// Bytes of one body or message: a full batch of ordinary metrics is about 200 kB.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of a metric's name: names become keys of aggregates, so they must stay short.
pub const NAME_BYTES_MAX: usize = 256;
/// Attributes of one metric. Duplicate keys are searched pairwise, which is cheap up to here.
pub const ATTRIBUTES_MAX: usize = 32;
/// Bytes of an attribute's key.
pub const ATTRIBUTE_KEY_BYTES_MAX: usize = 128;
/// Bytes of an attribute's text value.
pub const ATTRIBUTE_TEXT_BYTES_MAX: usize = 1_024;
/// Bytes of a producer's name: it stands in every batch's identity.
pub const PRODUCER_BYTES_MAX: usize = 64;
/// Largest time accepted, in milliseconds since 1970: the end of the year 2099. A larger
/// number is nearly always microseconds or nanoseconds by mistake.
pub const TIME_MS_MAX: u64 = 4_102_444_799_999;
/// Largest sequence number: the largest integer that every JSON reader holds exactly.
pub const SEQ_MAX: u64 = (1 << 53) - 1;
/// Bad fields listed in one refusal. More would only repeat the same mistake.
pub const FIELD_ERRORS_MAX: usize = 16;

/// Open connections on one listener. One more is closed at once.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Bytes of a request's head: request line and all headers.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// Headers of one request.
pub const HEADERS_MAX: usize = 64;
/// Time to send a complete head, from the first byte or from the connection's opening.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time to send a complete body once its head was read.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that sends nothing at all for this long is closed.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Time for a client to take its answer; a reader that stopped must not hold memory.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Batches of one connection that wait for the log. Further reads wait: backpressure.
pub const CONNECTION_IN_FLIGHT_MAX: usize = 1_024;

/// Batches in the log that nobody has read yet; at the limit the door answers 503.
pub const LOG_UNREAD_MAX: usize = 1_000_000;
/// Bytes of bodies in the log that nobody has read yet, for the same reason.
pub const LOG_UNREAD_BYTES_MAX: usize = 512 << 20;
/// Notices that wait for one subscriber; the oldest are dropped and the subscriber is told.
pub const SUBSCRIBER_NOTICES_MAX: usize = 16_384;
/// Live subscribers of one server.
pub const SUBSCRIBERS_MAX: usize = 2_048;
