//! `tierlift pause` and `tierlift resume`: whether the worker applies what is queued. Webhooks are acknowledged
//! all the same.

use serde_json::json;

use super::changed;
use crate::{
    error::Error,
    operator::{Door, Reach, Sign},
};

/// Pause the worker, or let it go on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args, is_paused: bool) -> Result<(), Error> {
    let body = args.sign.body(json!({"paused": is_paused}));
    changed(&args.reach, &Door::open(&args.reach)?.post("/pause", &body)?);
    Ok(())
}
