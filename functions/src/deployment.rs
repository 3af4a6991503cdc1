//! What must be right before a deployment reaches anybody: everything that the functions read at their start or with
//! their first request. It is read in the same way, and by the same code.
//!
//! It changes nothing, and asks nobody but the secrets' stores and the issuer of tokens.

use tierlift_aws::{lambda::Function, secrets::CachedSecret};
use tierlift_core::token::TokenKeys;
use tierlift_session::jwks;

use crate::rotating_client::RotatingClient;

/// Checks what the function's environment describes. All that is wrong is named, one per line.
pub async fn check(function: &Function) -> Result<(), String> {
    let wrong: Vec<String> = [
        configuration(function).await.map_err(|error| error.to_string()),
        signing_secrets(function).await.map_err(|error| error.to_string()),
        token_secret(function).await.map_err(|error| error.to_string()),
        service_tokens(function).await.map_err(|error| error.to_string()),
        signing_keys(function).await.map_err(|error| error.to_string()),
        key_set(function).await.map_err(|error| error.to_string()),
        stripe_key(function).await.map_err(|error| error.to_string()),
        traces(
            tierlift_traces::ENDPOINTS.iter().any(|name| function.environment.get(name).is_some()),
            tierlift_traces::IS_BUILT_IN,
        ),
    ]
    .into_iter()
    .filter_map(Result::err)
    .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

async fn configuration(function: &Function) -> anyhow::Result<()> {
    let environment = function.clone().with_policy_document().await?.environment;
    environment.stripe()?;
    environment.policy()?;
    environment.connected_accounts()?;
    environment.allowed_origins()?;
    environment.authorize_cookie()?;
    environment.stale_ok_seconds()?;
    Ok(())
}

async fn signing_secrets(function: &Function) -> anyhow::Result<()> {
    let Function { environment, sdk, clock, .. } = function;
    CachedSecret::signing_secrets(environment, sdk, clock)?.current().await?;
    Ok(())
}

async fn token_secret(function: &Function) -> anyhow::Result<()> {
    let Function { environment, sdk, clock, .. } = function;
    if let Some(source) = CachedSecret::token_secret(environment, sdk, clock)? {
        source.current().await?;
    }
    Ok(())
}

async fn service_tokens(function: &Function) -> anyhow::Result<()> {
    let Function { environment, sdk, clock, .. } = function;
    if let Some(source) = CachedSecret::service_tokens(environment, sdk, clock)? {
        source.current().await?;
    }
    Ok(())
}

async fn signing_keys(function: &Function) -> anyhow::Result<()> {
    let Function { environment, sdk, clock, .. } = function;
    if let Some(source) = CachedSecret::signing_keys(environment, sdk, clock)? {
        source.current().await?;
    }
    Ok(())
}

async fn key_set(function: &Function) -> anyhow::Result<()> {
    let Some(url) = function.environment.tokens()?.jwks_url else { return Ok(()) };
    let document = jwks::fetch(url)().await.map_err(|error| anyhow::anyhow!("{error}"))?;
    TokenKeys::default().with_jwks(&document.json)?;
    Ok(())
}

/// Whether a key is for this mode, too.
async fn stripe_key(function: &Function) -> anyhow::Result<()> {
    let Function { environment, sdk, clock, .. } = function;
    // What is wrong with the mode is a fault of the configuration, and reported there.
    let livemode = environment.policy_of_accounts().is_ok_and(|policy| policy.livemode);
    if let Some(client) = RotatingClient::open(environment, sdk, clock, livemode)? {
        client.current().await?;
    }
    Ok(())
}

/// Whether traces can be sent, if they are to be.
fn traces(are_wanted: bool, is_built_in: bool) -> Result<(), String> {
    if are_wanted && !is_built_in {
        return Err("OtlpEndpoint: the functions are built without the feature otlp".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_without_otlp_are_not_deployed_with_a_collector() {
        for (are_wanted, is_built_in, is_right) in
            [(true, true, true), (true, false, false), (false, true, true), (false, false, true)]
        {
            let checked = traces(are_wanted, is_built_in);
            assert_eq!(checked.is_ok(), is_right, "{are_wanted} {is_built_in}");
        }
    }
}
