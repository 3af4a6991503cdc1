//! `tierlift doctor`: whether everything is set up. It changes nothing, here or at Stripe.

mod account;
mod finding;
mod server;

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;
use tierlift_core::codes::Code;

use self::finding::{Finding, Severity};
use super::{
    print_line,
    serve::{Rules, rules},
};
use crate::{
    credentials::{
        self, API_KEY_VAR, JWT_SECRET_VAR, SIGNING_KEYS_FILE_VAR, SIGNING_KEYS_VAR,
        WEBHOOK_SECRET_VAR,
    },
    error::{Error, Problem},
    stripe,
};

const HELP: &str = "\
Checks the configuration and the secrets; with STRIPE_API_KEY also the webhook endpoint and its events, whether every
active price has a plan, the clock, and deliveries that failed; and whether the server accepts the secret. Nothing
is changed.

Exit status:
  0  nothing, or notices only
  1  problems were found

Examples:
  tierlift doctor
  tierlift doctor --server https://app.example.com --json";

/// Check that everything is set up.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Configuration file [default: tierlift.toml].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server to try the webhook secret with.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    server: String,
    /// URL of the webhook endpoint at Stripe [default: the one that ends in /webhooks/stripe].
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let mut findings = Vec::new();
    let rules = rules(args.config.as_deref(), false);
    let secret = secrets(rules.as_ref().ok(), &mut findings);
    match rules {
        Ok(rules) => stripe(args, &rules, &mut findings)?,
        Err(problem) => findings.push(problem.into()),
    }
    if let Some(secret) = secret {
        findings.extend(server::check(&args.server, &secret));
    }
    print(args, &findings);
    let problems = findings.iter().filter(|it| it.severity == Severity::Problem).count();
    if problems == 0 {
        return Ok(());
    }
    let noun = if problems == 1 { "problem" } else { "problems" };
    Err(Error::failed(Code::CommandFailed, anyhow::anyhow!("{problems} {noun} found")))
}

/// Checks the secrets by themselves. Returns the first webhook secret, if it is usable.
fn secrets(rules: Option<&Rules>, findings: &mut Vec<Finding>) -> Option<String> {
    let webhooks = credentials::variable(WEBHOOK_SECRET_VAR);
    let tokens = credentials::variable(JWT_SECRET_VAR);
    let (webhooks, tokens) = (webhooks.as_deref(), tokens.as_deref());
    let has_jwks = rules.is_some_and(|rules| rules.tokens.jwks_url.is_some());
    let signing = credentials::signing_keys(
        credentials::variable(SIGNING_KEYS_VAR).as_deref(),
        credentials::variable(SIGNING_KEYS_FILE_VAR).as_deref(),
    );
    // What is wrong with them is reported by itself.
    let is_optional = has_jwks || signing.as_ref().map_or(true, Option::is_some);
    let usable = credentials::deployment_webhook_secrets(webhooks);
    let is_usable = usable.is_ok();
    let problems = [
        usable.err(),
        credentials::jwt_secret(tokens, is_optional).err(),
        signing.err(),
        credentials::check_different(webhooks, tokens).err(),
    ];
    findings.extend(problems.into_iter().flatten().map(Finding::from));
    let first =
        webhooks.and_then(|list| list.split(',').next()).map(|secret| secret.trim().to_owned());
    first.filter(|_| is_usable)
}

/// Checks what Stripe knows, with a key.
fn stripe(args: &Args, rules: &Rules, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let key = credentials::variable(API_KEY_VAR);
    let key = match credentials::api_key(key.as_deref(), rules.policy.livemode) {
        Ok(Some(key)) => key,
        Ok(None) => {
            let message = format!("{API_KEY_VAR} is not set, so Stripe was not asked");
            findings.push(Finding::notice(Code::KeyMissing, message));
            return Ok(());
        }
        Err(problem) => {
            findings.push(problem.into());
            return Ok(());
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let client = stripe::client(key, &rules.stripe);
    let endpoint = args.endpoint.as_deref();
    findings.extend(runtime.block_on(account::check(&client, endpoint, &rules.policy)));
    Ok(())
}

fn print(args: &Args, findings: &[Finding]) {
    if args.json {
        let findings: Vec<_> = findings.iter().map(Finding::json).collect();
        return print_line(&json!({ "findings": findings }).to_string());
    }
    for finding in findings {
        print_line(&finding.to_string());
    }
    match findings.first() {
        None => print_line("everything is set up"),
        Some(Finding { code, .. }) => print_line(&format!(
            "For what to do about a finding, run `tierlift codes` with its code, such as `tierlift codes {code}`."
        )),
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        Self::problem(problem.code, problem.message)
    }
}
