//! `tierlift revoke`: ends all sessions of a user now.

use serde_json::json;

use super::changed;
use crate::{
    error::Error,
    operator::{Door, Reach, Sign},
};

/// End all sessions of a user: tokens that were issued until now count no more.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The user.
    user: String,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let body = args.sign.body(json!({"user": args.user}));
    changed(&args.reach, &Door::open(&args.reach)?.post("/revoke", &body)?);
    Ok(())
}
