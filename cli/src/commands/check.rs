//! `tierlift check`: whether a data file, or a copy of one, is whole and undamaged.

use std::path::PathBuf;

use tierlift_core::codes::Code;
use tierlift_embedded::db;

use super::{data_code, print_line};
use crate::error::Error;

const HELP: &str = "\
Reads every page, index and row, and changes nothing. A server may be using the file. Check a copy before
you rely on it.

Examples:
  tierlift check --data /var/lib/tierlift/tierlift.db
  tierlift check --data backup.db";

/// Check a data file, or a copy of one, for damage.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The data file.
    #[arg(long, value_name = "FILE", default_value = "tierlift.db")]
    data: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let path = args.data.display();
    let faults = db::check(&args.data).map_err(|error| Error::failed(data_code(&error), error))?;
    if faults.is_empty() {
        print_line(&format!("{path}: no damage"));
        return Ok(());
    }
    for fault in &faults {
        print_line(fault);
    }
    let error = anyhow::anyhow!("{path} is damaged: {} faults are listed", faults.len());
    Err(Error::failed(Code::DataDamaged, error))
}
