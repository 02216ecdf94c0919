//! The observer over real sockets. One program, so that it links once.

mod gate;
mod live;
mod observer;
mod page;
mod support;
