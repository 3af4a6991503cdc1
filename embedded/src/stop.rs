//! The signal that everything in the process ends by.

use tokio::sync::watch;

/// Waits until the signal is given, or nobody is left who could give it.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
