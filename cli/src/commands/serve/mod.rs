//! `tierlift serve`: from arguments, file and environment to a running server, and to its end.
//!
//! Everything that is missing is reported at once, before anything starts.

mod dry_run;
mod operators;
mod reload;
mod settings;
mod signals;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use tierlift_core::{
    codes::Code,
    config::{Fetch, Reconcile, StripeConfig},
    policy::Policy,
};
use tierlift_embedded::{OpenError, Reload, Server, db};
use tierlift_traces::Traces;
use tokio::net::TcpListener;

use crate::{demo, error::Error, limits::READER_THREADS_MAX, log};
pub(super) use operators::Operators;
use operators::OperatorsArgs;
use reload::Reloader;
use settings::ServeConfig;
pub(super) use settings::{Rules, rules};
use signals::Signals;

const HELP: &str = "\
Environment:
  STRIPE_WEBHOOK_SECRET  Signing secret of the webhook endpoint, whsec_…; several, separated by
                         commas, while a secret is rotated
  TIERLIFT_JWT_SECRET    Secret of HS256 access tokens, at least 32 bytes; not needed with jwks_url
                         in the configuration. Two while it is rotated, separated by a comma: the
                         first signs, both verify
  TIERLIFT_SIGNING_KEYS  Ed25519 key in PKCS #8 with which tokens are signed, so that backends can check
                         them offline, as PEM or as its base64; two while it is rotated: the first
                         signs, both are published at /.well-known/jwks.json
  TIERLIFT_SIGNING_KEYS_FILE
                         File that has them, instead
  TIERLIFT_SERVICE_TOKENS
                         Tokens of the host's backends for the routes under /v1, name:token or
                         name:sha256-…, at least 32 bytes each; several, separated by commas
  TIERLIFT_WEBHOOKS_OUT_SECRET
                         Secret that signs webhooks to webhooks_out.url of the configuration, whsec_ and
                         24 to 64 bytes in base64; several, separated by commas, while it is rotated:
                         all of them sign
  TIERLIFT_OPERATOR_TOKENS
                         Operators' tokens for --operations-listen, name:token or name:sha256-…, at
                         least 32 bytes each; several, separated by commas. The name is the actor of
                         what is done with it
  TIERLIFT_OPERATOR_READ_TOKENS
                         Operators' tokens that may only read, likewise
  STRIPE_API_KEY         Key with which Stripe may be asked, best a restricted one that only reads. With
                         it the server imports who pays already, and reconciles once a day
  RUST_LOG               Log filter, unless --log is given

SIGHUP reads the configuration file again: roles, plans, features and policy are replaced, and
accounts that they change are changed at once.

Logs go to stderr: as text to a terminal, as JSON lines otherwise.

Try it without an account:
  tierlift serve --demo";

/// Run the server: receive webhooks, apply them, push role changes to browsers.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// SQLite file with all state; created if missing, used by one process at a time.
    #[arg(long, value_name = "FILE", default_value = "tierlift.db")]
    data: PathBuf,
    #[command(flatten)]
    operators: OperatorsArgs,
    /// Go on with a copy of the data file that lacks its log, and so the latest events.
    #[arg(long)]
    accept_data_loss: bool,
    /// Configuration file [default: tierlift.toml; optional with --demo].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve a demo at /demo, with the public webhook secret `whsec_demo` and the plan `price_pro`;
    /// loopback addresses only.
    #[arg(long)]
    demo: bool,
    /// Print which accounts this configuration would change, and serve nothing. The data file may be in
    /// use.
    #[arg(long)]
    dry_run: bool,
    /// Log filter: a level, or levels by module, such as `info` or `tierlift_core=debug`
    /// [default: info].
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", hide_env = true)]
    log: Option<String>,
}

/// Runs the server until a signal ends it.
pub(crate) fn run(args: Args) -> Result<(), Error> {
    let _guard = log::start(args.log.as_deref())?;
    let _traces = Traces::start("tierlift");
    let listen = args.listen;
    if args.dry_run {
        let rules = settings::rules(args.config.as_deref(), args.demo)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.context("cannot start the runtime")?;
        return runtime.block_on(dry_run::run(&args.data, &rules.policy));
    }
    let (path, demo) = (args.config.clone(), args.demo);
    let config = ServeConfig::load(args)?;
    let rules = config.rules.clone();
    let reloader = move |reload| Reloader { config: path, demo, rules, reload };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(READER_THREADS_MAX)
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve(config, reloader, listen))
}

async fn serve(
    config: ServeConfig,
    reloader: impl FnOnce(Reload) -> Reloader,
    listen: SocketAddr,
) -> Result<(), Error> {
    let signals = Signals::new()?;
    let hangups = signals::hangups()?;
    signals::outlive_others()?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another address with --listen"))
        .map_err(|error| Error::failed(Code::ListenFailed, error))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let data = config.data.clone();
    let demo = config.demo.clone();
    let mut config = config;
    let stripe = config.stripe.take().map(Arc::new);
    let operators = config.operators.take();
    let webhooks_out = config.webhooks_out.take();
    let StripeConfig { reconcile, fetch, .. } = config.rules.stripe;
    let server = Server::open(config.into_settings(address)).await.map_err(open_error)?;
    let server = match (&stripe, reconcile) {
        (Some(stripe), Reconcile::Daily) => server.with_reconciler(Arc::clone(stripe)),
        (Some(stripe), Reconcile::Never) => server.with_reconciler_on_demand(Arc::clone(stripe)),
        (None, _) => server,
    };
    let server = match &stripe {
        Some(stripe) => server.with_confirmer(Arc::clone(stripe)),
        None => server,
    };
    let server = match (stripe, fetch) {
        (Some(stripe), Fetch::WhenNeeded | Fetch::Always) => server.with_fetcher(stripe),
        (Some(_), Fetch::Never) | (None, _) => server,
    };
    let server = match webhooks_out {
        Some((url, secrets)) => {
            server.with_webhooks_out(url, secrets).context("cannot start threads")?
        }
        None => server,
    };
    let server = match &demo {
        Some(plan) => demo::add_to(server, plan, address)?,
        None => server,
    };
    let (server, console) = match operators {
        Some(operators) => {
            let (listener, console) = operators.listen().await?;
            (server.with_operators_listener(listener), Some(console))
        }
        None => (server, None),
    };
    tokio::spawn(reloader(server.reload()).run(hangups));
    announce(address, &data, demo.is_some(), console.as_deref());
    Ok(server.run(listener, signals.first()).await.context("the server failed")?)
}

pub(super) fn open_error(error: OpenError) -> Error {
    let code = match &error {
        OpenError::Db(error) => data_code(error),
        OpenError::Claim(_) | OpenError::Read(_) | OpenError::Livemode { .. } => Code::DataUnusable,
        OpenError::NoKeys | OpenError::NoIssuer | OpenError::Origin(_) => Code::ConfigInvalid,
    };
    Error::failed(code, error)
}

/// The policy of a configuration file, and the connected accounts whose events count; the default ones if none is named
/// and there is none.
pub(crate) fn policy_of(config: Option<&Path>) -> Result<(Policy, Vec<String>), Error> {
    // The rules of a demo may be read without a file.
    let rules = settings::rules(config, config.is_none() && !settings::exists())?;
    Ok((rules.policy, rules.connected_accounts))
}

/// The code of a data file that cannot be opened.
pub(crate) const fn data_code(error: &db::OpenError) -> Code {
    match error {
        db::OpenError::InUse { .. } => Code::DataInUse,
        db::OpenError::Incomplete { .. } => Code::DataIncomplete,
        db::OpenError::Name { .. }
        | db::OpenError::Newer { .. }
        | db::OpenError::Unreleased { .. }
        | db::OpenError::NotCurrent { .. }
        | db::OpenError::Foreign { .. }
        | db::OpenError::Io { .. }
        | db::OpenError::Queue { .. }
        | db::OpenError::Sql { .. } => Code::DataUnusable,
    }
}

/// Prints the one line on stdout: the addresses and the data file.
fn announce(address: SocketAddr, data: &Path, is_demo: bool, console: Option<&str>) {
    let console = console.map(|url| format!(" · console: {url}")).unwrap_or_default();
    let demo = if is_demo { format!(" · demo: http://{address}/demo") } else { String::new() };
    let line = format!(
        "tierlift {} listens on http://{address} · webhooks: http://{address}/webhooks/stripe{demo}\
         {console} · data: {}\n",
        env!("CARGO_PKG_VERSION"),
        data.display()
    );
    // The server runs whether or not anybody reads this.
    drop(io::stdout().write_all(line.as_bytes()));
}
