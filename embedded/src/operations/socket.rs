//! The Unix socket beside the data file: its name follows from that of the file, and only the file's owner may
//! open it. Whoever holds the data file holds the socket, so one that is there already was left by a process that
//! is gone.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::{fs::Mode, process::umask};
use tierlift_core::limits::{
    ACCEPT_RETRY_DELAY_MS, OPERATIONS_CONNECTIONS_MAX, REQUEST_HEAD_TIMEOUT_SECS,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::stop::stopped;

/// What is added to the name of the data file for that of the socket.
const SUFFIX: &str = "-operations";

/// The socket of a data file. Links lead to the same one.
#[must_use]
pub fn socket_path(data: &Path) -> PathBuf {
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let mut name = data.into_os_string();
    name.push(SUFFIX);
    name.into()
}

/// The socket, before it is served.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    listener: UnixListener,
}

impl Socket {
    /// Makes the socket of a data file that this process has locked. A server whose socket cannot be made runs
    /// without it.
    pub(crate) fn listen(data: &Path) -> Option<Self> {
        let path = socket_path(data);
        match listen(&path) {
            Ok(listener) => Some(Self { path, listener }),
            Err(error) => {
                let socket = path.display();
                tracing::warn!(%socket, %error, "no operators' socket; their commands find no server");
                None
            }
        }
    }
}

/// Serves operators until `stop` is true, and removes the socket.
pub(crate) async fn serve(socket: Socket, router: Router, mut stop: watch::Receiver<bool>) {
    let Socket { path, listener } = socket;
    let (router, slots) = (
        TowerToHyperService::new(router),
        Arc::new(Semaphore::new(OPERATIONS_CONNECTIONS_MAX as usize)),
    );
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = accept(&listener, &slots) => match accepted {
                Ok((stream, slot)) => {
                    let router = router.clone();
                    connections.spawn(async move {
                        serve_one(stream, router).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accept on the operators' socket failed");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_DELAY_MS)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(fs::remove_file(&path));
}

/// Listens at a path that only the owner may open, from its first moment on.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let before = umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    listener
}

async fn accept(
    listener: &UnixListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, slot))
}

/// Serves one connection. Its error is the client's to see.
async fn serve_one(stream: UnixStream, router: TowerToHyperService<Router>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(REQUEST_HEAD_TIMEOUT_SECS))
        .half_close(true);
    drop(http.serve_connection(TokioIo::new(stream), router).await);
}
