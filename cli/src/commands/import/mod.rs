//! `tierlift import` and `tierlift reconcile`: everything that Stripe lists, by the server that has the data file, or
//! where no server has it, into the file itself.

mod file;
mod report;
mod served;

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Context as _;
use tierlift_core::{
    codes::Code,
    limits::RECONCILE_BACKLOG_MAX,
    observation::Because,
    ports::{QueueError, ReconciliationRecord as _},
    reconciliation::Reconciliation,
};
use tierlift_embedded::{Offline, reconcile::Pass, system_clock};
use tierlift_stripe::Client;
use tokio::runtime::Runtime;

use super::{
    print_line,
    serve::{Rules, open_error, rules},
};
use crate::{
    credentials::{self, API_KEY_VAR},
    error::{Error, Problem},
    limits::READER_THREADS_MAX,
    log,
    operator::Door,
    stripe,
};

const HELP: &str = "\
Lists customers, subscriptions of every status, completed Checkout Sessions, refunds and disputes, and applies
what they say like events. Nothing is asked twice: a run that was ended goes on where it was. It needs
STRIPE_API_KEY, or --file for those who give no key.

A server with STRIPE_API_KEY imports at its first start by itself. While a server has the data file, it is the one that
asks Stripe, by its own key and rules, and this command shows how far it has come.

Examples:
  tierlift import --dry-run
  tierlift import
  tierlift import --file objects.jsonl";

const RECONCILE_HELP: &str = "\
Compares everything that Stripe lists with what is stored, and fixes what differs. A server with STRIPE_API_KEY
does it once a day by itself. While a server has the data file, it is the one that asks Stripe, and this command shows
how far it has come.

Examples:
  tierlift reconcile --dry-run
  tierlift reconcile";

/// Import everybody who pays already.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// Read objects or events of Stripe, one in each line, instead of asking Stripe.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    file: Option<PathBuf>,
    /// Time as of which the objects of the file are, in seconds since the epoch [default: the time at which the file
    /// was last written].
    #[arg(long, value_name = "SECONDS", requires = "file")]
    as_of: Option<i64>,
}

/// Compare what is stored with what Stripe lists, and fix it.
#[derive(Debug, clap::Args)]
#[command(after_help = RECONCILE_HELP)]
pub(crate) struct ReconcileArgs {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// SQLite file with all state; created if missing.
    #[arg(long, value_name = "FILE", default_value = "tierlift.db")]
    data: PathBuf,
    /// Configuration file, read where no server has the data file [default: tierlift.toml].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only print what would be found.
    #[arg(long)]
    dry_run: bool,
}

/// Imports from Stripe, or from a file.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let _guard = log::start(Some("warn"))?;
    match &args.file {
        Some(path) => import_file(path, args),
        None => reconcile(&args.common, Because::Import),
    }
}

/// Reconciles with Stripe.
pub(crate) fn run_reconcile(args: &ReconcileArgs) -> Result<(), Error> {
    let _guard = log::start(Some("warn"))?;
    reconcile(&args.common, Because::Reconcile)
}

fn reconcile(common: &Common, because: Because) -> Result<(), Error> {
    if let Some(door) = Door::of_server(&common.data)? {
        return served::reconcile(&door, because, common.dry_run);
    }
    let rules = rules(common.config.as_deref(), false)?;
    block_on(reconcile_in_file(common, &rules, because))
}

fn import_file(path: &Path, args: &Args) -> Result<(), Error> {
    if let Some(door) = Door::of_server(&args.common.data)? {
        let counts = file::import(path, args.as_of, |lines| {
            served::import(&door, lines).map_err(wrong_line)
        })?;
        print_line(&counts);
        return Ok(());
    }
    let rules = rules(args.common.config.as_deref(), false)?;
    let runtime = runtime()?;
    let offline = runtime.block_on(open(&args.common.data, &rules))?;
    let desk = offline.desk();
    let counts = file::import(path, args.as_of, |lines| {
        let imported = runtime.block_on(desk.import(lines, &rules.connected_accounts));
        imported.map_err(|error| wrong_line(Error::failed(error.code(), error)))
    })?;
    let left = runtime.block_on(offline.drain()).map_err(queue_error)?;
    print_line(&counts);
    print_left(left);
    Ok(())
}

/// A line that cannot be read must change before another attempt.
fn wrong_line(error: Error) -> Error {
    match error {
        Error::Failed { code: Code::BodyInvalid, source } => {
            Problem::new(Code::UsageInvalid, source.to_string()).into()
        }
        other @ (Error::Failed { .. } | Error::Setup(_)) => other,
    }
}

fn runtime() -> Result<Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.enable_all().max_blocking_threads(READER_THREADS_MAX).build();
    Ok(runtime.context("cannot start the runtime")?)
}

fn block_on(task: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    runtime()?.block_on(task)
}

async fn open(data: &Path, rules: &Rules) -> Result<Offline, Error> {
    Offline::open(data, rules.policy.clone(), system_clock()).await.map_err(open_error)
}

fn queue_error(error: QueueError) -> Error {
    Error::failed(Code::CommandFailed, error)
}

async fn reconcile_in_file(common: &Common, rules: &Rules, because: Because) -> Result<(), Error> {
    let stripe = client(rules)?;
    let offline = open(&common.data, rules).await?;
    let (clock, backend) = (system_clock(), offline.db());
    let stored = backend.reconciliation().await.context("cannot read the data file")?;
    let latest = stored.filter(|_| !common.dry_run);
    let state = Reconciliation::asked_for(because, latest, clock.now());
    let (policy, is_dry_run) = (&rules.policy, common.dry_run);
    let (store, queue, backlog_max) = (backend, backend, Some(RECONCILE_BACKLOG_MAX));
    let pass =
        Pass { stripe: &stripe, store, queue, policy, clock: &clock, is_dry_run, backlog_max };
    let progress = Progress::new(&state);
    let done = pass.run(state, |state| progress.show(state)).await;
    progress.end();
    let done = done.map_err(|error| Error::failed(error.code(), error))?;
    let left = offline.drain().await.map_err(queue_error)?;
    for line in report::lines(&done, is_dry_run) {
        print_line(&line);
    }
    print_left(left);
    Ok(())
}

fn print_left(left: u64) {
    if left > 0 {
        print_line(&format!("{left} are still queued; a server goes on with them"));
    }
}

/// Who asks Stripe. It takes a key.
fn client(rules: &Rules) -> Result<Client, Error> {
    let key = credentials::variable(API_KEY_VAR);
    let Some(key) = credentials::api_key(key.as_deref(), rules.policy.livemode)? else {
        let message = format!(
            "{API_KEY_VAR} is not set; set it to a restricted key that may read (docs/stripe-api.md), or \
             import a file with --file"
        );
        return Err(Problem::new(Code::SecretMissing, message).into());
    };
    Ok(stripe::client(key, &rules.stripe))
}

/// How far it has come, on a terminal.
struct Progress {
    begun_at: Instant,
    pages_before: u64,
    is_shown: bool,
}

impl Progress {
    fn new(state: &Reconciliation) -> Self {
        let is_shown = io::stderr().is_terminal();
        Self { begun_at: Instant::now(), pages_before: state.report.pages, is_shown }
    }

    fn show(&self, state: &Reconciliation) {
        if !self.is_shown {
            return;
        }
        let list = state.next.as_ref().map_or("the last page", |place| place.list.as_str());
        let (pages, checked) = (state.report.pages, state.report.checked);
        let secs = self.begun_at.elapsed().as_secs().max(1);
        let per_sec = (pages - self.pages_before).div_ceil(secs);
        let line = format!("\r{checked} checked, {pages} pages, {per_sec} a second: {list}   ");
        drop(io::stderr().write_all(line.as_bytes()));
    }

    fn end(&self) {
        if self.is_shown {
            drop(io::stderr().write_all(b"\n"));
        }
    }
}
