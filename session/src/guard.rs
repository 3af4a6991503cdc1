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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{body::Body, http::header::AUTHORIZATION};
    use tierlift_core::{
        account::Account,
        customer::Customer,
        decide::{Commit, Loaded},
        id::{CustomerId, EventId, RevocationId, UserId},
        ledger::LedgerEntry,
        policy::PolicyConfig,
        ports::{LoadKeys, StoreError},
        time::{Clock, Timestamp},
        token::{Secret, TokenKeys},
    };
    use tower::ServiceExt as _;

    use super::*;
    use crate::{Keyring, LastKnown};

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    /// A store that knows nobody.
    struct Nobody;

    impl Store for Nobody {
        async fn load(&self, _: &LoadKeys) -> Result<Loaded, StoreError> {
            unreachable!("a guard decides nothing")
        }

        async fn commit(&self, _: Commit) -> Result<(), StoreError> {
            unreachable!("a guard commits nothing")
        }

        async fn account(&self, _: &UserId) -> Result<Option<Account>, StoreError> {
            Ok(None)
        }

        async fn customer(&self, _: &CustomerId) -> Result<Option<Customer>, StoreError> {
            unreachable!("a guard reads no customers")
        }

        async fn ledger(&self, _: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
            unreachable!("a guard reads no ledger")
        }

        async fn expired(&self, _: Timestamp, _: usize) -> Result<Vec<UserId>, StoreError> {
            unreachable!("a guard expires nothing")
        }
    }

    /// A service that must be ready before each call. A clone of it is not.
    #[derive(Default)]
    struct Reserved {
        is_ready: bool,
    }

    impl Clone for Reserved {
        fn clone(&self) -> Self {
            Self::default()
        }
    }

    impl Service<Request> for Reserved {
        type Response = String;
        type Error = Infallible;
        type Future = std::future::Ready<Result<String, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.is_ready = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request) -> Self::Future {
            assert!(std::mem::take(&mut self.is_ready), "called before it was ready");
            let session = request.extensions().get::<Session>();
            std::future::ready(Ok(session.map(|session| session.user_id.clone()).unwrap()))
        }
    }

    fn secret() -> Secret {
        Secret::new("a secret of thirty-two bytes long").unwrap()
    }

    fn access() -> Arc<Access<Nobody>> {
        Arc::new(Access {
            store: Nobody,
            policy: Policy::new(PolicyConfig::default()).unwrap().into(),
            keyring: Keyring::fixed(TokenKeys::new(Some(secret()))),
            clock: Clock::new(|| NOW),
            last_known: LastKnown::default(),
        })
    }

    #[tokio::test]
    async fn the_service_that_was_ready_is_the_one_that_is_called() {
        let guard = RequireRole::new(access(), "free").unwrap();
        let mut guarded = guard.layer(Reserved::default());
        let token = secret().mint(&UserId::new("ada").unwrap(), RevocationId(0), NOW);
        for _ in 0..2 {
            let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}"));
            let request = request.body(Body::empty()).unwrap();
            let response = guarded.ready().await.unwrap().call(request).await.unwrap();
            assert_eq!(response.status(), 200);
        }
    }

    #[test]
    fn an_unknown_role_is_refused_with_those_that_exist() {
        let unknown = RequireRole::new(access(), "paied").err().unwrap();
        let message = "there is no role \"paied\"; the roles are free, paid, operator";
        assert_eq!(unknown.to_string(), message);
    }
}
