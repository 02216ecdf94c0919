//! A running server half, seen from whoever started it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::BoxFuture;

/// A transport that is listening.
pub trait Server: Send {
    /// Where it listens.
    fn addresses(&self) -> Vec<SocketAddr>;

    /// Stops accepting, lets requests in flight finish and closes idle connections. After
    /// `deadline` what is left is cut.
    fn drain(self: Box<Self>, deadline: Duration) -> BoxFuture<'static, Drained>;
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Connections that were cut because the deadline passed.
    pub cut: usize,
}
