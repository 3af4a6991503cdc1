//! The command line.
//!
//! It has no setting for what makes figures comparable: cores, durability and event shape are fixed.

use std::path::PathBuf;

use clap::Parser;
use tierlift_bench::args::{self, Common};
use tierlift_core::limits::SOCKETS_MAX;

use crate::server::Program;

/// Measures tierlift beside a stock peer, in one run, on the same two cores.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// The release binary of tierlift.
    #[arg(long)]
    server: Option<PathBuf>,
    /// The folder of the Node peer.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/server/peer"))]
    pub(crate) peer: PathBuf,
    /// Where both keep their files: a real disk, not memory.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Args {
    /// What is measured, in the order of the table.
    pub(crate) fn programs(&self) -> Vec<Program> {
        let release = || args::target().join("release/tierlift");
        let tierlift = || Program::Tierlift(self.server.clone().unwrap_or_else(release));
        let peer = || Program::Peer(self.peer.clone());
        let ours = self.common.tierlift().then(tierlift);
        ours.into_iter().chain(self.common.peer().then(peer)).collect()
    }

    pub(crate) fn scale(&self) -> Scale {
        self.common.scale(Scale::FULL, Scale::QUICK)
    }
}

/// How much of everything: each run is bounded in events and in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Users, with a socket each.
    pub(crate) users: usize,
    /// Rounds of the closed loop; the median one counts.
    pub(crate) rounds: usize,
    /// Events before the first one that counts.
    pub(crate) warm_up_events: usize,
    pub(crate) closed: ClosedLoop,
    pub(crate) open: OpenLoop,
    pub(crate) reads: ReadLoop,
    /// Sockets that are opened and left alone.
    pub(crate) idle_sockets: usize,
    /// Sockets that one event is for, and how many such events there are, of which the median counts.
    pub(crate) fan_out_sockets: usize,
    pub(crate) fan_outs: usize,
    /// Starts, of which the median counts.
    pub(crate) starts: usize,
    /// How long one stage alone runs.
    pub(crate) stage_secs: u64,
}

/// How much of the load that follows the server. The run gives up after `secs_max`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedLoop {
    pub(crate) connections: usize,
    pub(crate) events: usize,
    pub(crate) secs_max: u64,
}

/// How much of the load at a fixed rate. After `secs` the server is given `drain_secs` to catch up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenLoop {
    pub(crate) connections: usize,
    pub(crate) secs: u64,
    pub(crate) drain_secs: u64,
}

/// How much is read beside upgrades.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadLoop {
    pub(crate) connections: usize,
    pub(crate) secs: u64,
}

/// Files that a run opens besides its sockets, at most.
const OTHER_FILES_MAX: usize = 500;

impl Scale {
    const FULL: Self = Self {
        users: 500,
        rounds: 3,
        warm_up_events: 4_000,
        closed: ClosedLoop { connections: 64, events: 40_000, secs_max: 40 },
        open: OpenLoop { connections: 250, secs: 8, drain_secs: 8 },
        reads: ReadLoop { connections: 16, secs: 6 },
        idle_sockets: 10_000,
        fan_out_sockets: SOCKETS_MAX,
        fan_outs: 7,
        starts: 9,
        stage_secs: 3,
    };
    const QUICK: Self = Self {
        rounds: 1,
        warm_up_events: 2_000,
        closed: ClosedLoop { events: 10_000, ..Self::FULL.closed },
        open: OpenLoop { secs: 2, drain_secs: 4, ..Self::FULL.open },
        reads: ReadLoop { secs: 2, ..Self::FULL.reads },
        idle_sockets: 2_000,
        fan_out_sockets: 2_000,
        fan_outs: 3,
        starts: 3,
        stage_secs: 1,
        ..Self::FULL
    };

    /// With as many sockets as that many open files allow.
    pub(crate) fn within(self, files: u64) -> Self {
        let sockets = usize::try_from(files).unwrap_or(usize::MAX) - OTHER_FILES_MAX;
        Self { fan_out_sockets: self.fan_out_sockets.min(sockets), ..self }
    }
}
