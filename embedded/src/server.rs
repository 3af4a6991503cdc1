//! The whole pipeline in one process: opened from settings, run until it is shut down.
//!
//! It shuts down in the order of the data: no new connections, requests in progress are answered,
//! batches in progress are committed and pushed, sockets are closed. What is still queued is durable and
//! stays for the next start.

mod asking;

use std::sync::Arc;

use axum::Router;
use tierlift_core::{
    config::{CookieName, JwksUrl},
    limits::{CONNECTIONS_MAX, INFLIGHT_BYTES_MAX},
    ports::Delivery,
    shared::Shared,
    stripe::signature::Secrets,
    token::{ServiceTokens, TokenKeys},
};
use tierlift_ingest::{Ingest, Refusals};
use tierlift_notifier::Origins;
use tierlift_session::{
    Access, Keyring, LastKnown, RequireRole, UnknownRole,
    confirm::{self, NoKey},
    jwks,
};
use tierlift_worker::policy_change::note_first;
use tokio::{
    net::TcpListener,
    sync::{mpsc::Sender, watch},
    task::JoinSet,
    time::timeout,
};

use crate::{
    consumer::{self, Consumer},
    db::Db,
    doors,
    error::{OpenError, RunError},
    http::{self, AcceptLoop, Connections, Hosts, Operations, Room, RouterState, WebSocketState},
    maintenance, metrics,
    operations::{self, Operator, OperatorsListener},
    policy_change::{self, Reload},
    reconciler,
    settings::{Settings, Timeouts},
    sockets::{Registry, SocketContext},
};

/// A server that is ready to run.
///
/// The host adds its own routes, and guards those that need a role:
///
/// ```
/// use std::sync::Arc;
///
/// use axum::{Router, routing::get};
/// use tierlift_core::{
///     policy::{Policy, PolicyConfig},
///     stripe::signature::Secrets,
///     token::{Secret, ServiceTokens, TokenKeys},
/// };
/// use tierlift_embedded::{Server, Settings, Timeouts, system_clock};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let server = Server::open(Settings {
///     data: folder.path().join("tierlift.db"),
///     accept_data_loss: false,
///     policy: Policy::new(PolicyConfig::default())?.into(),
///     connected_accounts: Vec::new().into(),
///     secrets: Secrets::parse("whsec_of_an_example_in_the_manual")?,
///     keys: TokenKeys::new(Some(Secret::new("a JWT secret of at least 32 bytes")?)),
///     jwks_url: None,
///     service_tokens: ServiceTokens::default(),
///     authorize_cookie: None,
///     stale_ok_seconds: 0,
///     allowed_origins: vec!["https://app.example.com".to_owned()],
///     clock: system_clock(),
///     timeouts: Timeouts::default(),
/// })
/// .await?;
/// let reports = Router::new()
///     .route("/reports", get(async || "for paying users"))
///     .layer(server.guard("paid")?);
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let shutdown = async { /* a signal, in a real host */ };
/// server.with_routes(reports).run(listener, shutdown).await?;
/// # Ok(())
/// # }
/// ```
pub struct Server {
    db: Db,
    /// The operators' socket and their listener, until they are served.
    operators: Option<operations::Socket>,
    operators_listener: Option<OperatorsListener>,
    access: Arc<Access<Db>>,
    sockets: Registry,
    reload: Reload,
    secrets: Secrets,
    origins: Origins,
    service_tokens: ServiceTokens,
    authorize_cookie: Option<CookieName>,
    timeouts: Timeouts,
    host: Router,
    hosts: Hosts,
    /// What asks Stripe, or sends webhooks to the host.
    asking: Vec<reconciler::Task>,
    /// Where operators ask for a reconciliation, if Stripe may be asked.
    reconciler: Option<reconciler::Handle>,
    /// Where thin events go, if Stripe may be asked.
    thin: Option<Sender<Delivery>>,
    /// The route that confirms checkouts.
    confirm: Router,
}

impl Server {
    /// Opens the data file, which is locked from then on.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        let Settings {
            data,
            accept_data_loss,
            policy,
            connected_accounts,
            secrets,
            keys,
            jwks_url,
            service_tokens,
            authorize_cookie,
            stale_ok_seconds,
            allowed_origins,
            clock,
            timeouts,
        } = settings;
        let origins = Origins::parse(allowed_origins).map_err(OpenError::Origin)?;
        let keyring = keyring(keys, jwks_url)?;
        let open = if accept_data_loss { Db::open_accepting_data_loss } else { Db::open };
        let db = open(&data, clock.clone())?;
        let livemode = policy.current().livemode;
        if !db.claim(livemode).await? {
            return Err(OpenError::Livemode { path: data.display().to_string(), livemode });
        }
        let operators = operations::Socket::listen(&data);
        note_first(&db, &policy.current()).await?;
        if let Some(latest) = db.latest_commit_at().await? {
            clock.compare(latest);
        }
        let reload = Reload::new(policy.clone(), connected_accounts);
        let last_known = LastKnown::for_secs(stale_ok_seconds);
        db.tell_commits_to(last_known.clone());
        let access = Arc::new(Access { store: db.clone(), policy, keyring, clock, last_known });
        let confirm = confirm::router(Arc::clone(&access), NoKey);
        Ok(Self {
            db,
            operators,
            operators_listener: None,
            access,
            sockets: Registry::default(),
            reload,
            secrets,
            origins,
            service_tokens,
            authorize_cookie,
            timeouts,
            host: Router::new(),
            hosts: Hosts::default(),
            asking: Vec::new(),
            reconciler: None,
            thin: None,
            confirm,
        })
    }

    /// The queue and the store.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// Verifies tokens and answers sessions.
    #[must_use]
    pub const fn access(&self) -> &Arc<Access<Db>> {
        &self.access
    }

    /// The live sockets.
    #[must_use]
    pub const fn sockets(&self) -> &Registry {
        &self.sockets
    }

    /// Replaces the rules while the server runs.
    #[must_use]
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// A layer that passes a request on only if its user has at least this role now.
    pub fn guard(&self, role: &str) -> Result<RequireRole<Db>, UnknownRole> {
        RequireRole::new(Arc::clone(&self.access), role)
    }

    /// Adds the host's own routes. Their requests have the limits of
    /// [`REQUEST_BODY_BYTES_MAX`](tierlift_core::limits::REQUEST_BODY_BYTES_MAX) and
    /// [`REQUEST_TIMEOUT_SECS`](tierlift_core::limits::REQUEST_TIMEOUT_SECS).
    #[must_use]
    pub fn with_routes(self, routes: Router) -> Self {
        Self { host: self.host.merge(routes), ..self }
    }

    /// Refuses requests whose `Host` is none of these names, whatever the port. Without this, any is
    /// accepted.
    #[must_use]
    pub fn with_hosts(self, names: Vec<String>) -> Self {
        Self { hosts: Hosts::only(names), ..self }
    }

    /// Lets operators in with a token, on a listener of their own.
    #[must_use]
    pub fn with_operators_listener(self, listener: OperatorsListener) -> Self {
        Self { operators_listener: Some(listener), ..self }
    }

    fn consumer(&self) -> Consumer {
        Consumer {
            db: self.db.clone(),
            sockets: self.sockets.clone(),
            policy: self.access.policy.clone(),
            clock: self.access.clock.clone(),
            thin: self.thin.clone(),
        }
    }

    /// Serves until `shutdown` completes, and then shuts down gracefully.
    pub async fn run(
        mut self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let (db, sockets, timeouts) = (self.db.clone(), self.sockets.clone(), self.timeouts);
        let mut asking = JoinSet::new();
        for task in self.asking.drain(..) {
            asking.spawn(task);
        }
        let (stop, stopping) = watch::channel(false);
        let mut consumers = JoinSet::new();
        // Without them the server stops.
        consumers.spawn(consumer::run(self.consumer(), stopping.clone()));
        let mut background_tasks = self.spawn_background_tasks(&sockets, &stopping);
        let connections = Connections::new(Room {
            connections: CONNECTIONS_MAX,
            inflight_bytes: INFLIGHT_BYTES_MAX,
        });
        let accept_loop = AcceptLoop {
            listener,
            hosts: self.hosts.clone(),
            router: self.into_router(&sockets, &connections),
            connections,
            head_timeout: timeouts.request_head,
            // The other half of the time is for commits and sockets.
            finish_timeout: timeouts.shutdown / 2,
        };
        let mut outcome = Ok(());
        let until = async {
            tokio::select! {
                () = shutdown => {}
                _ = consumers.join_next() => outcome = Err(RunError::Consumers),
            }
        };
        let connections = accept_loop.run(until).await;
        db.end_waits();
        let ended = timeout(timeouts.shutdown, async {
            connections.finish().await;
            // The next start continues after the latest page, and asks about who is still due.
            asking.shutdown().await;
            let _ = stop.send(true);
            while consumers.join_next().await.is_some() {}
            sockets.close();
            sockets.wait_until_empty().await;
            while background_tasks.join_next().await.is_some() {}
            if let Err(error) = db.flush().await {
                tracing::error!(%error, "last deletions not durable, their messages are redelivered");
            }
        });
        outcome.and(ended.await.map_err(|_| RunError::ShutdownTimeout))
    }

    /// The tasks that run by the clock.
    fn spawn_background_tasks(
        &mut self,
        sockets: &Registry,
        stopping: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let (db, clock) = (self.db.clone(), self.access.clock.clone());
        let (again, later) = (db.clone(), clock.clone());
        let (reload, reloaded) = (self.reload.clone(), self.reload.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(maintenance::run(db, sockets.clone(), reload, clock, stopping.clone()));
        tasks.spawn(policy_change::run(again, sockets.clone(), reloaded, later, stopping.clone()));
        let checked = self.db.clone();
        tasks.spawn(async move { checked.check_at_start().await });
        tasks.spawn(sockets.clone().keep_alive(
            self.timeouts.socket_ping,
            self.access.clock.clone(),
            stopping.clone(),
        ));
        let (db, clock) = (self.db.clone(), self.access.clock.clone());
        let operator = Operator::of_server(db, &self.reload, clock, sockets.clone());
        let operator = operator.with_reconciler(self.reconciler.take());
        tasks.spawn(operator.clone().watch(stopping.clone()));
        if let Some(listener) = self.operators_listener.take() {
            tasks.spawn(listener.serve(operator.clone(), self.timeouts, stopping.clone()));
        }
        if let Some(socket) = self.operators.take() {
            tasks.spawn(operations::serve(socket, operator.router(), stopping.clone()));
        }
        tasks.spawn(metrics::aggregate(metrics::handle(), stopping.clone()));
        tasks
    }

    fn into_router(self, sockets: &Registry, connections: &Connections) -> Router {
        let Self { db, access, reload, secrets, origins, timeouts, host, confirm, .. } = self;
        let tokens = Shared::new(self.service_tokens);
        let doors = doors::router(&db, &access, tokens, self.authorize_cookie, sockets);
        let (clock, policy) = (access.clock.clone(), access.policy.clone());
        let context = Arc::new(SocketContext {
            store: db.clone(),
            policy,
            clock: clock.clone(),
            close_timeout: timeouts.socket_close,
        });
        http::router(RouterState {
            ingest: Arc::new(Ingest {
                queue: db.clone(),
                secrets: Arc::new(secrets),
                connected_accounts: reload.connected_accounts,
                clock: clock.clone(),
                body_timeout: timeouts.request_body,
                refusals: Refusals::default(),
            }),
            web_socket: Arc::new(WebSocketState {
                access: Arc::clone(&access),
                sockets: sockets.clone(),
                context,
                origins,
            }),
            access,
            confirm,
            doors,
            operations: Arc::new(Operations {
                queue: db,
                sockets: sockets.clone(),
                connections: connections.clone(),
                clock,
                metrics: metrics::handle(),
            }),
            host,
        })
    }
}

/// The keys of access tokens. Those of an issuer are fetched when a token first needs them.
fn keyring(keys: TokenKeys, url: Option<JwksUrl>) -> Result<Keyring, OpenError> {
    match url {
        Some(_) if !keys.rules().name_an_issuer() => Err(OpenError::NoIssuer),
        Some(url) => Ok(Keyring::with_key_set(keys, jwks::fetch(url))),
        None if !keys.can_issue() => Err(OpenError::NoKeys),
        None => Ok(Keyring::fixed(keys)),
    }
}
