//! The whole pipeline in one process: opened from settings, run until told to stop.
//!
//! It stops in the order of the data: no new connections, requests in flight are answered, what is
//! in hand is committed and told, sockets are closed. What is still queued is durable and waits.

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use tierlift_core::{
    limits::{
        REQUEST_BODY_TIMEOUT_SECS, REQUEST_HEAD_TIMEOUT_SECS, SHUTDOWN_TIMEOUT_SECS,
        SOCKET_CLOSE_TIMEOUT_SECS, SOCKET_PING_INTERVAL_SECS,
    },
    policy::Policy,
    stripe::signature::Secrets,
    time::Clock,
    token::TokenKeys,
};
use tierlift_ingest::Ingest;
use tierlift_notifier::Origins;
use tierlift_session::{Access, Keyring, RequireRole, SourceError, UnknownRole, jwks};
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};

use crate::{
    Registry, consumer, db,
    db::Db,
    http::{self, Accepting, Door, Operations, Parts, accept},
    maintenance, metrics,
    sockets::Talk,
};

/// What a server is opened from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data file; it is created where there is none.
    pub data: PathBuf,
    /// What earns what.
    pub policy: Arc<Policy>,
    /// With which webhooks are signed.
    pub secrets: Secrets,
    /// With which tokens are signed; besides those of the key set.
    pub keys: TokenKeys,
    /// Where the key set of the tokens' issuer is, if somebody else issues them.
    pub jwks_url: Option<String>,
    /// Origins whose pages may call and open sockets, as browsers write them.
    pub allowed_origins: Vec<String>,
    /// What time it is.
    pub clock: Clock,
    /// How long things may take.
    pub timeouts: Timeouts,
}

/// How long things may take. The defaults are the limits of core.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the end of one request to the complete head of the next, and for a client that takes
    /// nothing of an answer.
    pub request_head: Duration,
    /// A webhook's body.
    pub request_body: Duration,
    /// From one ping of a socket to the next.
    pub socket_ping: Duration,
    /// The closing of a socket.
    pub socket_close: Duration,
    /// A shutdown.
    pub shutdown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request_head: Duration::from_secs(REQUEST_HEAD_TIMEOUT_SECS),
            request_body: Duration::from_secs(REQUEST_BODY_TIMEOUT_SECS),
            socket_ping: Duration::from_secs(SOCKET_PING_INTERVAL_SECS),
            socket_close: Duration::from_secs(SOCKET_CLOSE_TIMEOUT_SECS),
            shutdown: Duration::from_secs(SHUTDOWN_TIMEOUT_SECS),
        }
    }
}

/// Why a server cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data file is unusable.
    #[error(transparent)]
    Db(#[from] db::OpenError),
    /// The data file cannot be written.
    #[error(transparent)]
    Claim(#[from] db::Error),
    /// The data file is of the other mode.
    #[error(
        "{path} holds what {} events did, and this deployment takes {} ones; name another file: a \
         role that a test event earned must never count for a live user",
        mode(!livemode), mode(*livemode)
    )]
    Livemode {
        /// The data file.
        path: String,
        /// What this deployment takes.
        livemode: bool,
    },
    /// Nobody's tokens could be checked.
    #[error("there is neither a JWT secret nor a jwks_url, so no token could be checked")]
    NoKeys,
    /// The issuer's key set is unusable or out of reach.
    #[error("jwks_url {url}: {source}")]
    Jwks {
        /// Where it should be.
        url: String,
        /// Why.
        source: SourceError,
    },
    /// An origin is not one.
    #[error(
        "allowed_origins: {0:?} is not an origin; write scheme://host[:port] in lower case, with \
         nothing behind it"
    )]
    Origin(String),
}

const fn mode(livemode: bool) -> &'static str {
    if livemode { "live" } else { "test" }
}

/// Why a server stopped before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// All consumers ended, so webhooks would pile up: the data file cannot be read any more.
    #[error("the queue cannot be read any more; see the log for why")]
    Consumers,
    /// The shutdown took longer than it may. What was acknowledged is durable all the same.
    #[error("requests, commits or sockets did not end in time; what was acknowledged is durable")]
    ShutdownTimeout,
}

/// A server that is ready to run.
pub struct Server {
    db: Db,
    access: Arc<Access<Db>>,
    secrets: Secrets,
    origins: Origins,
    timeouts: Timeouts,
    host: Router,
}

impl Server {
    /// Opens the data file and fetches the key set. From here on the file is ours.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        let Settings { data, policy, secrets, keys, jwks_url, allowed_origins, clock, timeouts } =
            settings;
        let origins = Origins::parse(allowed_origins).map_err(OpenError::Origin)?;
        let keyring = keyring(keys, jwks_url, &clock).await?;
        let db = Db::open(&data, clock.clone())?;
        let livemode = policy.livemode;
        if !db.claim(livemode).await? {
            return Err(OpenError::Livemode { path: data.display().to_string(), livemode });
        }
        let access = Arc::new(Access { store: db.clone(), policy, keyring, clock });
        Ok(Self { db, access, secrets, origins, timeouts, host: Router::new() })
    }

    /// The queue and the store.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// Tokens and sessions.
    #[must_use]
    pub const fn access(&self) -> &Arc<Access<Db>> {
        &self.access
    }

    /// A layer that lets only requests through whose user has at least this role now.
    pub fn guard(&self, role: &str) -> Result<RequireRole<Db>, UnknownRole> {
        RequireRole::new(Arc::clone(&self.access), role)
    }

    /// Adds the host's own routes.
    #[must_use]
    pub fn with_routes(self, routes: Router) -> Self {
        Self { host: self.host.merge(routes), ..self }
    }

    /// Serves until `shutdown` is done, and then ends in order.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let (db, sockets, timeouts) = (self.db.clone(), Registry::default(), self.timeouts);
        let (stop, stopping) = watch::channel(false);
        let mut consumers = self.spawn_consumers(&sockets, &stopping);
        let mut background_tasks = self.spawn_background_tasks(&sockets, &stopping);
        let accepting = Accepting {
            listener,
            router: self.into_router(&sockets),
            head_timeout: timeouts.request_head,
            // The other half is for commits and sockets.
            finish_timeout: timeouts.shutdown / 2,
        };
        let mut outcome = Ok(());
        let until = async {
            tokio::select! {
                () = shutdown => {}
                _ = consumers.join_next() => outcome = Err(RunError::Consumers),
            }
        };
        let in_flight = accept(accepting, until).await;
        let ended = timeout(timeouts.shutdown, async {
            in_flight.finish().await;
            let _ = stop.send(true);
            while consumers.join_next().await.is_some() {}
            sockets.close();
            sockets.emptied().await;
            while background_tasks.join_next().await.is_some() {}
            if let Err(error) = db.flush().await {
                tracing::error!(%error, "the last jobs are not durable; they come again");
            }
        });
        outcome.and(ended.await.map_err(|_| RunError::ShutdownTimeout))
    }

    /// What the server cannot run without.
    fn spawn_consumers(&self, sockets: &Registry, stopping: &watch::Receiver<bool>) -> JoinSet<()> {
        let (db, policy) = (self.db.clone(), Arc::clone(&self.access.policy));
        let clock = self.access.clock.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(consumer::run(db, sockets.clone(), policy, clock, stopping.clone()));
        tasks
    }

    /// What happens by the clock.
    fn spawn_background_tasks(
        &self,
        sockets: &Registry,
        stopping: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let (db, policy) = (self.db.clone(), Arc::clone(&self.access.policy));
        let clock = self.access.clock.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(maintenance::run(db, sockets.clone(), policy, clock, stopping.clone()));
        tasks.spawn(sockets.clone().keep_alive(self.timeouts.socket_ping, stopping.clone()));
        tasks.spawn(metrics::keep_up(metrics::handle(), stopping.clone()));
        tasks
    }

    fn into_router(self, sockets: &Registry) -> Router {
        let Self { db, access, secrets, origins, timeouts, host } = self;
        let (clock, policy) = (access.clock.clone(), Arc::clone(&access.policy));
        let talk = Arc::new(Talk {
            store: db.clone(),
            policy,
            clock: clock.clone(),
            close_timeout: timeouts.socket_close,
        });
        http::router(Parts {
            ingest: Arc::new(Ingest {
                queue: db.clone(),
                secrets: Arc::new(secrets),
                clock: clock.clone(),
                body_timeout: timeouts.request_body,
            }),
            door: Arc::new(Door {
                access: Arc::clone(&access),
                sockets: sockets.clone(),
                talk,
                origins,
            }),
            access,
            operations: Arc::new(Operations {
                queue: db,
                sockets: sockets.clone(),
                clock,
                metrics: metrics::handle(),
            }),
            host,
        })
    }
}

async fn keyring(
    keys: TokenKeys,
    url: Option<String>,
    clock: &Clock,
) -> Result<Keyring, OpenError> {
    match url {
        Some(url) => Keyring::fetched(keys, jwks::fetch(url.clone()), clock.now())
            .await
            .map_err(|source| OpenError::Jwks { url, source }),
        None if keys.secret().is_none() => Err(OpenError::NoKeys),
        None => Ok(Keyring::fixed(keys)),
    }
}
