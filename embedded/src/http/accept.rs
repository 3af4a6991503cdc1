//! The loop that accepts connections, each with its limits: how many, how slow, how idle.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tierlift_core::limits::{ACCEPT_RETRY_DELAY_MS, CONNECTIONS_MAX, REQUEST_HEAD_BYTES_MAX};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

use crate::stop::stopped;

type Connection = http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

/// What the loop needs.
pub(crate) struct Accepting {
    pub(crate) listener: TcpListener,
    pub(crate) router: Router,
    /// From the end of one request to the complete head of the next, and for a client that takes
    /// nothing of an answer.
    pub(crate) head_timeout: Duration,
    /// How long a request may still take once we stop.
    pub(crate) finish_timeout: Duration,
}

/// The connections that are still open.
pub(crate) struct InFlight {
    slots: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

impl InFlight {
    /// Lets each connection finish the request that it is at, within its time, and waits for all of
    /// them.
    pub(crate) async fn finish(self) {
        self.stop.send_replace(true);
        // Each connection holds one slot; when all can be had, there is no connection.
        let _ = self.slots.acquire_many(CONNECTIONS_MAX).await;
    }
}

/// Raises the limit of open files to what the system allows: every socket is one, and many systems
/// begin with 1,024.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Accepts until `stop` is done; then there is no listener any more.
pub(crate) async fn accept(accepting: Accepting, stop: impl Future<Output = ()>) -> InFlight {
    let Accepting { listener, router, head_timeout, finish_timeout } = accepting;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX);
    raise_open_files();
    let service = TowerToHyperService::new(router);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let (stop_connections, stopping) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return InFlight { slots, stop: stop_connections },
            accepted = next(&listener, &slots, head_timeout) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let connection = http.serve_connection(TokioIo::new(stream), service.clone());
                tokio::spawn(serve(connection, stopping.clone(), finish_timeout, slot));
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    stall_timeout: Duration,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // An answer is one small packet that must not wait for another.
    stream.set_nodelay(true)?;
    // Other systems have no such option.
    #[cfg(target_os = "linux")]
    cut_when_stalled(&stream, stall_timeout)?;
    Ok((stream, slot))
}

/// A client that asks and never reads would otherwise keep its connection for ever. No timer of ours
/// sees that; the system does.
#[cfg(target_os = "linux")]
fn cut_when_stalled(stream: &TcpStream, after: Duration) -> io::Result<()> {
    let millis = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, millis)?)
}

/// One connection to its end, or to its upgrade to a socket. How it ends is the client's affair:
/// what was wrong with a request was answered.
async fn serve(
    connection: Connection,
    mut stopping: watch::Receiver<bool>,
    finish_timeout: Duration,
    slot: OwnedSemaphorePermit,
) {
    let mut connection = pin!(connection.with_upgrades());
    tokio::select! {
        biased;
        _ = connection.as_mut() => {}
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            // Whoever sends half of a request and no more must not keep the others from their end.
            let _ = timeout(finish_timeout, connection).await;
        }
    }
    drop(slot);
}

/// A connection that failed before it began is nobody's loss; where there are no file descriptors
/// left, asking again at once would only spin.
async fn pause(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected) {
        return;
    }
    tracing::warn!(%error, "no connection can be accepted");
    tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_DELAY_MS)).await;
}
