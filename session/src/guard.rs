//! A layer for a host application's own routes: no further without the role.
//!
//! The [`Session`] is put into the request's extensions. What the token says about the role is not
//! asked: the account is, and at this moment.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use tierlift_core::{
    policy::{Policy, Role},
    ports::Store,
    wire::session::Session,
};
use tower::{Layer, Service};

use crate::{Access, bearer};

/// A guard was asked for a role that the policy does not have.
#[derive(Debug, thiserror::Error)]
#[error("there is no role {role:?}; the roles are {roles}")]
pub struct UnknownRole {
    /// What was asked for.
    pub role: String,
    /// What there is.
    pub roles: String,
}

/// Serves only requests whose user has at least a role now; others get 401 or 403.
///
/// A handler behind the guard gets the user's session as an extension:
///
/// ```
/// use std::sync::Arc;
///
/// use axum::{Extension, Router, routing::get};
/// use tierlift_core::{ports::Store, wire::session::Session};
/// use tierlift_session::{Access, RequireRole, UnknownRole};
///
/// async fn reports(Extension(session): Extension<Session>) -> String {
///     format!("reports for {}", session.user_id)
/// }
///
/// fn routes<S: Store + 'static>(access: Arc<Access<S>>) -> Result<Router, UnknownRole> {
///     let paid = RequireRole::new(access, "paid")?;
///     Ok(Router::new().route("/reports", get(reports)).layer(paid))
/// }
/// # use tierlift_core::{account::Account, customer::Customer, decide::{Commit, Loaded}};
/// # use tierlift_core::{id::{CustomerId, EventId, UserId}, ledger::LedgerEntry, policy::Policy};
/// # use tierlift_core::{ports::{LoadKeys, StoreError}, time::{Clock, Timestamp}, token::TokenKeys};
/// # struct Empty;
/// # impl Store for Empty {
/// #     async fn load(&self, _: &LoadKeys) -> Result<Loaded, StoreError> { unimplemented!() }
/// #     async fn commit(&self, _: Commit) -> Result<(), StoreError> { unimplemented!() }
/// #     async fn account(&self, _: &UserId) -> Result<Option<Account>, StoreError> { Ok(None) }
/// #     async fn customer(&self, _: &CustomerId) -> Result<Option<Customer>, StoreError> { Ok(None) }
/// #     async fn ledger(&self, _: &EventId) -> Result<Option<LedgerEntry>, StoreError> { Ok(None) }
/// #     async fn expired(&self, _: Timestamp, _: usize) -> Result<Vec<UserId>, StoreError> { Ok(vec![]) }
/// # }
/// # let policy = |roles: [&str; 2]| Arc::new(Policy::new(tierlift_core::policy::PolicyConfig {
/// #     roles: roles.map(str::to_owned).to_vec(), ..Default::default()
/// # }).unwrap());
/// # let access = |roles| Arc::new(Access {
/// #     store: Empty, policy: policy(roles), clock: Clock::new(Timestamp::default),
/// #     keyring: tierlift_session::Keyring::fixed(TokenKeys::default()),
/// # });
/// # assert!(routes(access(["free", "paid"])).is_ok());
/// # assert!(routes(access(["free", "gold"])).unwrap_err().to_string().contains("free, gold"));
/// ```
pub struct RequireRole<S> {
    access: Arc<Access<S>>,
    role: Role,
}

impl<S> RequireRole<S> {
    /// A guard for a role of the policy. A role that no policy knows would let everybody in.
    pub fn new(access: Arc<Access<S>>, role: &str) -> Result<Self, UnknownRole> {
        let role =
            access.policy.role(role).cloned().ok_or_else(|| unknown(role, &access.policy))?;
        Ok(Self { access, role })
    }
}

fn unknown(role: &str, policy: &Policy) -> UnknownRole {
    let roles: Vec<&str> = policy.roles().map(Role::as_str).collect();
    UnknownRole { role: role.to_owned(), roles: roles.join(", ") }
}

impl<S> Clone for RequireRole<S> {
    fn clone(&self) -> Self {
        Self { access: Arc::clone(&self.access), role: self.role.clone() }
    }
}

impl<S, I> Layer<I> for RequireRole<S> {
    type Service = Guarded<S, I>;

    fn layer(&self, inner: I) -> Self::Service {
        Guarded { guard: self.clone(), inner }
    }
}

/// A service behind a [`RequireRole`].
pub struct Guarded<S, I> {
    guard: RequireRole<S>,
    inner: I,
}

impl<S, I: Clone> Clone for Guarded<S, I> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone(), inner: self.inner.clone() }
    }
}

impl<S, I> Service<Request> for Guarded<S, I>
where
    S: Store + 'static,
    I: Service<Request> + Clone + Send + 'static,
    I::Response: IntoResponse,
    I::Future: Send,
{
    type Response = Response;
    type Error = I::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, I::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // The service that was polled ready is the one to call; its clone waits for the next.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let RequireRole { access, role } = self.guard.clone();
        Box::pin(async move {
            let session: Session = match access.require(bearer(request.headers()), &role).await {
                Ok(session) => session,
                Err(error) => return Ok(error.into_response()),
            };
            request.extensions_mut().insert(session);
            inner.call(request).await.map(IntoResponse::into_response)
        })
    }
}
