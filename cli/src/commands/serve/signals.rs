//! Signals: SIGTERM, SIGINT or SIGQUIT ends the server in order, a second one ends the process at once.
//!
//! No other signal that a system or an operator may send ends it: SIGHUP reads the configuration again,
//! SIGUSR1 and SIGUSR2 mean nothing, and the SIGXFSZ of a file that reached its size limit becomes an
//! error of the write, which is answered 503.

use anyhow::Context as _;
use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

/// SIGHUP, which would otherwise end the process.
pub(super) fn hangups() -> anyhow::Result<Signal> {
    listen(SignalKind::hangup())
}

/// Keeps signals that mean nothing here from ending the process.
pub(super) fn outlive_others() -> anyhow::Result<()> {
    // Once listened to, a signal never does what it does by default again.
    drop(listen(SignalKind::from_raw(Number::XFSZ.as_raw()))?);
    for (kind, name) in
        [(SignalKind::user_defined1(), "SIGUSR1"), (SignalKind::user_defined2(), "SIGUSR2")]
    {
        let mut received = listen(kind)?;
        tokio::spawn(async move {
            while received.recv().await.is_some() {
                tracing::info!(signal = name, "signal has no meaning, nothing done");
            }
        });
    }
    Ok(())
}

fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("cannot receive signals")
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            quit: listen(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
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
