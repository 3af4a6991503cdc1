//! `tierlift grant`: gives a user a role by hand, or takes it back. Webhooks never touch it.

use serde_json::json;

use super::{changed, until_secs};
use crate::{
    error::Error,
    operator::{Door, Reach, Sign},
};

/// Grant a user a role by hand, or take it back with `none`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The user.
    user: String,
    /// A role of the policy, or `none`.
    role: String,
    /// Time after which it ends by itself, such as `12h` or `7d` from now [default: never].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let role = Some(&args.role).filter(|role| *role != "none");
    let until = args.until.as_deref().map(until_secs).transpose()?;
    let body = json!({"user": args.user, "role": role, "untilSecs": until});
    let body = args.sign.body(body);
    changed(&args.reach, &Door::open(&args.reach)?.post("/grant", &body)?);
    Ok(())
}
