//! A layer for a host application's own routes: it refuses requests of users without a role.
//!
//! It puts the [`Session`] into the request's extensions. The role is the account's effective one at the
//! time of the request, whatever the token was issued for.

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

/// The policy does not have the role that a guard requires.
#[derive(Debug, thiserror::Error)]
#[error("there is no role {role:?}; the roles are {roles}")]
pub struct UnknownRole {
    /// The required role.
    pub role: String,
    /// The roles of the policy.
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
/// ```
pub struct RequireRole<S> {
    access: Arc<Access<S>>,
    role: Role,
}

impl<S> RequireRole<S> {
    /// A guard for a role of the policy. An unknown role is an error: it would admit everybody.
    pub fn new(access: Arc<Access<S>>, role: &str) -> Result<Self, UnknownRole> {
        let policy = access.policy.current();
        let role = policy.role(role).cloned().ok_or_else(|| unknown(role, &policy))?;
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
        // The service that was polled ready must be the one to call; its clone serves the next request.
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
