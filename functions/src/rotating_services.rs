//! The tokens of the host's services, which may be replaced while a function lives: they are looked up before each
//! request that needs them, and their source decides how long they may be cached.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tierlift_aws::{lambda::Function, secrets::CachedSecret};
use tierlift_core::{shared::Shared, token::ServiceTokens};
use tierlift_session::Error;

/// The tokens, and their source. Without one there are none, and no service is let in.
pub struct RotatingServices {
    tokens: Shared<ServiceTokens>,
    source: Option<CachedSecret<ServiceTokens>>,
}

impl RotatingServices {
    /// Opens what the function's environment describes.
    pub fn open(function: &Function) -> anyhow::Result<Self> {
        let Function { environment, sdk, clock, .. } = function;
        let source = CachedSecret::service_tokens(environment, sdk, clock)?;
        Ok(Self { tokens: Shared::new(ServiceTokens::default()), source })
    }

    /// The tokens that were current at the latest request.
    #[must_use]
    pub fn tokens(&self) -> Shared<ServiceTokens> {
        self.tokens.clone()
    }
}

/// A middleware that looks up the tokens before a route is served.
pub async fn look_up_first(
    State(services): State<Arc<RotatingServices>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(source) = &services.source {
        match source.current().await {
            Ok(current) => services.tokens.replace(ServiceTokens::clone(&current)),
            Err(error) => return Error::from(error).into_response(),
        }
    }
    next.run(request).await
}
