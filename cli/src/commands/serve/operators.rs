//! The operators' listener: its address, its tokens, and the origins under which browsers know it.

use std::net::SocketAddr;

use anyhow::Context as _;
use tierlift_core::{codes::Code, config::Origin, token::OperatorTokens};
use tierlift_embedded::OperatorsListener;
use tokio::net::TcpListener;

use crate::{
    console,
    credentials::{self, OPERATOR_READ_TOKENS_VAR, OPERATOR_TOKENS_VAR},
    error::{Error, Problem},
};

/// The arguments about operators.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct OperatorsArgs {
    /// Address of the operators' listener, which serves the console; never the public address.
    #[arg(long, value_name = "ADDRESS")]
    operations_listen: Option<SocketAddr>,
    /// Origin under which browsers reach the operators' listener through a proxy; may be repeated.
    #[arg(long, value_name = "ORIGIN", requires = "operations_listen")]
    operations_origin: Vec<Origin>,
}

/// The operators' listener, before its address is taken.
pub(in crate::commands) struct Operators {
    listen: SocketAddr,
    origins: Vec<Origin>,
    tokens: OperatorTokens,
    /// The token of a demo, which is shown.
    shown: Option<String>,
}

impl Operators {
    /// That of a deployment, if it has one.
    pub(super) fn for_deployment(args: &OperatorsArgs) -> Result<Option<Self>, Problem> {
        let Some(listen) = args.operations_listen else { return Ok(None) };
        let variable = |name| credentials::variable(name).unwrap_or_default();
        let tokens = credentials::operator_tokens(
            &variable(OPERATOR_TOKENS_VAR),
            &variable(OPERATOR_READ_TOKENS_VAR),
        )?;
        if tokens.is_empty() {
            let message = format!(
                "--operations-listen needs a token: set {OPERATOR_TOKENS_VAR}, or \
                 {OPERATOR_READ_TOKENS_VAR} for tokens that may only read, to name:token; `openssl rand \
                 -hex 32` makes one"
            );
            return Err(Problem::new(Code::SecretMissing, message));
        }
        if !listen.ip().is_loopback() && args.operations_origin.is_empty() {
            let message = format!(
                "{listen} is reachable from other machines, where tokens need TLS: name the origin of the \
                 proxy that speaks it with --operations-origin https://…, or listen on 127.0.0.1"
            );
            return Err(Problem::new(Code::UsageInvalid, message));
        }
        let origins = args.operations_origin.clone();
        Ok(Some(Self { listen, origins, tokens, shown: None }))
    }

    /// That of a demo: beside its public address, with a token that is shown.
    pub(super) fn for_demo(
        args: &OperatorsArgs,
        public: SocketAddr,
        token: String,
    ) -> Result<Self, Problem> {
        let beside = if public.port() == 0 { 0 } else { public.port().wrapping_add(1) };
        let beside = SocketAddr::new(public.ip(), beside);
        let listen = args.operations_listen.unwrap_or(beside);
        if !listen.ip().is_loopback() {
            let message = format!(
                "--demo listens on loopback addresses only, since its secrets are public, and {listen} is \
                 none"
            );
            return Err(Problem::new(Code::DemoRefused, message));
        }
        let tokens = credentials::operator_tokens(&format!("demo:{token}"), "")?;
        Ok(Self { listen, origins: args.operations_origin.clone(), tokens, shown: Some(token) })
    }

    /// That of a console without a server: on this machine, with a token that is shown.
    pub(in crate::commands) fn for_console(
        listen: SocketAddr,
        actor: &str,
        token: String,
    ) -> Result<Self, Problem> {
        if !listen.ip().is_loopback() {
            let message = format!("{listen} is reachable from other machines; listen on 127.0.0.1");
            return Err(Problem::new(Code::UsageInvalid, message));
        }
        let tokens = credentials::operator_tokens(&format!("{actor}:{token}"), "")?;
        Ok(Self { listen, origins: Vec::new(), tokens, shown: Some(token) })
    }

    /// Takes the address. Returns the listener, and where the console is.
    pub(in crate::commands) async fn listen(self) -> Result<(OperatorsListener, String), Error> {
        let Self { listen, mut origins, tokens, shown } = self;
        let listener = self::bind(listen, shown.is_some()).await;
        let listener = listener
            .with_context(|| {
                format!(
                    "cannot listen on {listen}; choose another address with --operations-listen"
                )
            })
            .map_err(|error| Error::failed(Code::ListenFailed, error))?;
        let address = listener.local_addr().context("the listener has no address")?;
        origins.extend(own_origins(address));
        let token = shown.map(|token| format!("#token={token}")).unwrap_or_default();
        let console = format!("http://{address}/console{token}");
        Ok((OperatorsListener { listener, tokens, origins, pages: console::router() }, console))
    }
}

/// Takes an address. A demo goes on without a certain port.
async fn bind(listen: SocketAddr, any_port: bool) -> std::io::Result<TcpListener> {
    match TcpListener::bind(listen).await {
        Err(_) if any_port => TcpListener::bind(SocketAddr::new(listen.ip(), 0)).await,
        bound => bound,
    }
}

/// The origins of pages of this machine.
fn own_origins(address: SocketAddr) -> Vec<Origin> {
    if !address.ip().is_loopback() {
        return Vec::new();
    }
    let port = match address.port() {
        80 => String::new(),
        port => format!(":{port}"),
    };
    let hosts = ["localhost", "127.0.0.1", "[::1]"];
    hosts.iter().filter_map(|host| format!("http://{host}{port}").parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_have_its_origins_and_others_have_to_be_named() {
        let origins = |address: &str| -> Vec<String> {
            own_origins(address.parse().unwrap()).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            origins("127.0.0.1:8788"),
            ["http://localhost:8788", "http://127.0.0.1:8788", "http://[::1]:8788"]
        );
        assert_eq!(origins("[::1]:80"), ["http://localhost", "http://127.0.0.1", "http://[::1]"]);
        assert!(origins("0.0.0.0:8788").is_empty() && origins("10.0.0.1:8788").is_empty());
    }
}
