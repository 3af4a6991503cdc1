//! The part of the command line that both benchmarks have.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde::Serialize;

/// Which programs to measure, how much, and where to write the figures.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Measure one of the two.
    #[arg(long)]
    only: Option<Only>,
    /// Measure less: a look, not a figure.
    #[arg(long)]
    quick: bool,
    /// Also write all figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Only {
    Tierlift,
    Peer,
}

impl Common {
    /// Whether tierlift is measured.
    #[must_use]
    pub fn tierlift(&self) -> bool {
        self.only != Some(Only::Peer)
    }

    /// Whether its peer is measured.
    #[must_use]
    pub fn peer(&self) -> bool {
        self.only != Some(Only::Tierlift)
    }

    /// One of two scales.
    pub fn scale<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Writes the figures to the file that was asked for.
    pub fn write(&self, report: &impl Serialize) -> Result<()> {
        let Some(file) = &self.json else { return Ok(()) };
        let text = serde_json::to_string_pretty(report)?;
        fs::write(file, text).with_context(|| file.display().to_string())
    }
}

/// `$CARGO_TARGET_DIR`, or the workspace's `target`.
#[must_use]
pub fn target() -> PathBuf {
    let of_workspace = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target"));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(of_workspace, PathBuf::from)
}
