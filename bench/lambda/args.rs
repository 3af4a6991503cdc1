//! The command line.
//!
//! It has no setting for what makes figures comparable: cores, events and AWS's answers are fixed.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use tierlift_bench::args::{self, Common};

use crate::function::{Job, Program};

/// Measures the Lambda functions beside the same jobs in Python, without AWS.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// The folder of the functions' binaries, built for this machine. Default: the target folder's `lambda`.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// A Python that has the peer's packages.
    #[arg(long, required_unless_present = "only")]
    python: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Args {
    /// What is measured, in the order of the table.
    pub(crate) fn programs(&self) -> Result<Vec<Program>> {
        let mut programs = Vec::new();
        if self.common.tierlift() {
            let built = || args::target().join("lambda");
            programs.push(Program::Tierlift(self.binaries.clone().unwrap_or_else(built)));
        }
        if self.common.peer() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("lambda/peer");
            let python = self.python.clone().context("--python is needed for the peer")?;
            programs.push(Program::Peer { folder, python });
        }
        for program in &programs {
            let jobs: Vec<_> = Job::ALL.into_iter().filter(|job| program.has(*job)).collect();
            program.check(&jobs)?;
        }
        Ok(programs)
    }

    pub(crate) fn scale(&self) -> Scale {
        self.common.scale(Scale::FULL, Scale::QUICK)
    }
}

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) colds: usize,
    pub(crate) warms: usize,
}

impl Scale {
    const FULL: Self = Self { colds: 20, warms: 300 };
    const QUICK: Self = Self { colds: 3, warms: 20 };
}
