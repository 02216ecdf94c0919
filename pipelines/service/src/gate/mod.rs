//! The gate: who calls, what they may do, and how much of it. Without one a server is open and
//! everything belongs to [`Tenant::open`].
//!
//! Read in this order: `file.rs` (keys as people write them), `ring.rs` (how one is found),
//! `meter.rs` (limits), `entrance.rs` (what stands before every route), `login.rs` and
//! `sessions.rs` (browsers), `visitor.rs` (what a handler sees of all this). The door of a
//! transport calls [`Gate::recognise`] and [`Gate::admit`].

mod entrance;
mod file;
mod login;
mod meter;
mod ring;
mod roles;
mod secret;
mod sessions;
mod visitor;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tailrace_contract::session::SessionsError;
use tailrace_contract::{
    BoxFuture, Buckets, Caller, Credential, Pass, Problem, ProblemKind, Session, SessionHash,
    Sessions, Tenant,
};

pub(crate) use entrance::{Access, enter};
pub use file::{Entry, KeysFault, KeysFile, Quotas, id_fault, tenant_fault, timestamp};
pub(crate) use login::{log_in, log_out, who_am_i};
use meter::{Class, Meter, Meters};
use ring::{Key, Ring};
pub use roles::{Role, Roles};
pub use secret::NoRandomness;
pub use sessions::LocalSessions;
pub(crate) use visitor::Visitor;

/// A session that nobody uses ends after this: a page that was left open on a screen.
const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
/// And this is the longest working day.
const SESSION_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// A gate. Clones are the same one.
#[derive(Clone)]
pub struct Gate(Arc<Inside>);

struct Inside {
    ring: RwLock<Arc<Ring>>,
    meters: Meters,
    sessions: Arc<dyn Sessions>,
    failures: login::Failures,
}

/// A caller whose credential is good for sending.
pub struct Admission {
    /// Whose metrics they are.
    pub tenant: Tenant,
    /// What must be waited for first: whether the tenant's limit allows it. None: it does.
    pub wait: Option<BoxFuture<'static, Result<(), Problem>>>,
}

/// A new key: its text, which nobody can find out again, and what is kept of it.
///
/// # Errors
/// The system gives no random bytes.
pub fn new_key(id: &str) -> Result<(String, [u8; 32]), NoRandomness> {
    let key = ring::written(id, &secret::fresh()?);
    let digest = secret::digest(&key);
    Ok((key, digest))
}

impl Gate {
    /// A gate with these keys. Limits are counted in `buckets` where several servers share them,
    /// else here.
    pub fn new(
        file: &KeysFile,
        sessions: Arc<dyn Sessions>,
        buckets: Option<Arc<dyn Buckets>>,
    ) -> Self {
        let gate = Self(Arc::new(Inside {
            ring: RwLock::default(),
            meters: Meters::new(buckets),
            sessions,
            failures: login::Failures::default(),
        }));
        gate.replace(file);
        gate
    }

    /// Other keys from now on. Those that stay as they were go on; all others end at once, with
    /// their sessions and feeds.
    pub fn replace(&self, file: &KeysFile) {
        let mut ring = self.0.ring.write().unwrap_or_else(PoisonError::into_inner);
        let meter = |tenant: &Tenant| self.0.meters.of(tenant, &file.quotas(tenant));
        // Also for tenants whose keys stay: their limits may be others.
        file.keys.iter().for_each(|key| drop(meter(&key.tenant)));
        *ring = Arc::new(ring.followed_by(&file.keys, meter));
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key that was shown.
    fn key(&self, shown: Option<&Credential>) -> Result<Arc<Key>, Problem> {
        let Some(Credential::Key(text)) = shown else { return Err(nothing_shown()) };
        self.ring().find(text).cloned().ok_or_else(no_good)
    }

    /// Whoever shows this: a key or a session.
    ///
    /// # Errors
    /// Nothing was shown, or nothing that is good; or sessions cannot be looked up.
    pub(crate) async fn visitor(&self, shown: Option<&Credential>) -> Result<Visitor, Problem> {
        let Some(Credential::Session(id)) = shown else {
            return self.key(shown).map(Visitor::with);
        };
        let hash = SessionHash(secret::digest(id));
        let session = self
            .0
            .sessions
            .resume(hash, SESSION_IDLE)
            .await
            .map_err(|fault| unreachable(&fault))?;
        let found = session.filter(|session| wall_ms() < session.ends_ms).and_then(|session| {
            let key = self.ring().of_session(&session.key, &session.digest).cloned()?;
            Some(Visitor::with_session(key, hash, session.ends_ms))
        });
        found.ok_or_else(session_over)
    }

    /// Whether a session is no longer kept; to ask is to use it.
    async fn is_ended(&self, session: SessionHash) -> Result<bool, SessionsError> {
        Ok(self.0.sessions.resume(session, SESSION_IDLE).await?.is_none())
    }

    /// For a transport, before a body is read: writes the caller's pass.
    ///
    /// # Errors
    /// No good key, or one that may not send.
    pub fn recognise(&self, caller: &mut Caller) -> Result<(), Problem> {
        let key = self.key(caller.credential.as_ref())?;
        may_send(key.roles, &key.id)?;
        caller.pass = Some(Pass(key));
        Ok(())
    }

    /// For a transport whose connection carries many bodies: the same, and sessions too.
    ///
    /// # Errors
    /// As [`Gate::recognise`], and when sessions cannot be looked up.
    pub async fn welcome(&self, mut caller: Caller) -> Result<Caller, Problem> {
        if !matches!(caller.credential, Some(Credential::Session(_))) {
            return self.recognise(&mut caller).map(|()| caller);
        }
        let visitor = self.visitor(caller.credential.as_ref()).await?;
        may_send(visitor.roles(), visitor.key().map_or("", |key| &key.id))?;
        caller.pass = Some(visitor.pass());
        Ok(caller)
    }

    /// For the door, with each body: whose it is, and whether the tenant's limit allows it.
    ///
    /// # Errors
    /// The caller has no pass, it has ended, or the limit is reached.
    pub fn admit(&self, caller: &Caller) -> Result<Admission, Problem> {
        let pass = caller.pass.as_ref().map(|pass| &*pass.0).ok_or_else(nothing_shown)?;
        let (key, is_over, session) = if let Some(key) = pass.downcast_ref::<Key>() {
            (key, !key.is_good(), None)
        } else {
            let visitor = pass.downcast_ref::<Visitor>().ok_or_else(nothing_shown)?;
            let key = visitor.key().ok_or_else(nothing_shown)?;
            (&**key, visitor.is_over(), visitor.session_to_look_up())
        };
        if is_over {
            return Err(no_good());
        }
        let taken = key.meter.take_now(Class::Ingest).transpose()?;
        let wait = (taken.is_none() || session.is_some())
            .then(|| self.later(Arc::clone(&key.meter), taken, session));
        Ok(Admission { tenant: key.tenant.clone(), wait })
    }

    /// What could not be decided at once.
    fn later(
        &self,
        meter: Arc<Meter>,
        taken: Option<()>,
        session: Option<SessionHash>,
    ) -> BoxFuture<'static, Result<(), Problem>> {
        let gate = self.clone();
        Box::pin(async move {
            if let Some(session) = session
                && gate.is_ended(session).await.map_err(|fault| unreachable(&fault))?
            {
                return Err(session_over());
            }
            if taken.is_none() { meter.take(Class::Ingest).await } else { Ok(()) }
        })
    }

    /// Logs in: keeps a session and answers its id, for the cookie.
    async fn begin_session(&self, key: &Key, ends_ms: u64) -> Result<String, Problem> {
        let internal = |fault: NoRandomness| Problem::new(ProblemKind::Internal, fault.to_string());
        let id = secret::fresh().map_err(internal)?;
        let session = Session { key: key.id.clone(), digest: key.digest, ends_ms };
        let hash = SessionHash(secret::digest(&id));
        self.0
            .sessions
            .begin(hash, session, SESSION_IDLE)
            .await
            .map_err(|fault| unreachable(&fault))?;
        Ok(id)
    }

    async fn end_session(&self, id: &str) -> Result<(), Problem> {
        self.0
            .sessions
            .end(SessionHash(secret::digest(id)))
            .await
            .map_err(|fault| unreachable(&fault))
    }
}

fn unreachable(fault: &SessionsError) -> Problem {
    Problem::new(ProblemKind::SessionsUnreachable, fault.to_string())
}

fn session_over() -> Problem {
    Problem::new(ProblemKind::Unauthorized, "the session is over; log in again")
}

fn may_send(roles: Roles, key: &str) -> Result<(), Problem> {
    if roles.have(Role::Ingest) { Ok(()) } else { Err(denied(key, Role::Ingest)) }
}

fn denied(key: &str, role: Role) -> Problem {
    let role = role.name();
    let detail = format!("the key {key:?} has not the role \"{role}\" that this needs");
    Problem::new(ProblemKind::Denied, detail)
}

fn nothing_shown() -> Problem {
    let detail = "this server asks for a key: send it as Authorization: Bearer KEY, or as \
                  X-API-Key: KEY; a browser logs in on the page";
    Problem::new(ProblemKind::Unauthorized, detail)
}

/// One answer for an unknown id, a wrong secret, a revoked and an expired key: who tries learns
/// nothing.
fn no_good() -> Problem {
    let detail = "this key is unknown, wrong, revoked or expired";
    Problem::new(ProblemKind::Unauthorized, detail)
}

/// The wall clock: expiry is a date.
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
