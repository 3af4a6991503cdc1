//! `tierlift link` and `tierlift unlink`: whose a customer, a subscription or a purchase is, by hand.

use serde_json::json;

use super::changed;
use crate::{
    error::Error,
    operator::{Door, Reach, Sign},
};

/// Link a customer, or one subscription or purchase of it, to a user.
#[derive(Debug, clap::Args)]
pub(crate) struct LinkArgs {
    #[command(flatten)]
    what: What,
    /// The user.
    #[arg(long, value_name = "USER")]
    user: String,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

/// Remove a link that was made by hand.
#[derive(Debug, clap::Args)]
pub(crate) struct UnlinkArgs {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Args)]
struct What {
    /// The customer's id, cus_….
    customer: String,
    /// The subscription, sub_…, or the purchase; without it the customer as a whole.
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
}

pub(crate) fn link(args: &LinkArgs) -> Result<(), Error> {
    run(&args.what, Some(&args.user), &args.sign, &args.reach)
}

pub(crate) fn unlink(args: &UnlinkArgs) -> Result<(), Error> {
    run(&args.what, None, &args.sign, &args.reach)
}

fn run(what: &What, user: Option<&str>, sign: &Sign, reach: &Reach) -> Result<(), Error> {
    let What { customer, subject } = what;
    let body = json!({"customer": customer, "subject": subject, "user": user});
    changed(reach, &Door::open(reach)?.post("/link", &sign.body(body))?);
    Ok(())
}
