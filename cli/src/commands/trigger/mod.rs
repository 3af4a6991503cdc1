//! `tierlift trigger`: sends generated Stripe events to a server, as `stripe trigger` does, and checks
//! the roles that result.
//!
//! `script` decides purely what is sent; `state_file` keeps what exists from run to run; `check` asks
//! the server for the outcome.

mod check;
mod script;
mod state_file;

use std::path::PathBuf;

use clap::ValueEnum;
use tierlift_core::{codes::Code, id::UserId};
use tierlift_embedded::system_clock;

use super::print_line;
use crate::{
    credentials::{DEMO_WEBHOOK_SECRET, JWT_SECRET_VAR, WEBHOOK_SECRET_VAR},
    error::Error,
    limits::TRIGGER_EVENTS_MAX,
    webhooks::{SendError, WebhookSender},
};
use script::Script;
use state_file::StateFile;

/// What happens to the subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Action {
    /// Purchase: checkout, subscription created, first payment; earlier subscriptions end.
    Upgrade,
    /// Stripe gives up on a payment: the subscription becomes unpaid.
    Downgrade,
    /// A renewal fails and Stripe keeps retrying.
    PastDue,
    /// The subscription ends immediately.
    Cancel,
    /// The subscription will end with its period.
    CancelAtPeriodEnd,
    /// Nothing but the time that --advance passes.
    Wait,
    /// Many events of many subscriptions, of which one per user stays active.
    Storm,
}

const HELP: &str = "\
Subscriptions are kept in a state file, so that successive commands continue the same subscription.
For a user without one, every action begins with a purchase.

A storm of more than 300 events is spread over several users (USER, USER-2, USER-3, …). Each ends with
one active subscription, whatever the order of delivery. The same --seed and --at generate the same
storm.

Afterwards the command waits until the server has applied everything, and compares each user's role
with the expected one. It needs an access token for that: signed with --jwt-secret, or from the demo's
login. It prints OK or MISMATCH for each user and exits with 1 on a mismatch.

With --advance the events have later times, as those of a test clock do. The server lives by its own
clock: access that ends without an event ends by that one.

Examples:
  tierlift trigger upgrade --user ada
  tierlift trigger cancel_at_period_end --user ada
  tierlift trigger wait --user ada --advance 35d --expect free
  tierlift trigger storm --user ada --count 10000 --duplicates 2000 --shuffle --seed 7";

/// Send generated Stripe events to a server, and check the resulting role.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// What happens to the subscription.
    #[arg(value_enum)]
    action: Action,
    /// User who owns the subscription.
    #[arg(long, value_name = "USER", value_parser = parse_user)]
    user: String,
    /// Stripe customer [default: derived from the user].
    #[arg(long, value_name = "CUSTOMER")]
    customer: Option<String>,
    /// Server to send to.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    url: String,
    /// Webhook signing secret; the first one of a comma-separated list.
    #[arg(long, value_name = "SECRET", env = WEBHOOK_SECRET_VAR, hide_env_values = true,
          default_value = DEMO_WEBHOOK_SECRET)]
    secret: String,
    /// Secret of access tokens, to ask for the resulting role.
    #[arg(long, value_name = "SECRET", env = JWT_SECRET_VAR, hide_env_values = true)]
    jwt_secret: Option<String>,
    /// Price that is bought; the server must have a plan for it.
    #[arg(long, value_name = "PRICE", default_value = "price_pro")]
    price: String,
    /// Role that the user must have afterwards [default: free after downgrade, cancel and the end of the
    /// subscription, paid otherwise].
    #[arg(long, value_name = "ROLE")]
    expect: Option<String>,
    /// Distinct events of a storm.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = 1..=TRIGGER_EVENTS_MAX)]
    count: i64,
    /// Events of a storm that are delivered again.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = 0..=TRIGGER_EVENTS_MAX)]
    duplicates: i64,
    /// Deliver a storm in random order.
    #[arg(long)]
    shuffle: bool,
    /// Seed of all choices and ids [default: the current time].
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Time at which it happens, in Unix seconds [default: now].
    #[arg(long, value_name = "SECONDS")]
    at: Option<i64>,
    /// Time that passes first, such as 35d, 12h, 30m or 10s: periods are paid or end as they would with a
    /// test clock of Stripe's, and the action happens that much later.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    advance: i64,
    /// File that keeps subscriptions from run to run [default: tierlift/trigger.json in the user's
    /// state directory].
    #[arg(long, value_name = "FILE", alias = "memory")]
    state_file: Option<PathBuf>,
}

fn parse_user(text: &str) -> Result<String, String> {
    UserId::new(text).map(|id| id.to_string()).map_err(|error| error.to_string())
}

/// A duration as seconds: a number with its unit.
fn parse_duration(text: &str) -> Result<i64, String> {
    let format =
        || format!("a number of at most 4 digits with d, h, m or s, such as 35d; this is {text}");
    let unit_secs = match text.chars().last() {
        Some('d') => 86_400,
        Some('h') => 3_600,
        Some('m') => 60,
        Some('s') => 1,
        _ => return Err(format()),
    };
    let digits = text.get(..text.len() - 1).filter(|digits| digits.len() <= 4);
    let number = digits.and_then(|digits| digits.parse::<u16>().ok()).ok_or_else(format)?;
    Ok(i64::from(number) * unit_secs)
}

/// Sends the events, saves the state, and checks the roles.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let now = system_clock().now();
    let seed = args.seed.unwrap_or_else(|| u64::try_from(now.as_millis()).unwrap_or_default());
    let url = args.url.trim_end_matches('/');
    let mut state = StateFile::open(args.state_file.clone())?;
    let at_secs = args.at.unwrap_or(now.as_secs()) + args.advance;
    let script = Script::new(args, seed, at_secs, |user| state.subscriptions(url, user));
    let summary = args.sender(url).deliver(&script.deliveries).map_err(send_error)?;
    for user in &script.users {
        let live = script.live.iter().filter(|sub| sub.user == *user).cloned().collect();
        state.replace(url, user, live);
    }
    state.save()?;
    let duplicates = if args.action == Action::Storm { args.duplicates } else { 0 };
    print_line(&format!("seed {seed}: {summary}; {duplicates} of them duplicates"));
    check::Check {
        url,
        users: &script.users,
        role: args.expected_role(&script),
        jwt_secret: args.jwt_secret.as_deref(),
    }
    .run()
}

fn send_error(error: SendError) -> Error {
    let code = match &error {
        SendError::Unavailable { .. } => Code::ServerUnavailable,
        SendError::Refused { .. } => Code::WebhookRefused,
        SendError::Other(_) => Code::CommandFailed,
    };
    Error::failed(code, error)
}

impl Args {
    fn sender(&self, url: &str) -> WebhookSender {
        let secret = self.secret.split(',').map(str::trim).find(|secret| !secret.is_empty());
        WebhookSender::new(url, secret.unwrap_or_default())
    }

    fn expected_role(&self, script: &Script) -> &str {
        let default = match self.action {
            Action::Wait if script.live.is_empty() => "free",
            Action::Upgrade
            | Action::PastDue
            | Action::Storm
            | Action::CancelAtPeriodEnd
            | Action::Wait => "paid",
            Action::Downgrade | Action::Cancel => "free",
        };
        self.expect.as_deref().unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_with_its_unit() {
        for (text, secs) in [("35d", 35 * 86_400), ("12h", 43_200), ("30m", 1_800), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(secs), "{text}");
        }
        for text in ["", "d", "35", "-1d", "99999d", "1.5h", "35 d", "5é"] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains("such as 35d"), "{text}: {error}");
        }
    }
}
