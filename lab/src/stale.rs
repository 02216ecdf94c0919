//! For verbs that write into a store beside its worker: running servers keep answers about
//! history, which such a write makes stale. Where the cache is in Redis it is told exactly what the
//! worker would tell it; where it is in a server's memory, that server is asked to forget what it
//! keeps. Nobody else can know: without either, answers stay as old as they may become.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tailrace_backend::{RedisCache, RedisConfig};
use tailrace_contract::{Batch, Cache, Touched};

use crate::cli::RedisArgs;
use crate::shown::KeyArgs;
use crate::tls::ClientTls;
use crate::{health, redis};

/// The path that forgets a tenant's answers.
const CACHE: &str = "/v1/cache";
/// A server that does not forget within this time is told of as one that did not.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose answers go stale.
#[derive(Debug, Args, Clone)]
pub struct StaleArgs {
    /// The Redis of running servers over this store: their answers about what is written go stale
    #[command(flatten)]
    pub redis: RedisArgs,
    /// Prefix of all keys and channels in Redis: the same as the servers'
    #[arg(long, default_value = "tailrace", env = "TAILRACE_REDIS_PREFIX")]
    pub redis_prefix: String,
    /// The observer of a running server with its log in memory, http://host:port: it forgets the
    /// answers that it keeps for the tenant of the key, which must have the role admin
    #[allow(rustdoc::bare_urls, reason = "shown by --help as it stands")]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Whom to believe behind https://
    #[command(flatten)]
    pub tls: ClientTls,
    /// The key to show to that server
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Whoever keeps answers, as far as it was named.
pub(crate) struct Keepers<'a> {
    arguments: &'a StaleArgs,
    cache: Option<Arc<dyn Cache>>,
}

impl StaleArgs {
    /// Who is to be told.
    ///
    /// # Errors
    /// An address that makes no sense: better before anything is written.
    pub(crate) fn keepers(&self) -> anyhow::Result<Keepers<'_>> {
        if let Some(server) = &self.server {
            health::parse(server)?;
        }
        let cache = match redis::given(&self.redis) {
            Some(url) => {
                let cache = RedisCache::new(&RedisConfig::new(url, &self.redis_prefix))?;
                Some(Arc::new(cache) as Arc<dyn Cache>)
            }
            None => None,
        };
        Ok(Keepers { arguments: self, cache })
    }
}

impl Keepers<'_> {
    /// These batches were committed.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses. The batches are stored all the same.
    pub(crate) async fn committed(&self, batches: &[Batch]) -> anyhow::Result<()> {
        let Some(cache) = &self.cache else { return Ok(()) };
        for touched in Touched::by(batches) {
            let told = cache.forget(touched).await;
            told.context("stored, but servers may tell older answers for a while")?;
        }
        Ok(())
    }

    /// Everything is stored, new batches if `wrote`: tells the server with its cache in memory, or
    /// that nobody was told. Blocks.
    ///
    /// # Errors
    /// The server cannot be reached or refuses. Everything is stored all the same.
    pub(crate) fn finish(self, wrote: bool) -> anyhow::Result<()> {
        if !wrote {
            return Ok(());
        }
        let Some(server) = &self.arguments.server else {
            if self.cache.is_none() {
                eprintln!(
                    "A running server may tell older answers for up to an hour: --redis or \
                     --server says whose go stale."
                );
            }
            return Ok(());
        };
        let StaleArgs { tls, key, .. } = self.arguments;
        let asked = health::ask_server(server, (tls, key), ("DELETE", CACHE), PATIENCE);
        asked.context("stored, but that server may tell older answers for up to an hour")?;
        Ok(())
    }
}
