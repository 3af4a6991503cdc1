//! The signal that ends every task of the process.

use tokio::sync::watch;

/// Waits until the signal is given, or until its sender is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
