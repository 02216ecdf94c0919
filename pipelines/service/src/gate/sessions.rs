//! Sessions in this server's memory: they end with it. Servers that share a Redis share sessions
//! there instead; see the backend's `redis/sessions.rs`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tailrace_contract::session::{SESSIONS_PER_KEY_MAX, SessionsError};
use tailrace_contract::{BoxFuture, Session, SessionHash, Sessions};

/// Sessions of one server.
#[derive(Debug, Default)]
pub struct LocalSessions(Mutex<HashMap<SessionHash, Kept>>);

#[derive(Debug)]
struct Kept {
    session: Session,
    began: Instant,
    /// Ends unless somebody asks for it before.
    idle_ends: Instant,
}

impl LocalSessions {
    fn kept(&self) -> MutexGuard<'_, HashMap<SessionHash, Kept>> {
        // A panic while holding it leaves whole entries: still usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions for LocalSessions {
    fn begin(
        &self,
        id: SessionHash,
        session: Session,
        idle: Duration,
    ) -> BoxFuture<'static, Result<(), SessionsError>> {
        let mut kept = self.kept();
        let now = Instant::now();
        kept.retain(|_, kept| now < kept.idle_ends);
        let of_key = kept.iter().filter(|(_, kept)| kept.session.key == session.key);
        let of_key: Vec<_> = of_key.map(|(id, kept)| (kept.began, *id)).collect();
        if of_key.len() >= SESSIONS_PER_KEY_MAX
            && let Some((_, first)) = of_key.into_iter().min_by_key(|(began, _)| *began)
        {
            kept.remove(&first);
        }
        kept.insert(id, Kept { session, began: now, idle_ends: now + idle });
        Box::pin(std::future::ready(Ok(())))
    }

    fn resume(
        &self,
        id: SessionHash,
        idle: Duration,
    ) -> BoxFuture<'static, Result<Option<Session>, SessionsError>> {
        let now = Instant::now();
        let mut all = self.kept();
        let found = all.get_mut(&id).filter(|kept| now < kept.idle_ends).map(|kept| {
            kept.idle_ends = now + idle;
            kept.session.clone()
        });
        Box::pin(std::future::ready(Ok(found)))
    }

    fn end(&self, id: SessionHash) -> BoxFuture<'static, Result<(), SessionsError>> {
        self.kept().remove(&id);
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    fn session(key: &str) -> Session {
        Session { key: key.into(), digest: [0; 32], ends_ms: u64::MAX }
    }

    #[tokio::test]
    async fn the_first_of_a_key_makes_room_and_others_stay() {
        let sessions = LocalSessions::default();
        let id = |n: usize| SessionHash([n as u8; 32]);
        sessions.begin(id(200), session("other"), IDLE).await.unwrap();
        for n in 0..=SESSIONS_PER_KEY_MAX {
            sessions.begin(id(n), session("k"), IDLE).await.unwrap();
        }
        assert_eq!(sessions.resume(id(0), IDLE).await.unwrap(), None);
        for kept in [1, SESSIONS_PER_KEY_MAX, 200] {
            assert!(sessions.resume(id(kept), IDLE).await.unwrap().is_some(), "{kept}");
        }
        sessions.end(id(1)).await.unwrap();
        assert_eq!(sessions.resume(id(1), IDLE).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_idle_one_ends() {
        let sessions = LocalSessions::default();
        let id = SessionHash([1; 32]);
        sessions.begin(id, session("k"), Duration::ZERO).await.unwrap();
        assert_eq!(sessions.resume(id, IDLE).await.unwrap(), None);
    }
}
