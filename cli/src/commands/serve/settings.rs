//! Everything that a server starts with: from the arguments, the configuration file and the
//! environment.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tierlift_core::{
    codes::Code,
    config::{CookieName, Origin, StripeConfig, WebhookUrl},
    policy::{Policy, PolicyConfig},
    stripe::signature::Secrets,
    token::{ServiceTokens, TokenConfig, TokenKeys},
    webhook,
};
use tierlift_embedded::{Settings, Timeouts, system_clock};
use tierlift_stripe::Client;

use super::{Args, operators::Operators};
use crate::{
    config::Config,
    credentials::{
        self, API_KEY_VAR, JWT_SECRET_VAR, SERVICE_TOKENS_VAR, SIGNING_KEYS_FILE_VAR,
        SIGNING_KEYS_VAR, WEBHOOK_SECRET_VAR, WEBHOOKS_OUT_SECRET_VAR,
    },
    demo::DemoPlan,
    error::{Error, Problem},
    stripe::client,
};

const CONFIG_FILE: &str = "tierlift.toml";

/// What the configuration file says.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Rules {
    pub(in crate::commands) policy: Policy,
    pub(in crate::commands) connected_accounts: Vec<String>,
    pub(in crate::commands) tokens: TokenConfig,
    pub(in crate::commands) allowed_origins: Vec<Origin>,
    pub(in crate::commands) authorize_cookie: Option<CookieName>,
    pub(in crate::commands) stale_ok_seconds: u32,
    pub(in crate::commands) stripe: StripeConfig,
    pub(in crate::commands) webhooks_out: Option<WebhookUrl>,
}

impl Rules {
    fn new(config: Config) -> Result<Self, Problem> {
        let connected_accounts = config.policy.connected_accounts.clone();
        let policy = Policy::new(PolicyConfig { fetch: config.stripe.fetch, ..config.policy });
        Ok(Self {
            policy: policy
                .map_err(|faults| Problem::new(Code::ConfigInvalid, faults.to_string()))?,
            connected_accounts,
            tokens: config.tokens,
            allowed_origins: config.allowed_origins,
            authorize_cookie: config.authorize_cookie,
            stale_ok_seconds: config.stale_ok_seconds,
            stripe: config.stripe,
            webhooks_out: config.webhooks_out,
        })
    }
}

/// Reads the configuration of a server by itself, as at a reload.
pub(in crate::commands) fn rules(path: Option<&Path>, demo: bool) -> Result<Rules, Problem> {
    Rules::new(if demo { demo_config(path)?.0 } else { deployment_config(path)? })
}

/// Whether there is a configuration file where one is looked for.
pub(super) fn exists() -> bool {
    Path::new(CONFIG_FILE).exists()
}

/// Checked startup settings.
pub(super) struct ServeConfig {
    pub(super) data: PathBuf,
    accept_data_loss: bool,
    /// What the demo sells, with `--demo`.
    pub(super) demo: Option<DemoPlan>,
    pub(super) rules: Rules,
    webhook_secrets: Secrets,
    token_keys: TokenKeys,
    service_tokens: ServiceTokens,
    /// Where the host takes webhooks, and what signs them.
    pub(super) webhooks_out: Option<(WebhookUrl, webhook::Secrets)>,
    /// Who asks Stripe, with a key.
    pub(super) stripe: Option<Client>,
    /// Where operators come in with a token.
    pub(super) operators: Option<Operators>,
}

impl ServeConfig {
    /// Reads the file and the environment.
    pub(super) fn load(args: Args) -> Result<Self, Error> {
        if args.demo {
            return for_demo(args);
        }
        let webhook_secrets = credentials::variable(WEBHOOK_SECRET_VAR);
        let jwt_secret = credentials::variable(JWT_SECRET_VAR);
        let variables = Variables {
            webhook_secrets: webhook_secrets.as_deref(),
            jwt_secret: jwt_secret.as_deref(),
            api_key: credentials::variable(API_KEY_VAR),
            service_tokens: credentials::variable(SERVICE_TOKENS_VAR).unwrap_or_default(),
            webhooks_out: credentials::variable(WEBHOOKS_OUT_SECRET_VAR),
            signing_keys: credentials::variable(SIGNING_KEYS_VAR),
            signing_keys_file: credentials::variable(SIGNING_KEYS_FILE_VAR),
        };
        for_deployment(args, &variables)
    }

    /// The settings of a server that listens on that address.
    pub(super) fn into_settings(self, address: SocketAddr) -> Settings {
        let mut allowed_origins: Vec<_> =
            self.rules.allowed_origins.iter().map(ToString::to_string).collect();
        if self.demo.is_some() {
            allowed_origins.push(format!("http://{address}"));
            allowed_origins.push(format!("http://localhost:{}", address.port()));
        }
        Settings {
            data: self.data,
            accept_data_loss: self.accept_data_loss,
            policy: self.rules.policy.into(),
            connected_accounts: self.rules.connected_accounts.into(),
            secrets: self.webhook_secrets,
            keys: self.token_keys.with_rules(self.rules.tokens.rules()),
            jwks_url: self.rules.tokens.jwks_url,
            service_tokens: self.service_tokens,
            authorize_cookie: self.rules.authorize_cookie,
            stale_ok_seconds: self.rules.stale_ok_seconds,
            allowed_origins,
            clock: system_clock(),
            timeouts: Timeouts::default(),
        }
    }
}

/// The secrets in the environment.
struct Variables<'v> {
    webhook_secrets: Option<&'v str>,
    jwt_secret: Option<&'v str>,
    api_key: Option<String>,
    service_tokens: String,
    webhooks_out: Option<String>,
    signing_keys: Option<String>,
    signing_keys_file: Option<String>,
}

/// The settings of a deployment. All problems are reported together.
fn for_deployment(args: Args, variables: &Variables<'_>) -> Result<ServeConfig, Error> {
    let Variables { webhook_secrets, jwt_secret, api_key, service_tokens, webhooks_out, .. } =
        variables;
    let signing_keys = credentials::signing_keys(
        variables.signing_keys.as_deref(),
        variables.signing_keys_file.as_deref(),
    );
    // What is wrong with them is reported by itself.
    let has_signing_keys = signing_keys.as_ref().map_or(true, Option::is_some);
    let (webhook_secrets, jwt_secret) = (*webhook_secrets, *jwt_secret);
    let config = deployment_config(args.config.as_deref());
    let has_jwks = config.as_ref().is_ok_and(|config| config.tokens.jwks_url.is_some());
    let shared = credentials::check_different(webhook_secrets, jwt_secret).err();
    let webhook_secrets = credentials::deployment_webhook_secrets(webhook_secrets);
    let jwt_secret = credentials::jwt_secret(jwt_secret, has_jwks || has_signing_keys);
    let livemode = config.as_ref().map(|config| config.policy.livemode);
    let api_key = livemode.map_or(Ok(None), |live| credentials::api_key(api_key.as_deref(), live));
    let url = config.as_ref().ok().and_then(|config| config.webhooks_out.as_ref());
    let webhooks_out = credentials::webhooks_out(url, webhooks_out.as_deref());
    let services =
        credentials::service_tokens(service_tokens).and_then(|it| Ok((it, webhooks_out?)));
    let jwt_secret = jwt_secret.and_then(|it| Ok((it, signing_keys?)));
    let operators = Operators::for_deployment(&args.operators);
    match (config, webhook_secrets, jwt_secret, api_key, (services, operators)) {
        (
            Ok(config),
            Ok(webhook_secrets),
            Ok((jwt_secret, signing_keys)),
            Ok(key),
            (Ok((service_tokens, webhooks_out)), Ok(operators)),
        ) if shared.is_none() => Ok(ServeConfig {
            operators,
            stripe: key.map(|key| client(key, &config.stripe)),
            data: args.data,
            accept_data_loss: args.accept_data_loss,
            demo: None,
            rules: Rules::new(config)?,
            webhook_secrets,
            token_keys: TokenKeys::new(jwt_secret).with_signing_keys(signing_keys),
            service_tokens,
            webhooks_out,
        }),
        (config, webhook_secrets, jwt_secret, api_key, (services, operators)) => {
            let problems = [config.err(), webhook_secrets.err(), jwt_secret.err(), shared];
            let more = [api_key.err(), services.err(), operators.err()];
            let problems = problems.into_iter().chain(more);
            Err(Error::Setup(problems.flatten().collect()))
        }
    }
}

/// The configuration of a deployment: it must exist and have a plan.
fn deployment_config(path: Option<&Path>) -> Result<Config, Problem> {
    let Some(config) = read(path)? else {
        let message = format!(
            "{CONFIG_FILE} does not exist; copy tierlift.example.toml to {CONFIG_FILE} and list your \
             plans, or name another file with --config, or try --demo"
        );
        return Err(Problem::new(Code::ConfigMissing, message));
    };
    if config.policy.plans.is_empty() {
        let message = format!(
            "{}: no plans; add a line such as price_pro = \"paid\" under [plans] for each price that \
             earns a role",
            path.unwrap_or(Path::new(CONFIG_FILE)).display()
        );
        return Err(Problem::new(Code::ConfigInvalid, message));
    }
    Ok(config)
}

/// The configuration, if there is one. A file that is named must exist.
fn read(named: Option<&Path>) -> Result<Option<Config>, Problem> {
    let path = named.unwrap_or(Path::new(CONFIG_FILE));
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => match Config::parse(&name, &text) {
            Ok(config) => Ok(Some(config)),
            Err(error) => Err(Problem::new(Code::ConfigInvalid, error.to_string())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(error) => {
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            let code = if is_missing { Code::ConfigMissing } else { Code::ConfigInvalid };
            Err(Problem::new(code, format!("{name}: {error}")))
        }
    }
}

/// The settings of a demo: secrets are public or generated, which is safe since only this machine can
/// reach it.
fn for_demo(args: Args) -> Result<ServeConfig, Error> {
    check_loopback(&args)?;
    let (config, plan) = demo_config(args.config.as_deref())?;
    let more = credentials::variable(WEBHOOK_SECRET_VAR);
    let jwt_secret = credentials::demo_jwt_secret(&args.data)?;
    let service_tokens = credentials::variable(SERVICE_TOKENS_VAR).unwrap_or_default();
    let token = credentials::demo_operator_token(&args.data)?;
    let operators = Operators::for_demo(&args.operators, args.listen, token)?;
    let webhooks_out = credentials::variable(WEBHOOKS_OUT_SECRET_VAR);
    let webhooks_out =
        credentials::webhooks_out(config.webhooks_out.as_ref(), webhooks_out.as_deref())?;
    Ok(ServeConfig {
        operators: Some(operators),
        data: args.data,
        accept_data_loss: args.accept_data_loss,
        demo: Some(plan),
        // What the demo sells is not at Stripe.
        stripe: None,
        rules: Rules::new(config)?,
        webhook_secrets: credentials::demo_webhook_secrets(more.as_deref())?,
        token_keys: TokenKeys::new(credentials::jwt_secret(Some(&jwt_secret), false)?),
        service_tokens: credentials::service_tokens(&service_tokens)?,
        webhooks_out,
    })
}

/// The configuration of a demo, which may be missing, and what the demo sells.
fn demo_config(path: Option<&Path>) -> Result<(Config, DemoPlan), Problem> {
    let mut config = read(path)?.unwrap_or_default();
    check_demo(&config)?;
    let plan = DemoPlan::choose(&mut config.policy).map_err(demo_refused)?;
    Ok((config, plan))
}

fn check_loopback(args: &Args) -> Result<(), Problem> {
    if args.listen.ip().is_loopback() {
        return Ok(());
    }
    Err(demo_refused(format!(
        "--demo listens on loopback addresses only, since its webhook secret is public, and {} is not \
         one; use --listen 127.0.0.1:8787, or serve without --demo",
        args.listen
    )))
}

fn check_demo(config: &Config) -> Result<(), Problem> {
    if config.policy.livemode {
        let message = "--demo sends test events, which livemode = true refuses; set it to false";
        return Err(demo_refused(message));
    }
    if credentials::variable(JWT_SECRET_VAR).is_some() {
        return Err(demo_refused(format!(
            "--demo issues a token to anybody and must not sign it with {JWT_SECRET_VAR}; unset that \
             variable: a demo has a secret of its own"
        )));
    }
    Ok(())
}

fn demo_refused(message: impl Into<String>) -> Problem {
    Problem::new(Code::DemoRefused, message)
}
