//! `POST /v1/grants` and `POST /v1/grants:withdraw`: what somebody earned elsewhere, as a service of the host says.
//! Each happens once for the service's id of it, in the same transaction as its row of the ledger.

use std::{future::Future, sync::Arc};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde::Deserialize;
use tierlift_core::{
    account::Account,
    change::Change,
    decide::{self, GrantError, Granted, ServiceRequest},
    id::{self, ServiceGrantId, UserId},
    ledger::Act,
    limits::CONFLICT_RETRIES_MAX,
    policy::{OPERATOR, Policy, Role},
    ports::{Store, StoreError},
    service_grant::ServiceGrant,
    time::Timestamp,
    wire::grant::GrantView,
};

use super::{
    Error, Service,
    users::{json, parse},
};
use crate::Access;

/// Pushes what a request changed, where no change feed does.
pub trait Push: Send + Sync + 'static {
    /// Pushes changes that are committed to the sockets of their users.
    fn push(&self, changes: &[Change]) -> impl Future<Output = ()> + Send;
}

/// Where a change feed is read, it pushes what is committed.
impl Push for () {
    async fn push(&self, _: &[Change]) {}
}

struct Grants<S, P> {
    access: Arc<Access<S>>,
    push: P,
}

/// The body of `POST /v1/grants`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GrantBody {
    grant_id: String,
    user_id: String,
    role: String,
    #[serde(default)]
    expires_at: Option<String>,
    reason: String,
}

/// The body of `POST /v1/grants:withdraw`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WithdrawBody {
    grant_id: String,
    user_id: String,
    reason: String,
}

/// The routes, without their guard.
pub(super) fn router<S: Store + 'static, P: Push>(access: Arc<Access<S>>, push: P) -> Router {
    Router::new()
        .route("/v1/grants", post(grant::<S, P>))
        .route("/v1/grants:withdraw", post(withdraw::<S, P>))
        .with_state(Arc::new(Grants { access, push }))
}

async fn grant<S: Store + 'static, P: Push>(
    State(grants): State<Arc<Grants<S, P>>>,
    Extension(service): Extension<Service>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let GrantBody { grant_id, user_id, role, expires_at, reason } = parse(&body?)?;
    let user = UserId::new(&user_id)?;
    let until = expires_at.map(|text| text.parse()).transpose();
    let request = ServiceRequest {
        id: id_of(&service, &grant_id)?,
        role: role_of(&role, &grants.access.policy.current())?,
        until: until.map_err(|error| Error::Body(format!("expiresAt: {error}")))?,
        act: act(&service, &reason)?,
    };
    let decide = move |account, policy: &Policy, now| decide::grant(account, &request, policy, now);
    let grant = grants.settle(user.clone(), decide).await?;
    Ok(json(&GrantView::new(grant_id, user, grant)).into_response())
}

async fn withdraw<S: Store + 'static, P: Push>(
    State(grants): State<Arc<Grants<S, P>>>,
    Extension(service): Extension<Service>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let WithdrawBody { grant_id, user_id, reason } = parse(&body?)?;
    let user = UserId::new(&user_id)?;
    let (id, act) = (id_of(&service, &grant_id)?, act(&service, &reason)?);
    let decide =
        move |account, policy: &Policy, now| decide::withdraw(account, &id, &act, policy, now);
    let grant = grants.settle(user.clone(), decide).await?;
    Ok(json(&GrantView::new(grant_id, user, grant)).into_response())
}

/// The grant's id among those of all services. A service's name has no colon.
fn id_of(Service(name): &Service, id: &str) -> Result<ServiceGrantId, Error> {
    let id = if id.is_empty() {
        Err(id::Error::Empty)
    } else {
        ServiceGrantId::new(&format!("{name}:{id}"))
    };
    id.map_err(|error| Error::Body(format!("grantId, with the service's name: {error}")))
}

fn role_of(name: &str, policy: &Policy) -> Result<Role, Error> {
    let role = policy.role(name).filter(|role| role.as_str() != OPERATOR);
    role.cloned().ok_or_else(|| Error::Role(name.to_owned()))
}

fn act(Service(name): &Service, reason: &str) -> Result<Act, Error> {
    Act::new(name, reason).map_err(|error| Error::Body(error.to_string()))
}

impl<S: Store + 'static, P: Push> Grants<S, P> {
    /// Commits what is decided, and pushes it, even if nobody waits for the answer any more.
    async fn settle(
        self: &Arc<Self>,
        user: UserId,
        decide: impl Fn(Account, &Policy, Timestamp) -> Result<Granted, GrantError> + Send + 'static,
    ) -> Result<ServiceGrant, Error> {
        let grants = Arc::clone(self);
        let settled = tokio::spawn(async move { grants.try_settle(&user, decide).await });
        settled.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.into()).into()))
    }

    async fn try_settle(
        &self,
        user: &UserId,
        decide: impl Fn(Account, &Policy, Timestamp) -> Result<Granted, GrantError> + Send,
    ) -> Result<ServiceGrant, Error> {
        let Access { policy, clock, .. } = &*self.access;
        let policy = policy.current();
        let mut is_in_ledger = false;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let account = self.access.store.account(user).await?;
            let account = account.unwrap_or_else(|| Account::new(user.clone(), &policy));
            let (commit, grant) = match decide(account, &policy, clock.now())? {
                Granted::Known(grant) => return Ok(grant),
                Granted::Commit(commit, grant) => (*commit, grant),
            };
            let changes = commit.changes.clone();
            match self.access.commit(commit).await {
                Ok(()) => {
                    self.push.push(&changes).await;
                    return Ok(grant);
                }
                // Another request was first, for this user: the account has it now. Or for another one.
                Err(StoreError::Duplicate) if is_in_ledger => {
                    return Err(GrantError::Differs.into());
                }
                Err(StoreError::Duplicate) => is_in_ledger = true,
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}
