//! The operators' listener: the same routes as on the socket, for browsers and other machines, with a token. It is
//! never the public one. Whoever uses it does not own the data file, so it makes no backup: that writes a file
//! where the request says.

use std::{fmt, future::Future, sync::Arc};

use axum::{
    Extension, Json, Router,
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use tierlift_core::{
    config::Origin,
    limits::{OPERATIONS_CONNECTIONS_MAX, OPERATIONS_INFLIGHT_BYTES_MAX},
    token::OperatorTokens,
    wire::problem,
};
use tierlift_operations::routes;
use tokio::{net::TcpListener, sync::watch};

use super::{
    Operator,
    caller::{Caller, guard, only_own_pages, with_headers},
    webhooks,
};
use crate::{
    http::{AcceptLoop, Connections, Hosts, Room},
    settings::Timeouts,
    stop::stopped,
};

/// Where operators come in with a token.
pub struct OperatorsListener {
    /// The listener. Tokens pass over it in the clear, so it is of this machine, or behind what speaks TLS.
    pub listener: TcpListener,
    /// Who may come in.
    pub tokens: OperatorTokens,
    /// The origins under which browsers know it. A request for another host, or of a page of another origin, is
    /// refused.
    pub origins: Vec<Origin>,
    /// Pages that are served beside the routes, to everybody.
    pub pages: Router,
}

impl fmt::Debug for OperatorsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorsListener")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

impl OperatorsListener {
    /// Serves routes that are not those of a data file, until `stop` completes. It has the same guard, and no samples for
    /// charts.
    pub async fn serve_routes(self, routes: Router, stop: impl Future<Output = ()>) {
        let origins: Arc<[Origin]> = self.origins.clone().into();
        let guarded = guarded(routes, self.tokens.clone(), origins, self.pages.clone());
        self.accept(guarded, Timeouts::default(), stop).await;
    }

    /// Serves until `stop` is true, and lets requests in progress finish.
    pub(crate) async fn serve(
        self,
        operator: Operator,
        timeouts: Timeouts,
        mut stop: watch::Receiver<bool>,
    ) {
        let history = operator.history.clone();
        let samples = get(async move || Json(history.samples()));
        let operator = Arc::new(operator);
        let own = Router::new().route("/operations/history", samples);
        let own = own.merge(webhooks::router(Arc::clone(&operator)));
        let routes = routes::router(operator).merge(own);
        let origins: Arc<[Origin]> = self.origins.clone().into();
        let guarded = guarded(routes, self.tokens.clone(), origins, self.pages.clone());
        self.accept(guarded, timeouts, async move { stopped(&mut stop).await }).await;
    }

    async fn accept(self, router: Router, timeouts: Timeouts, stop: impl Future<Output = ()>) {
        let names = self.origins.iter().filter_map(host).collect();
        let accept_loop = AcceptLoop {
            listener: self.listener,
            router,
            connections: Connections::new(Room {
                connections: OPERATIONS_CONNECTIONS_MAX,
                inflight_bytes: OPERATIONS_INFLIGHT_BYTES_MAX,
            }),
            hosts: Hosts::only(names),
            head_timeout: timeouts.request_head,
            finish_timeout: timeouts.shutdown / 2,
        };
        accept_loop.run(stop).await.finish().await;
    }
}

/// The host's name in an origin.
fn host(origin: &Origin) -> Option<String> {
    let uri: axum::http::Uri = origin.as_str().parse().ok()?;
    uri.host().map(str::to_owned)
}

/// Routes behind the guard, and pages beside them.
fn guarded(
    routes: Router,
    tokens: OperatorTokens,
    origins: Arc<[Origin]>,
    pages: Router,
) -> Router {
    routes
        .route("/operations/token", get(token))
        .method_not_allowed_fallback(async || problem::method_not_allowed())
        .route_layer(from_fn_with_state(Arc::new(tokens), guard))
        .merge(pages)
        .merge(tierlift_session::codes::router())
        .fallback(async || problem::route_not_found())
        .layer(from_fn_with_state(origins, only_own_pages))
        .layer(from_fn(with_headers))
}

/// Whose token a request has, and what it may be used for.
async fn token(Extension(caller): Extension<Caller>) -> Json<Caller> {
    Json(caller)
}
