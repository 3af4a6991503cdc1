//! `tierlift simulate`: what Stripe would send, for people without Stripe's CLI.
//!
//! The generator is pure (`lifecycle`, `storm`); around it stand what is remembered from run to run,
//! the posting, and the check of how it ended.

mod check;
mod remember;
pub mod send;

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::ValueEnum;
use tierlift_core::subscription::Status;

use crate::{
    credentials::{DEMO_WEBHOOK_SECRET, JWT_SECRET_VAR, WEBHOOK_SECRET_VAR},
    exit::Failure,
};
use remember::Memory;
use tierlift_testkit::{
    lifecycle::{self, Event, Step, Subscription},
    random::{self, Random},
    storm,
};

/// What to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Action {
    /// A purchase: checkout, subscription created, first payment. An earlier subscription ends.
    Upgrade,
    /// Stripe gives up on the payment: the subscription becomes unpaid.
    Downgrade,
    /// A renewal fails, and Stripe keeps trying.
    PastDue,
    /// The subscription ends at once.
    Cancel,
    /// Many events of many subscriptions, ending in an active one for each user.
    Storm,
}

const HELP: &str = "\
What was bought is remembered from run to run, so that `upgrade`, `past_due`, `downgrade` and
`cancel` are one subscription's life; without a memory of the user each begins with a purchase.

A storm of more than 300 events goes over several users: U, U-2, U-3, …; each ends with one active
subscription and all others ended, in whatever order the events arrive. The same --seed and --at
give the same storm; what was bought before ends with it.

In the end the role of each user is asked for and compared: with a token made by --jwt-secret, or
by the demo's login where the server has one. Prints OK or MISMATCH; a mismatch exits with 1.

  tierlift simulate upgrade --user ada
  tierlift simulate storm --user ada --count 10000 --duplicates 2000 --shuffle --seed 7";

/// Send a subscription's life to a server, signed as Stripe signs it.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// What happens.
    #[arg(value_enum)]
    action: Action,
    /// The user whose subscription it is.
    #[arg(long, value_name = "USER", value_parser = user)]
    user: String,
    /// The Stripe customer [default: one made of the user's id].
    #[arg(long, value_name = "CUSTOMER")]
    customer: Option<String>,
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    url: String,
    /// The webhook's signing secret; of several, the first.
    #[arg(long, value_name = "SECRET", env = WEBHOOK_SECRET_VAR, hide_env_values = true,
          default_value = DEMO_WEBHOOK_SECRET)]
    secret: String,
    /// The secret of access tokens, for asking how it ended.
    #[arg(long, value_name = "SECRET", env = JWT_SECRET_VAR, hide_env_values = true)]
    jwt_secret: Option<String>,
    /// The price that is bought; the server has to know what it earns.
    #[arg(long, value_name = "PRICE", default_value = "price_pro")]
    price: String,
    /// The role that the user must have in the end [default: free after downgrade and cancel, else
    /// paid].
    #[arg(long, value_name = "ROLE")]
    expect: Option<String>,
    /// Different events of a storm.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = 1..=1_000_000)]
    count: i64,
    /// Further deliveries of a storm's events.
    #[arg(long, value_name = "D", default_value_t = 0, value_parser = 0..=1_000_000)]
    duplicates: i64,
    /// Deliver a storm in any order.
    #[arg(long)]
    shuffle: bool,
    /// Says every choice and id [default: the clock].
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// When it happens, in seconds since 1970 [default: now].
    #[arg(long, value_name = "SECONDS")]
    at: Option<i64>,
    /// Where to remember what was bought [default: tierlift/simulate.json in the user's state
    /// folder].
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
}

fn user(text: &str) -> Result<String, String> {
    tierlift_core::id::UserId::new(text).map(|id| id.to_string()).map_err(|error| error.to_string())
}

/// What a run sends and where it should end.
struct Script {
    deliveries: Vec<Event>,
    /// Subscriptions that are live afterwards, with whose they are.
    live: Vec<Subscription>,
    users: Vec<String>,
}

/// The stream of ids and choices of a seed at a time: the same command a second later is another
/// simulation, not a repeat.
fn stream(seed: u64, at_secs: i64) -> u64 {
    seed.rotate_left(32) ^ at_secs.unsigned_abs()
}

/// Simulates as asked, and checks how it ended.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let now = now_millis();
    let seed = args.seed.unwrap_or_else(|| u64::try_from(now).unwrap_or(0));
    let at_secs = args.at.unwrap_or(now / 1_000);
    let url = args.url.trim_end_matches('/');
    let mut memory = Memory::open(args.memory.clone())?;
    let script = match args.action {
        Action::Storm => args.storm(&memory, url, stream(seed, at_secs), at_secs),
        Action::Upgrade | Action::Downgrade | Action::PastDue | Action::Cancel => {
            args.script(memory.of(url, &args.user), stream(seed, at_secs), at_secs)
        }
    };
    let secret = args.secret.split(',').map(str::trim).find(|secret| !secret.is_empty());
    let target = send::Target {
        url: format!("{url}/webhooks/stripe"),
        secret: secret.unwrap_or_default().to_owned(),
    };
    let summary = target.deliver(&script.deliveries)?;
    for user in &script.users {
        let live = script.live.iter().filter(|sub| sub.user == *user).cloned().collect();
        memory.put(url, user, live);
    }
    memory.save()?;
    let duplicates = if args.action == Action::Storm { args.duplicates } else { 0 };
    say(&format!("seed {seed}: {summary}; {duplicates} of them repeats"));
    check::Check {
        url,
        users: &script.users,
        role: args.expected(),
        jwt_secret: args.jwt_secret.as_deref(),
    }
    .run()
}

impl Args {
    fn expected(&self) -> &str {
        let usual = match self.action {
            Action::Upgrade | Action::PastDue | Action::Storm => "paid",
            Action::Downgrade | Action::Cancel => "free",
        };
        self.expect.as_deref().unwrap_or(usual)
    }

    fn customer(&self) -> String {
        self.customer.clone().unwrap_or_else(|| random::customer_of("cus_", &self.user))
    }

    /// A storm, after the end of what its users have.
    fn storm(&self, memory: &Memory, url: &str, seed: u64, at_secs: i64) -> Script {
        let plan = storm::Plan {
            user: self.user.clone(),
            customer: self.customer(),
            price: self.price.clone(),
            count: usize::try_from(self.count).unwrap_or(1),
            duplicates: usize::try_from(self.duplicates).unwrap_or(0),
            shuffle: self.shuffle,
            seed,
            at_secs,
        };
        let storm = plan.storm();
        let users: Vec<String> = storm.users.iter().map(|sub| sub.user.clone()).collect();
        let mut random = Random::named(seed, "former");
        // The very same storm again is nothing but repeats: what it leaves is not ended before it.
        let is_new = |sub: &Subscription| storm.users.iter().all(|left| left.id != sub.id);
        let former = users.iter().flat_map(|user| memory.of(url, user)).filter(is_new);
        let mut deliveries: Vec<Event> =
            former.map(|mut sub| sub.end(&mut random, at_secs)).collect();
        deliveries.extend(storm.deliveries);
        Script { deliveries, live: storm.users, users }
    }

    /// One action on what is remembered of the user.
    fn script(&self, mut live: Vec<Subscription>, seed: u64, at_secs: i64) -> Script {
        let mut random = Random::named(seed, &self.user);
        let mut deliveries = Vec::new();
        if let Some(customer) = &self.customer {
            live.retain(|sub| sub.customer == *customer);
        }
        let mut former = Vec::new();
        if self.action == Action::Upgrade {
            former = std::mem::take(&mut live);
        }
        if live.is_empty() {
            let (sub, mut events) = lifecycle::purchase(
                &mut random,
                &self.customer(),
                &self.user,
                &self.price,
                at_secs,
            );
            deliveries.append(&mut events);
            live.push(sub);
        }
        deliveries.extend(former.iter_mut().map(|sub| sub.end(&mut random, at_secs)));
        for sub in &mut live {
            deliveries.extend(self.action.on(sub, &mut random, at_secs));
        }
        live.retain(Subscription::is_live);
        Script { deliveries, live, users: vec![self.user.clone()] }
    }
}

impl Action {
    /// What a live subscription goes through.
    fn on(self, sub: &mut Subscription, random: &mut Random, at_secs: i64) -> Option<Event> {
        let status = match self {
            Self::Upgrade | Self::Storm => return None,
            Self::Cancel => return Some(sub.end(random, at_secs)),
            Self::Downgrade => Status::Unpaid,
            Self::PastDue => Status::PastDue,
        };
        let step =
            if sub.status == status { Step::Note(sub.note + 1) } else { Step::Status(status) };
        Some(sub.step(random, step, at_secs))
    }
}

pub(crate) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[expect(clippy::print_stdout, reason = "the answer of a command goes to stdout")]
fn say(line: &str) {
    println!("{line}");
}
