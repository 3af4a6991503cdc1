//! The settings of a server. They come as values: nothing here reads a file or the environment.

use std::{path::PathBuf, time::Duration};

use tierlift_core::{
    config::{CookieName, JwksUrl},
    limits::{
        CONFIRM_WAIT_MS_MAX, REQUEST_BODY_TIMEOUT_SECS, REQUEST_HEAD_TIMEOUT_SECS,
        SHUTDOWN_TIMEOUT_SECS, SOCKET_CLOSE_TIMEOUT_SECS, SOCKET_PING_INTERVAL_SECS,
    },
    policy::Policy,
    shared::Shared,
    stripe::signature::Secrets,
    time::Clock,
    token::{ServiceTokens, TokenKeys},
};

/// The settings of a [`Server`](crate::Server).
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data file; it is created if it does not exist.
    pub data: PathBuf,
    /// Whether to go on with a data file that lacks what was in its log.
    pub accept_data_loss: bool,
    /// The rules that turn subscriptions into roles.
    pub policy: Shared<Policy>,
    /// Connected accounts whose events count.
    pub connected_accounts: Shared<Vec<String>>,
    /// Webhook signing secrets.
    pub secrets: Secrets,
    /// Keys of access tokens, in addition to those of the key set, and what the tokens must say.
    pub keys: TokenKeys,
    /// URL of the issuer's key set, if tokens come from another issuer.
    pub jwks_url: Option<JwksUrl>,
    /// Tokens of the host's services.
    pub service_tokens: ServiceTokens,
    /// The cookie that has the token of a request about which a proxy asks.
    pub authorize_cookie: Option<CookieName>,
    /// Seconds for which the last-known role of an account is answered while the data file cannot be read.
    pub stale_ok_seconds: u32,
    /// Origins whose pages may send requests and open sockets, as browsers write them.
    pub allowed_origins: Vec<String>,
    /// The source of time.
    pub clock: Clock,
    /// Time limits.
    pub timeouts: Timeouts,
}

/// Time limits of a server. The defaults are those of [`tierlift_core::limits`].
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Time from the end of one request to the complete head of the next, and time for which a client
    /// may read nothing of a response.
    pub request_head: Duration,
    /// Time in which a webhook's body must arrive.
    pub request_body: Duration,
    /// Time between two pings of a socket.
    pub socket_ping: Duration,
    /// Time that the closing handshake of a socket may take.
    pub socket_close: Duration,
    /// Time that a page which is back from a checkout waits for Stripe and the worker.
    pub confirm: Duration,
    /// Time that a shutdown may take.
    pub shutdown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request_head: Duration::from_secs(REQUEST_HEAD_TIMEOUT_SECS),
            request_body: Duration::from_secs(REQUEST_BODY_TIMEOUT_SECS),
            socket_ping: Duration::from_secs(SOCKET_PING_INTERVAL_SECS),
            socket_close: Duration::from_secs(SOCKET_CLOSE_TIMEOUT_SECS),
            confirm: Duration::from_millis(CONFIRM_WAIT_MS_MAX),
            shutdown: Duration::from_secs(SHUTDOWN_TIMEOUT_SECS),
        }
    }
}
