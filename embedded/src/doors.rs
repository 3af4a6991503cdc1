//! The routes for hosts that are other programs, and for proxies, over the data file and the live sockets.

use std::sync::Arc;

use axum::Router;
use tierlift_core::{
    change::Change, config::CookieName, shared::Shared, time::Clock, token::ServiceTokens,
};
use tierlift_notifier::notify;
use tierlift_session::{Access, authorize, key_set, service};

use crate::{db::Db, sockets::Registry};

/// The live sockets, as the routes know them.
struct Live {
    sockets: Registry,
    clock: Clock,
}

impl service::Push for Live {
    async fn push(&self, changes: &[Change]) {
        for change in changes {
            notify(&self.sockets, change, None, &self.clock).await;
        }
    }
}

/// The routes.
pub(crate) fn router(
    db: &Db,
    access: &Arc<Access<Db>>,
    tokens: Shared<ServiceTokens>,
    cookie: Option<CookieName>,
    sockets: &Registry,
) -> Router {
    let live = Live { sockets: sockets.clone(), clock: access.clock.clone() };
    service::router(Arc::clone(access), tokens.clone(), live)
        .merge(service::changes::router(Arc::new(db.clone()), tokens))
        .merge(authorize::router(Arc::clone(access), cookie))
        .merge(key_set::router(Arc::clone(access)))
}
