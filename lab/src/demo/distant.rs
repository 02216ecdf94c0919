//! A PostgreSQL of the demo's own, behind a link that can be frozen: whoever asks is connected, and
//! no answer comes. The link is stopped and not the store, because a link is one process that ends
//! with this one, however that ends; what a stopped PostgreSQL had started would stand there for
//! ever. Read next: `breaker.rs`.

use anyhow::{Context, anyhow};
use tailrace_backend::PrivatePostgres;
use tailrace_backend::private::Commits;
use tailrace_sys::{Signal, send};

use super::server::cores;
use crate::itself;
use crate::link::Ready;
use crate::process::Process;

/// A store at the end of a link.
pub(super) struct Distant {
    // Before the store that it leads to.
    link: Process<Ready>,
    url: String,
    _store: PrivatePostgres,
}

impl Distant {
    /// Starts both.
    ///
    /// # Errors
    /// One of them does not start.
    pub(super) fn start() -> anyhow::Result<Self> {
        // How it dies is not what is shown here.
        let store = PrivatePostgres::start(Commits::Lazy, None)?;
        let direct = store.url();
        let address = address(&direct).context("the store's address")?;
        let mut command = itself::command()?;
        command.args(["link", "--json", "--with-parent", "--round-trip", "0ms", "--to", address]);
        let started = Process::<Ready>::start(command, &cores().0).context("the link")?;
        let link = started.map_err(|failed| {
            anyhow!("the link did not start ({:#}); it said: {}", failed.why, failed.said)
        })?;
        let url = direct.replacen(address, &link.ready.link.to_string(), 1);
        Ok(Self { link, url, _store: store })
    }

    /// Its address, through the link.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Lets nothing through until the answer is dropped.
    ///
    /// # Errors
    /// The link is gone.
    pub(super) fn freeze(&self) -> anyhow::Result<Frozen> {
        let pid = self.link.pid();
        send(pid, Signal::Stop).context("the link could not be stopped")?;
        Ok(Frozen(pid))
    }
}

/// A link that stands still; it goes on when this is dropped.
pub(super) struct Frozen(u32);

impl Drop for Frozen {
    fn drop(&mut self) {
        // One that ended meanwhile needs no waking.
        send(self.0, Signal::Cont).unwrap_or_default();
    }
}

/// `host:port` of a URL.
fn address(url: &str) -> Option<&str> {
    let (_, rest) = url.rsplit_once('@')?;
    rest.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn the_address_stands_behind_the_password() {
        assert_eq!(address("postgres://a:b@127.0.0.1:5432/t"), Some("127.0.0.1:5432"));
        assert_eq!(address("nothing"), None);
    }
}
