//! From arguments to an exit code: 0 done, 1 it failed, 2 it was asked for something that cannot be.
//!
//! Clap ends with 2 by itself for arguments that it cannot read; this keeps to the same number for
//! everything that has to be set differently before another try makes sense.

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Args, Command},
    serve, simulate,
};

/// Why the program ends without having done what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something must be set, or set differently: exit 2. Each line is one thing to do.
    #[error("{0}")]
    Usage(String),
    /// It was asked rightly and failed: exit 1.
    #[error("{0:#}")]
    Run(#[from] anyhow::Error),
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Run(_) => 1,
        }
    }
}

/// Reads the arguments, does what they ask, and says how that ended.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Simulate(args) => simulate::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program says on stderr why it ends")]
fn complain(failure: &Failure) {
    for line in failure.to_string().lines() {
        eprintln!("tierlift: {line}");
    }
}
