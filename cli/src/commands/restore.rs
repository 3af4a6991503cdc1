//! `tierlift restore`: puts a backup in the place of the data file, once the backup is found whole.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use tierlift_core::codes::Code;
use tierlift_embedded::{Db, db, system_clock};

use super::{data_code, print_line};
use crate::error::Error;

const HELP: &str = "\
No server may have the data file. A data file that is there already is kept beside it, with its time in its
name, also if it is too damaged to be opened. Afterwards have Stripe resend what came after the backup; clients that have seen more of an account
than is restored start over by themselves.";

/// Put a backup in the place of the data file.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The backup.
    file: PathBuf,
    /// The data file.
    #[arg(long, value_name = "FILE", default_value = "tierlift.db")]
    data: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let Args { file, data } = args;
    // A file that is half written, or not whole, is never under the name of the data file.
    let partial = data.with_added_extension("partial");
    fs::copy(file, &partial).context("the backup cannot be copied")?;
    fs::File::open(&partial).and_then(|it| it.sync_all()).context("the copy cannot be synced")?;
    let checked = check(&partial);
    remove_beside(&partial);
    if let Err(error) = checked {
        drop(fs::remove_file(&partial));
        return Err(error);
    }
    if data.exists() {
        set_aside(data)?;
    }
    fs::rename(&partial, data).context("the copy cannot be renamed")?;
    print_line(&format!("{}: restored from {}", data.display(), file.display()));
    Ok(())
}

/// Checks the copy by itself: a backup that needs a log beside it is refused.
fn check(copy: &Path) -> Result<(), Error> {
    let faults = db::check(copy).map_err(|error| Error::failed(data_code(&error), error))?;
    let Some(first) = faults.first() else { return Ok(()) };
    let error = anyhow!("the backup is damaged: {first}");
    Err(Error::failed(Code::DataDamaged, error))
}

/// Renames the data file, which no server may have. Closing it brings its log into it; one that is too damaged to be
/// opened keeps what SQLite has left of its log.
fn set_aside(data: &Path) -> Result<(), Error> {
    let time = system_clock().now().as_secs();
    let aside = data.with_added_extension(format!("before-{time}"));
    match Db::open_accepting_data_loss(data, system_clock()) {
        Ok(opened) => {
            drop(opened);
            remove_beside(data);
        }
        Err(db::OpenError::Sql { .. } | db::OpenError::Queue { .. }) => {
            for suffix in BESIDE {
                let (from, to) = (beside(data, suffix), beside(&aside, suffix));
                if from.exists() {
                    fs::rename(from, to).context("the log cannot be renamed")?;
                }
            }
        }
        Err(error) => return Err(Error::failed(data_code(&error), error)),
    }
    fs::rename(data, &aside).context("the data file cannot be renamed")?;
    print_line(&format!("{}: kept as {}", data.display(), aside.display()));
    Ok(())
}

/// What SQLite and tierlift put beside a file.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-mark"];

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut beside = file.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}

/// Removes what is beside a file that is closed and whole.
fn remove_beside(file: &Path) {
    for suffix in BESIDE {
        drop(fs::remove_file(beside(file, suffix)));
    }
}
