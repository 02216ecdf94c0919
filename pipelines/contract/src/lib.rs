//! The contract: what a metric, a batch and a promise are, and the traits that every part
//! of a pipeline implements. It knows no socket library, no Redis and no load generator.
//!
//! Read in the order of the data's way: [`metric`] and [`identity`] (what travels),
//! [`codec`] (JSON or `MessagePack` to batch, with every bad field named), [`ingest`] (the door a transport
//! calls), [`log`] and [`bus`] (where an accepted batch goes), [`group`] and [`store`] (how it
//! gets from there to history), [`history`] (how history is asked), [`wire`] (the client half),
//! [`transport`] (both halves together).

pub mod alert;
pub mod audit;
pub mod bus;
pub mod cache;
pub mod codec;
pub mod credential;
pub mod expected;
pub mod group;
pub mod history;
pub mod identity;
pub mod ingest;
pub mod limits;
pub mod log;
pub mod metric;
pub mod origin;
pub mod probe;
pub mod problem;
pub mod promise;
pub mod quota;
pub mod ranges;
pub mod sample;
pub mod server;
pub mod session;
pub mod store;
pub mod touched;
pub mod transport;
pub mod wire;

pub use alert::{Alert, AlertStream, Alerts};
pub use audit::{Audit, ProducerAudit};
pub use bus::{Bus, Notice, Notices};
pub use cache::{About, Cache, CacheError, CacheKey, CacheSize, Kept, Lease, Looked};
pub use credential::Credential;
pub use expected::{Expected, Matched};
pub use group::{Delivery, Group, Lag, Unreadable};
pub use identity::{BatchId, ParseRunError, Position, Producer, RunId, Tenant};
pub use ingest::{Answer, Caller, Ingest, Pass};
pub use log::{Batch, BoxFuture, Log, LogError, LogHealth};
pub use metric::{AttributeValue, Metric};
pub use problem::{FieldError, Problem, ProblemKind};
pub use promise::{Promise, Survives};
pub use quota::{Buckets, Grant, Quota};
pub use ranges::RangeSet;
pub use server::{Drained, Server};
pub use session::{Session, SessionHash, Sessions};
pub use smol_str::SmolStr;
pub use store::{Committed, DeadLetter, Reconciled, Store, StoreError, StoreHealth};
pub use touched::{AfterCommit, Touched};
pub use transport::{Flush, Options, Peer, TlsIdentity, Transport};
pub use wire::{Request, Wire, WireError, WireEvent};
