//! The limits of one observer listener. The defaults are the contract's; tests shorten them.

use std::time::Duration;

use tailrace_contract::limits;

/// How much one observer listener takes, and how long it waits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections; one more is closed at once.
    pub connections_max: usize,
    /// Live subscribers; one more is answered 503.
    pub subscribers_max: usize,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// Time for a complete head, and how long a connection may stay idle between requests.
    pub head_timeout: Duration,
    /// Time for a complete body once the head was read.
    pub body_timeout: Duration,
    /// A client that takes none of what is waiting for it for this long is cut.
    pub write_timeout: Duration,
    /// How long a feed may be silent before it sends a sign of life.
    pub heartbeat: Duration,
    /// How long `/health` waits for the log.
    pub health_timeout: Duration,
    /// How long a feed or an audit waits for the log.
    pub log_timeout: Duration,
    /// How long an audit waits for the store.
    pub store_timeout: Duration,
    /// How long a question of history waits for the store.
    pub query_timeout: Duration,
    /// Questions of history that the store answers at once; from half of it on answers are
    /// coarser where they can be, and one more is answered from the cache or 503.
    pub queries_max: usize,
    /// How long the store is left alone when it failed too often.
    pub breaker_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            subscribers_max: limits::SUBSCRIBERS_MAX,
            body_bytes_max: limits::BODY_BYTES_MAX,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
            // Proxies commonly cut a silent connection after 30 to 60 seconds.
            heartbeat: Duration::from_secs(15),
            // Whoever asks for health polls often and must not pile up behind a dead log.
            health_timeout: Duration::from_secs(1),
            // An audit may read a large stream; a person still waits for it.
            log_timeout: Duration::from_secs(10),
            // As the log's: both are asked about whole runs.
            store_timeout: Duration::from_secs(10),
            // Whoever looks at a chart has gone by then.
            query_timeout: Duration::from_secs(5),
            // Stores read with a handful of connections; what waits behind them helps nobody.
            queries_max: 16,
            // Long enough for a restart of the store, short enough to be forgotten.
            breaker_pause: Duration::from_secs(5),
        }
    }
}
