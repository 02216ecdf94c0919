//! What an experiment may ask for, and what it gets when it does not ask. A file that is past a
//! limit is refused where it is written, not in the middle of a run.

/// Bytes of a file: prose and tables of the largest experiment are a tenth of it.
pub const FILE_BYTES_MAX: usize = 64 << 10;
/// Arms, the floor included: more do not fit into a table that somebody reads.
pub const ARMS_MAX: usize = 32;
/// Loads, for the same reason.
pub const LOADS_MAX: usize = 12;
/// Expectations: more are a fishing trip.
pub const EXPECTATIONS_MAX: usize = 32;
/// Comparisons of the primary figure: one for each arm.
pub const PAIRS_MAX: usize = ARMS_MAX;
/// Rounds: beyond twenty the interval hardly narrows, and the table of Student's t ends.
pub const ROUNDS_MAX: u64 = 20;
/// Metrics in a batch: the contract's own limit.
pub const BATCH_MAX: u64 = tailrace_contract::limits::BATCH_METRICS_MAX as u64;
/// Connections: a quarter of what a server takes, so that the observer's fit beside them, and
/// within the usual limit of open files.
pub const CONNECTIONS_MAX: u64 = 512;
/// Requests in flight on one connection: the contract's own limit.
pub const IN_FLIGHT_MAX: u64 = tailrace_contract::limits::CONNECTION_IN_FLIGHT_MAX as u64;
/// Batches of one burst.
pub const BURST_MAX: u32 = 10_000;
/// Rates of one row of steps: more is a file to replay.
pub const STEPS: (usize, usize) = (2, 64);
/// Length of a step, and of the times on and off.
pub const STEP_MS: (u64, u64) = (1, WINDOW_MS_MAX);
/// Batches a second; the lowest still has something in a window of a second.
pub const RATE_PER_S: (f64, f64) = (1.0, 2_000_000.0);
/// Length of a window and of its warm-up.
pub const WINDOW_MS_MAX: u64 = 600_000;
/// From due to too late: what a drain may have to wait for.
pub const TIMEOUT_MS_MAX: u64 = 60_000;
/// Round trip of a link: once around the world by geostationary satellite.
pub const ROUND_TRIP_MS_MAX: u64 = 2_000;
/// Bandwidth of a link, million bits a second: from a modem to what its proxy can carry.
pub const BANDWIDTH_MBIT: (f64, f64) = (0.05, 10_000.0);
/// Worker processes: beyond a few they share one core with everything else.
pub const WORKERS_MAX: u64 = 8;
/// Subscribers of a load, the measured one included: what an observer takes beside other requests.
pub const SUBSCRIBERS_MAX: u64 = 1_000;
/// A ratio beyond this is a slip of the pen.
pub const RATIO_MAX: f64 = 1e6;
/// The whole experiment.
pub const WHOLE_MS_MAX: u64 = 3 * 3_600_000;

/// Bytes of a slug: it becomes a folder's name.
pub const SLUG_BYTES_MAX: usize = 64;
/// Characters of a question, and of what is expected: a line each.
pub const LINE_CHARS_MAX: usize = 240;
/// Characters of prose.
pub const PROSE_CHARS_MAX: usize = 8_000;

/// Rounds that are run when a file does not say.
pub const ROUNDS: u32 = 3;
/// Seed when a file does not say.
pub const SEED: u64 = 1;
/// Before each window: connections are warm, caches are filled, allocators have grown.
pub const WARM_UP_MS: u64 = 300;
/// A p99 needs a thousand batches; a low rate brings twice as many in this time.
pub const WINDOW_MS: u64 = 2_000;
/// An answer later than this after its due time is no answer.
pub const TIMEOUT_MS: u64 = 5_000;
/// Schedule that may be in flight or waiting at once, seconds.
pub const WAITING_S: f64 = 2.0;
