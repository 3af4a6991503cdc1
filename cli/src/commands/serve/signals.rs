//! SIGTERM and SIGINT: the first one ends the server in order, a second one ends the process at once.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// SIGHUP, which would otherwise end the process.
pub(super) fn hangups() -> anyhow::Result<Signal> {
    listen(SignalKind::hangup())
}

fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("cannot receive signals")
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the first signal. From then on a second one ends the process.
    pub(super) async fn first(mut self) {
        self.next().await;
        tracing::info!("shutting down: finishing what is in progress; signal again to end at once");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(1);
        });
    }
}
