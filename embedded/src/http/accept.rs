//! The loop that accepts connections, and the limits of each: how many there are, how slow and how idle
//! one may be. It reads no request.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tierlift_core::limits::{
    ACCEPT_RETRY_DELAY_MS, LISTEN_BACKLOG, REQUEST_HEAD_BYTES_MAX, SHED_TIMEOUT_MS,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

use super::{
    connections::{Connections, Guard},
    traffic::{Hosts, Requests, Stream},
};
use crate::stop::stopped;

type Connection = http1::Connection<TokioIo<Stream>, Requests>;

/// The loop, before it runs.
pub(crate) struct AcceptLoop {
    pub(crate) listener: TcpListener,
    pub(crate) router: Router,
    pub(crate) connections: Connections,
    /// The hosts that requests may be for.
    pub(crate) hosts: Hosts,
    /// Time from the end of one request to the complete head of the next, and time for which a client
    /// may read nothing of a response.
    pub(crate) head_timeout: Duration,
    /// Time that a request may still take after the loop has stopped.
    pub(crate) finish_timeout: Duration,
}

/// The connections that are open when the loop stops.
pub(crate) struct OpenConnections {
    connections: Connections,
    stop: watch::Sender<bool>,
}

impl OpenConnections {
    /// Waits for every connection to finish its current request, within the time limit.
    pub(crate) async fn finish(self) {
        self.stop.send_replace(true);
        self.connections.wait_until_empty().await;
    }
}

/// Raises the limit of open files to what the system allows: every socket is a file, and the default
/// of many systems is 1,024.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "limit of open files not raised");
    }
}

/// Raises the number of connections that the system accepts ahead of this process. The default of 128 is
/// full after a few milliseconds of a flood, and who comes then tries again after a second.
fn raise_backlog(listener: &TcpListener) {
    if let Err(error) = rustix::net::listen(listener, LISTEN_BACKLOG) {
        tracing::warn!(%error, "backlog of the listener not raised");
    }
}

impl AcceptLoop {
    /// Accepts connections until `stop` completes, and then closes the listener.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> OpenConnections {
        let Self { listener, router, connections, hosts, head_timeout, finish_timeout } = self;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_buf_size(REQUEST_HEAD_BYTES_MAX)
            // A client that has sent all it wants to say may still want the answer.
            .half_close(true);
        raise_open_files();
        raise_backlog(&listener);
        let router = TowerToHyperService::new(router);
        let (stop_connections, stopping) = watch::channel(false);
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => return OpenConnections { connections, stop: stop_connections },
                accepted = accept(&listener, &connections, head_timeout) => accepted,
            };
            match accepted {
                Ok((stream, guard)) => {
                    let link = Arc::clone(&guard.link);
                    let (router, hosts) = (router.clone(), hosts.clone());
                    let requests = Requests { router, hosts, link: Arc::clone(&link) };
                    let stream = TokioIo::new(Stream::new(stream, link));
                    let connection = http.serve_connection(stream, requests);
                    tokio::spawn(serve(connection, stopping.clone(), finish_timeout, guard));
                }
                Err(error) => pause(&error, &connections).await,
            }
        }
    }
}

/// Waits for a free slot and then for a connection.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    stall_timeout: Duration,
) -> io::Result<(TcpStream, Guard)> {
    let slot = connections.slot().await;
    let (stream, _) = listener.accept().await?;
    // A response is one small packet that must not wait for another.
    stream.set_nodelay(true)?;
    // Other systems have no such option.
    #[cfg(target_os = "linux")]
    end_when_stalled(&stream, stall_timeout)?;
    Ok((stream, connections.add(slot)))
}

/// Ends the connection of a client that does not read. Only the system can see that: to the process, a
/// response is sent once it is in the system's buffer.
#[cfg(target_os = "linux")]
fn end_when_stalled(stream: &TcpStream, after: Duration) -> io::Result<()> {
    let millis = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, millis)?)
}

/// Serves one connection until it ends or is upgraded to a socket. Its error is not logged: a faulty
/// request was answered, and a connection that broke is the client's to repeat.
async fn serve(
    connection: Connection,
    mut stopping: watch::Receiver<bool>,
    finish_timeout: Duration,
    guard: Guard,
) {
    let mut connection = pin!(connection.with_upgrades());
    tokio::select! {
        biased;
        _ = connection.as_mut() => {}
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            // A client that sends half of a request must not delay the shutdown.
            let _ = timeout(finish_timeout, connection).await;
        }
        () = guard.link.until_shed() => {
            if guard.link.owes_answer() {
                let _ = timeout(Duration::from_millis(SHED_TIMEOUT_MS), connection).await;
            }
        }
    }
    drop(guard);
}

/// Waits after a failed accept if the system is out of resources, since an immediate retry would spin, and
/// makes room meanwhile. A connection that failed before it was accepted needs no wait.
async fn pause(error: &io::Error, connections: &Connections) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected) {
        return;
    }
    tracing::warn!(%error, "accept failed");
    connections.shed_silent();
    tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_DELAY_MS)).await;
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
