//! `tierlift init`: writes a configuration, by three questions. With a key it reads the prices that are sold. It
//! changes nothing at Stripe.

mod ask;
mod file;

use std::{fs, io::Write as _, path::PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use tierlift_core::{
    codes::Code,
    config::StripeConfig,
    ports::{ListOf, Stripe as _},
    stripe::catalog,
};
use tierlift_stripe::Key;

use self::file::Offer;
use super::print_line;
use crate::{
    credentials::{self, API_KEY_VAR},
    error::{Error, Problem},
    limits::DOCTOR_PAGES_MAX,
    stripe,
};

const HELP: &str = "\
Asks which roles there are, where Stripe's metadata has the id of your user, and which role each price earns. What is
given as an option is not asked; without a terminal nothing is, and the defaults count. With STRIPE_API_KEY the active
prices are read from Stripe.

Examples:
  tierlift init
  tierlift init --roles free,pro --user-id-key uid --plan price_123=pro";

/// Write a configuration file, by three questions.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The file to write. It must not exist.
    #[arg(long, value_name = "FILE", default_value = "tierlift.toml")]
    config: PathBuf,
    /// Roles, lowest first [default: free,paid].
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    roles: Vec<String>,
    /// Key of Stripe's metadata that has the id of your user [default: `user_id`].
    #[arg(long, value_name = "KEY")]
    user_id_key: Option<String>,
    /// A plan: the id of a price or product, or a lookup key, and its role. Prices that are not named are ignored.
    #[arg(long = "plan", value_name = "PRICE=ROLE", value_parser = plan)]
    plans: Vec<(String, String)>,
    /// Address of Stripe's API, or of a stand-in on this machine.
    #[arg(long, value_name = "URL", hide = true)]
    api_base: Option<String>,
}

fn plan(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, role)| !key.is_empty() && !role.is_empty());
    let (key, role) = parts.ok_or("allowed: PRICE=ROLE, such as price_123=paid")?;
    Ok((key.to_owned(), role.to_owned()))
}

#[derive(Deserialize)]
struct Price {
    id: String,
    product: Product,
}

/// Expanded, or its id.
#[derive(Deserialize)]
#[serde(untagged)]
enum Product {
    Object { id: String, name: Option<String>, active: Option<bool> },
    Id(String),
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let path = args.config.display();
    if args.config.exists() {
        let message = format!("{path} exists; name another file with --config, or move it away");
        return Err(Problem::new(Code::UsageInvalid, message).into());
    }
    let key = credentials::variable(API_KEY_VAR).map(|text| Key::parse(&text)).transpose();
    let key = key.map_err(|error| Problem::new(error.code(), format!("{API_KEY_VAR} {error}")))?;
    let livemode = key.as_ref().is_some_and(Key::is_live);
    let offers = key.map(|key| offers(key, args)).transpose()?.unwrap_or_default();
    let choices = ask::choices(args, livemode, offers);
    let text = file::text(&choices)?;
    let mut file =
        fs::File::create_new(&args.config).with_context(|| format!("cannot write {path}"))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {path}"))?;
    print_line(&format!("{path} is written: {} plans", choices.plans.len()));
    print_line(
        "Enable these events at the webhook endpoint of your server, https://…/webhooks/stripe:",
    );
    for kind in catalog::relevant().filter(|kind| !catalog::is_thin(kind)) {
        print_line(&format!("  {kind}"));
    }
    print_line(
        "Set STRIPE_WEBHOOK_SECRET and TIERLIFT_JWT_SECRET, and check all of it: tierlift doctor",
    );
    Ok(())
}

/// What is sold, by its active prices.
fn offers(key: Key, args: &Args) -> Result<Vec<Offer>, Error> {
    let mut config = StripeConfig::default();
    if let Some(base) = &args.api_base {
        let problem = |error| Problem::new(Code::UsageInvalid, format!("--api-base {error}"));
        config.api_base = base.parse().map_err(problem)?;
    }
    let client = stripe::client(key, &config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let (mut offers, mut after) = (Vec::new(), None);
    for _ in 0..DOCTOR_PAGES_MAX {
        let page = runtime.block_on(client.list(&ListOf::Prices, after.as_deref()));
        let page = page.map_err(|error| Error::failed(error.code(), error))?;
        for answer in &page.items {
            let price = serde_json::from_str(&answer.object);
            let price =
                price.map_err(|error| Error::failed(Code::StripeAnswerUnexpected, error))?;
            offers.extend(offer(price));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(offers)
}

/// None for a price of a product that is archived, which nobody can buy.
fn offer(price: Price) -> Option<Offer> {
    let (product, name) = match price.product {
        Product::Object { active: Some(false), .. } => return None,
        Product::Object { id, name, .. } => (id, name),
        Product::Id(id) => (id, None),
    };
    Some(Offer { price: price.id, name: name.unwrap_or(product) })
}
