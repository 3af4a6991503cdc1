//! `tierlift serve`: from arguments, file and environment to a running server, and to its end.
//!
//! Whatever is missing is told at once and before anything starts. The first SIGTERM or SIGINT ends
//! the server in order; a second one ends the process.

use std::{
    fs, io,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use tierlift_core::{
    policy::{Policy, PolicyConfig},
    stripe::signature::Secrets,
    token,
};
use tierlift_embedded::{Server, Settings, Timeouts, system_clock};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    args,
    config::Config,
    credentials::{self, DEMO_WEBHOOK_SECRET, JWT_SECRET_VAR, WEBHOOK_SECRET_VAR},
    demo::{self, Offer},
    exit::Failure,
    log,
};

/// Threads that read the data file at most. The default, 512, would all start when 10,000 sockets ask
/// for their snapshot at once, each with memory of its own, and read no faster.
const READER_THREADS: usize = 8;
const CONFIG_FILE: &str = "tierlift.toml";

/// Everything that a server is started with.
struct Plan {
    data: PathBuf,
    policy: Arc<Policy>,
    secrets: Secrets,
    keys: token::TokenKeys,
    jwks_url: Option<String>,
    allowed_origins: Vec<String>,
    /// What the demo sells, where this is one.
    offer: Option<Offer>,
}

/// Runs the server until it is asked to end.
pub(crate) fn run(args: args::Serve) -> Result<(), Failure> {
    let _lines_are_written_until_the_end = log::start(args.log.as_deref())?;
    let listen = args.listen;
    let plan = Plan::of(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(READER_THREADS)
        .build()
        .context("the runtime cannot be started")?;
    Ok(runtime.block_on(serve(plan, listen))?)
}

async fn serve(plan: Plan, listen: SocketAddr) -> anyhow::Result<()> {
    let signals = Signals::new()?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; --listen takes another address"))?;
    let address = listener.local_addr()?;
    let data = plan.data.clone();
    let offer = plan.offer.clone();
    let server = Server::open(plan.settings(address)).await?;
    let server = match &offer {
        Some(offer) => demo::add_to(server, offer, address)?,
        None => server,
    };
    announce(address, &data, offer.is_some());
    server.run(listener, signals.first()).await.context("the server failed")
}

/// The one line on stdout: where everything is.
fn announce(address: SocketAddr, data: &Path, is_demo: bool) {
    let demo = if is_demo { format!(" · demo: http://{address}/demo") } else { String::new() };
    let line = format!(
        "tierlift {} listens on http://{address} · webhooks: http://{address}/webhooks/stripe{demo} \
         · data: {}\n",
        env!("CARGO_PKG_VERSION"),
        data.display()
    );
    // Nobody has to read it.
    drop(io::stdout().write_all(line.as_bytes()));
}

/// The first signal ends the server in order, the second at once.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be received");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    async fn first(mut self) {
        self.next().await;
        tracing::info!("ending: no new work, what was begun is finished; again to end at once");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(1);
        });
    }
}

impl Plan {
    fn of(args: args::Serve) -> Result<Self, Failure> {
        if args.demo {
            demo_plan(args)
        } else {
            let secrets = credentials::variable(WEBHOOK_SECRET_VAR);
            let jwt_secret = credentials::variable(JWT_SECRET_VAR);
            plan(args, secrets.as_deref(), jwt_secret.as_deref())
        }
    }

    fn settings(self, address: SocketAddr) -> Settings {
        let mut allowed_origins = self.allowed_origins;
        if self.offer.is_some() {
            allowed_origins.push(format!("http://{address}"));
            allowed_origins.push(format!("http://localhost:{}", address.port()));
        }
        Settings {
            data: self.data,
            policy: self.policy,
            secrets: self.secrets,
            keys: self.keys,
            jwks_url: self.jwks_url,
            allowed_origins,
            clock: system_clock(),
            timeouts: Timeouts::default(),
        }
    }
}

/// The plan of a real deployment; everything that is missing is told together.
fn plan(
    args: args::Serve,
    secrets: Option<&str>,
    jwt_secret: Option<&str>,
) -> Result<Plan, Failure> {
    let mut missing = Vec::new();
    let config = configuration(args.config.as_deref(), &mut missing);
    let has_jwks = config.as_ref().is_some_and(|config| config.jwks_url.is_some());
    let secrets =
        credentials::private_webhook_secrets(secrets).map_err(|error| missing.push(error)).ok();
    let secret =
        credentials::jwt_secret(jwt_secret, has_jwks).map_err(|error| missing.push(error)).ok();
    let (Some(config), Some(secrets), Some(secret), true) =
        (config, secrets, secret, missing.is_empty())
    else {
        return Err(Failure::Usage(missing.join("\n")));
    };
    Ok(Plan {
        data: args.data,
        policy: policy(config.draft)?,
        secrets,
        keys: token::TokenKeys::new(secret),
        jwks_url: config.jwks_url,
        allowed_origins: config.allowed_origins,
        offer: None,
    })
}

/// The file's configuration, with at least one plan; what is wrong with it goes to `missing`.
fn configuration(named: Option<&Path>, missing: &mut Vec<String>) -> Option<Config> {
    let path = named.unwrap_or(Path::new(CONFIG_FILE));
    match read(named) {
        Ok(Some(config)) => {
            if config.draft.plans.is_empty() {
                missing.push(format!(
                    "{}: there is no plan; add a line such as price_pro = \"paid\" under [plans], \
                     for what your customers buy",
                    path.display()
                ));
            }
            Some(config)
        }
        Ok(None) => {
            missing.push(format!(
                "{CONFIG_FILE} is not here; copy tierlift.example.toml to {CONFIG_FILE} and name \
                 your plans, or name another file with --config (or try --demo)"
            ));
            None
        }
        Err(error) => {
            missing.push(error.to_string());
            None
        }
    }
}

/// The configuration, where there is one. A file that was named has to be there.
fn read(named: Option<&Path>) -> Result<Option<Config>, Failure> {
    let path = named.unwrap_or(Path::new(CONFIG_FILE));
    let shown = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Config::parse(&shown, &text)
            .map(Some)
            .map_err(|error| Failure::Usage(error.to_string())),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::Usage(format!("{shown}: {error}"))),
    }
}

fn policy(draft: PolicyConfig) -> Result<Arc<Policy>, Failure> {
    Policy::new(draft).map(Arc::new).map_err(|error| Failure::Usage(error.to_string()))
}

/// The plan of a demo: what is not set is made up, for nobody else can reach it.
fn demo_plan(args: args::Serve) -> Result<Plan, Failure> {
    if !args.listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "--demo listens on loopback only, for everybody knows its webhook secret, and {} is not; \
             use --listen 127.0.0.1:8787, or serve without --demo",
            args.listen
        )));
    }
    let mut config = read(args.config.as_deref())?.unwrap_or_default();
    if config.draft.livemode {
        let what = "--demo sends test events, and livemode = true refuses them; set it to false";
        return Err(Failure::Usage(what.to_owned()));
    }
    if credentials::variable(JWT_SECRET_VAR).is_some() {
        return Err(Failure::Usage(format!(
            "--demo gives a token to whoever asks, and must not sign it with {JWT_SECRET_VAR}; unset \
             that: a demo has a secret of its own"
        )));
    }
    let offer = Offer::of(&mut config.draft).map_err(Failure::Usage)?;
    let further = credentials::variable(WEBHOOK_SECRET_VAR).unwrap_or_default();
    let secrets = format!("{DEMO_WEBHOOK_SECRET},{further}");
    let jwt_secret = credentials::demo_jwt_secret(&args.data)?;
    Ok(Plan {
        secrets: credentials::webhook_secrets(Some(&secrets)).map_err(Failure::Usage)?,
        keys: token::TokenKeys::new(
            credentials::jwt_secret(Some(&jwt_secret), false).map_err(Failure::Usage)?,
        ),
        data: args.data,
        policy: policy(config.draft)?,
        jwks_url: config.jwks_url,
        allowed_origins: config.allowed_origins,
        offer: Some(offer),
    })
}
