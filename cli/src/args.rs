//! What can be typed after `tierlift`, and the help that explains it. It checks shapes alone.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};

use crate::simulate;

/// Stripe says who paid; every open tab knows it within a second.
#[derive(Debug, Parser)]
#[command(name = "tierlift", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: webhooks in, roles out, one SQLite file.
    Serve(Serve),
    /// Send a subscription's life to a server, signed as Stripe signs it.
    Simulate(simulate::Args),
}

const SERVE_HELP: &str = "\
Environment:
  STRIPE_WEBHOOK_SECRET  the endpoint's signing secret, whsec_…; several, separated by commas,
                         while a secret is rolled
  TIERLIFT_JWT_SECRET    the secret of HS256 access tokens, at least 32 bytes; not needed where
                         the configuration names a jwks_url
  RUST_LOG               what to log, where --log is not given: info, warn, tierlift_core=debug, …

Log lines are for people on a terminal and JSON elsewhere; both go to stderr.
Exit codes: 0 ended when asked to, 1 failed, 2 something has to be set first.

Try it without any account:
  tierlift serve --demo";

/// Run the server.
#[derive(Debug, clap::Args)]
#[command(after_help = SERVE_HELP)]
pub(crate) struct Serve {
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,
    /// The SQLite file: made where there is none, held by one process at a time.
    #[arg(long, value_name = "FILE", default_value = "tierlift.db")]
    pub(crate) data: PathBuf,
    /// The configuration [default: tierlift.toml, which a --demo can do without].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Run with the public secret `whsec_demo`, the plan `price_pro` and a page at /demo to play
    /// with. On loopback addresses only.
    #[arg(long)]
    pub(crate) demo: bool,
    /// What to log: a level, or levels by module as in `RUST_LOG` [default: info].
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", hide_env = true)]
    pub(crate) log: Option<String>,
}
