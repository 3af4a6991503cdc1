//! A deployment of either backend, for promises that both make to browsers and hosts.

use std::future::Future;

use tierlift_testkit::harness::{
    client::{Request, Response},
    socket::Socket,
};

/// The token of the one service.
pub const SERVICE_TOKEN: &str = "3f9a1c5e7b2d4f6088aacce1f35792b4";

/// A deployment on which a token speaks for its user and for what `org_id` names.
pub trait Deployment: Sync {
    /// Where a route is.
    fn path(&self, route: &str) -> String;
    /// Sends a request and reads the whole response.
    fn send(&self, request: Request<'_>) -> impl Future<Output = Response>;
    /// Opens a socket with this token.
    fn socket(&self, token: &str) -> impl Future<Output = Socket>;
    /// Gives the subscription of an account this status, by an accepted webhook.
    fn subscription(&self, account: &str, status: &str) -> impl Future<Output = ()>;
    /// Revokes the tokens that speak for an account, as operators do.
    fn revoke(&self, account: &str) -> impl Future<Output = ()>;
    /// Lets the second pass in which tokens were revoked.
    fn next_second(&self) -> impl Future<Output = ()>;
}

/// Gets a route with a token.
pub(crate) async fn get(host: &impl Deployment, route: &str, token: &str) -> Response {
    host.send(Request::new("GET", &host.path(route)).bearer(token)).await
}
