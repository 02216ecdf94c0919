//! Browsers' sessions that several servers share. A session is one key that Redis forgets when it
//! was idle for too long; beside it an index for each API key says which of its sessions is the
//! oldest. What is kept is a hash of the session's id: reading it lets nobody in.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::cmd;
use tailrace_contract::session::{SESSIONS_PER_KEY_MAX, SessionsError};
use tailrace_contract::{BoxFuture, LogError, Session, SessionHash, Sessions};

use super::link::Link;

/// Sessions under a prefix.
#[derive(Clone)]
pub struct RedisSessions(Arc<Inside>);

struct Inside {
    link: Link,
    prefix: String,
}

impl fmt::Debug for RedisSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSessions").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

impl RedisSessions {
    /// Sessions in the Redis of this URL; connects when first asked.
    ///
    /// # Errors
    /// The URL makes no sense.
    pub fn new(url: &str, prefix: &str) -> Result<Self, LogError> {
        Ok(Self(Arc::new(Inside { link: Link::new(url)?, prefix: prefix.to_owned() })))
    }
}

impl Inside {
    async fn begin(
        &self,
        id: SessionHash,
        session: &Session,
        idle: Duration,
    ) -> Result<(), LogError> {
        let (name, index) = (hex(id), self.index(session));
        let text = serde_json::to_string(session)
            .map_err(|fault| LogError::Backend { cause: fault.to_string() })?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut keep = cmd("SET");
        keep.arg(self.key(&name)).arg(text).arg("PX").arg(idle.as_millis() as u64);
        self.link.ask::<()>(&keep).await?;
        let mut note = cmd("ZADD");
        self.link.ask::<()>(note.arg(&index).arg(now as u64).arg(&name)).await?;
        let mut expire = cmd("PEXPIREAT");
        self.link.ask::<()>(expire.arg(&index).arg(session.ends_ms)).await?;
        self.make_room(&index).await
    }

    /// Ends the oldest sessions of an API key that has too many.
    async fn make_room(&self, index: &str) -> Result<(), LogError> {
        // Counted from the end: all but the newest.
        let last = format!("-{}", SESSIONS_PER_KEY_MAX + 1);
        let mut oldest = cmd("ZRANGE");
        let oldest: Vec<String> = self.link.ask(oldest.arg(index).arg(0).arg(last)).await?;
        for name in oldest {
            self.link.ask::<()>(cmd("DEL").arg(self.key(&name))).await?;
            self.link.ask::<()>(cmd("ZREM").arg(index).arg(&name)).await?;
        }
        Ok(())
    }

    async fn resume(&self, id: SessionHash, idle: Duration) -> Result<Option<Session>, LogError> {
        let mut question = cmd("GETEX");
        question.arg(self.key(&hex(id))).arg("PX").arg(idle.as_millis() as u64);
        Ok(read(self.link.ask(&question).await?))
    }

    async fn end(&self, id: SessionHash) -> Result<(), LogError> {
        let name = hex(id);
        let ended = read(self.link.ask(cmd("GETDEL").arg(self.key(&name))).await?);
        let Some(session) = ended else { return Ok(()) };
        self.link.ask(cmd("ZREM").arg(self.index(&session)).arg(name)).await
    }

    fn key(&self, name: &str) -> String {
        format!("{}:session:{name}", self.prefix)
    }

    fn index(&self, session: &Session) -> String {
        format!("{}:sessions:{}", self.prefix, session.key)
    }
}

/// What cannot be read was not written by us: as good as no session.
fn read(text: Option<String>) -> Option<Session> {
    serde_json::from_str(&text?).ok()
}

fn hex(id: SessionHash) -> String {
    id.0.iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

fn fault(error: &LogError) -> SessionsError {
    SessionsError { cause: error.to_string() }
}

impl Sessions for RedisSessions {
    fn begin(
        &self,
        id: SessionHash,
        session: Session,
        idle: Duration,
    ) -> BoxFuture<'static, Result<(), SessionsError>> {
        let inside = Arc::clone(&self.0);
        Box::pin(
            async move { inside.begin(id, &session, idle).await.map_err(|error| fault(&error)) },
        )
    }

    fn resume(
        &self,
        id: SessionHash,
        idle: Duration,
    ) -> BoxFuture<'static, Result<Option<Session>, SessionsError>> {
        let inside = Arc::clone(&self.0);
        Box::pin(async move { inside.resume(id, idle).await.map_err(|error| fault(&error)) })
    }

    fn end(&self, id: SessionHash) -> BoxFuture<'static, Result<(), SessionsError>> {
        let inside = Arc::clone(&self.0);
        Box::pin(async move { inside.end(id).await.map_err(|error| fault(&error)) })
    }
}
