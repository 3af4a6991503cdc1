//! An issuer's key set over HTTP: one GET, with limits on its time and size. A redirect is not followed: the
//! keys are those of the configured host.

use std::time::Duration;

use axum::http::{StatusCode, header::CACHE_CONTROL};
use tierlift_core::{
    config::JwksUrl,
    limits::{JWKS_BYTES_MAX, JWKS_FETCH_TIMEOUT_SECS},
};

use crate::{Document, Fetch, FetchError};

/// Returns a function that fetches this URL's document, on a thread of the runtime's blocking pool.
#[must_use]
pub fn fetch(url: JwksUrl) -> Fetch {
    let timeout = Some(Duration::from_secs(JWKS_FETCH_TIMEOUT_SECS));
    let config = ureq::Agent::config_builder().timeout_global(timeout).max_redirects(0);
    let agent: ureq::Agent = config.build().into();
    Box::new(move || {
        let (agent, url) = (agent.clone(), url.clone());
        let get = tokio::task::spawn_blocking(move || get(&agent, &url));
        Box::pin(async move { get.await? })
    })
}

fn get(agent: &ureq::Agent, url: &JwksUrl) -> Result<Document, FetchError> {
    let mut response = agent.get(url.as_str()).call()?;
    let status = response.status();
    if status != StatusCode::OK {
        return Err(format!("{url} answers {status}; a redirect is not followed").into());
    }
    let cache_control = response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let max_age = cache_control.and_then(max_age);
    let json = response.body_mut().with_config().limit(JWKS_BYTES_MAX).read_to_vec()?;
    Ok(Document { json, max_age })
}

/// The time for which an answer may be kept (RFC 9111, section 5.2.2); `None` if it does not say.
fn max_age(cache_control: &str) -> Option<Duration> {
    let directives = || cache_control.split(',').map(|directive| directive.trim().to_lowercase());
    if directives().any(|directive| directive == "no-store" || directive == "no-cache") {
        return Some(Duration::ZERO);
    }
    let secs = directives().find_map(|directive| {
        directive.strip_prefix("max-age=").and_then(|secs| secs.trim_matches('"').parse().ok())
    });
    secs.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_long_it_may_be_kept() {
        for (header, secs) in [
            ("public, max-age=300, must-revalidate", Some(300)),
            ("Max-Age=\"5\"", Some(5)),
            ("no-store, max-age=300", Some(0)),
            ("no-cache", Some(0)),
            ("public", None),
            ("max-age=soon", None),
            ("", None),
        ] {
            assert_eq!(max_age(header), secs.map(Duration::from_secs), "{header}");
        }
    }
}
