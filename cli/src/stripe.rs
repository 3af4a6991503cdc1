//! Who asks Stripe: a client with the configured address and share.

use tierlift_core::config::StripeConfig;
use tierlift_stripe::{Client, Key, Settings};

/// A client with that key.
pub(crate) fn client(key: Key, config: &StripeConfig) -> Client {
    let base = config.api_base.as_str().to_owned();
    Client::new(Settings { base, share_percent: config.share_percent, ..Settings::new(key) })
}
