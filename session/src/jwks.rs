//! An issuer's key set over HTTP: one GET, with limits on its time and size.

use std::time::Duration;

use tierlift_core::limits::{JWKS_BYTES_MAX, JWKS_FETCH_TIMEOUT_SECS};

use crate::{Fetch, FetchError};

/// Returns a function that fetches this URL's document, on a thread of the runtime's blocking pool.
#[must_use]
pub fn fetch(url: String) -> Fetch {
    let timeout = Some(Duration::from_secs(JWKS_FETCH_TIMEOUT_SECS));
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(timeout).build().into();
    Box::new(move || {
        let (agent, url) = (agent.clone(), url.clone());
        let get = tokio::task::spawn_blocking(move || get(&agent, &url));
        Box::pin(async move { get.await? })
    })
}

fn get(agent: &ureq::Agent, url: &str) -> Result<Vec<u8>, FetchError> {
    let mut response = agent.get(url).call()?;
    Ok(response.body_mut().with_config().limit(JWKS_BYTES_MAX).read_to_vec()?)
}
