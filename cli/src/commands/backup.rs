//! `tierlift backup`: copies the data file while it is in use, and checks the copy.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;

use crate::{
    error::Error,
    operator::{Door, Reach, print, text},
};

/// Back up the data file, which may be in use, and check the copy.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The new file.
    file: PathBuf,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    // The server may have been started in another folder.
    let file = std::path::absolute(&args.file).context("the file has no absolute name")?;
    let answer = Door::open(&args.reach)?.post("/backup", &json!({"file": file}))?;
    print(args.reach.json, &answer, |it| {
        vec![format!("{}: {} bytes, no damage", text(&it["file"]), text(&it["bytes"]))]
    });
    Ok(())
}
