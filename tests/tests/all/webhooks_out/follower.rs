//! A host that follows the changes, and is killed again and again. What it has worked on, and its cursor, outlast it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tierlift_core::ports::Cursor;
use tierlift_testkit::{harness::client::Client, random::Random};
use tokio::{sync::watch, task::JoinHandle};

use super::received::Received;
use crate::doors::SERVICE_TOKEN;

/// The most changes that it works on before it is killed: two answers' worth or so.
const LIFE_CHANGES_MAX: usize = 1_500;

/// What outlasts it.
#[derive(Default)]
struct Kept {
    received: Received,
    cursor: String,
    lives: usize,
}

/// Follows the server at the latest address.
pub(super) struct Follower {
    kept: Arc<Mutex<Kept>>,
    address: watch::Sender<Option<SocketAddr>>,
    task: JoinHandle<()>,
}

impl Follower {
    pub(super) fn start(random: Random) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (address, addresses) = watch::channel(None);
        let task = tokio::spawn(live(Arc::clone(&kept), addresses, random));
        Self { kept, address, task }
    }

    /// A server was started.
    pub(super) fn follow(&self, address: SocketAddr) {
        self.address.send_replace(Some(address));
    }

    /// Whether it has followed the changes to that place.
    pub(super) fn is_at(&self, cursor: Cursor) -> bool {
        assert!(!self.task.is_finished(), "the follower panicked");
        self.kept.lock().unwrap().cursor == cursor.to_string()
    }

    /// What it has received, and how often it was killed.
    pub(super) fn end(self) -> (Received, usize) {
        self.task.abort();
        let kept = self.kept.lock().unwrap();
        (kept.received.clone(), kept.lives)
    }
}

/// One life after another.
async fn live(
    kept: Arc<Mutex<Kept>>,
    mut addresses: watch::Receiver<Option<SocketAddr>>,
    mut random: Random,
) {
    loop {
        let mut left = random.below(LIFE_CHANGES_MAX);
        kept.lock().unwrap().lives += 1;
        while left > 0 {
            let address = *addresses.borrow_and_update();
            let ended = match address {
                Some(address) => follow(address, &kept, &mut left).await.is_err(),
                None => true,
            };
            // The server is gone: there will be another one.
            if ended && addresses.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Asks one server, until that fails or the life is over.
async fn follow(address: SocketAddr, kept: &Mutex<Kept>, left: &mut usize) -> io::Result<()> {
    let mut client = Client::connect(address).await?;
    let bearer = format!("Bearer {SERVICE_TOKEN}");
    loop {
        let cursor = kept.lock().unwrap().cursor.clone();
        let after = if cursor.is_empty() { cursor } else { format!("after={cursor}&") };
        let path = format!("/v1/changes?{after}wait=5");
        let answer = client.get(&path, &[("authorization", &bearer)]).await?;
        answer.assert(200, "");
        let page = answer.json();
        for change in page["changes"].as_array().unwrap() {
            if *left == 0 {
                // Killed in the middle: the cursor is that of before.
                return Ok(());
            }
            *left -= 1;
            work_on(change, &mut kept.lock().unwrap().received);
        }
        page["cursor"].as_str().unwrap().clone_into(&mut kept.lock().unwrap().cursor);
    }
}

/// A change is known by what docs/protocol.md names.
fn work_on(change: &Value, received: &mut Received) {
    let parts = ["userId", "epoch", "revocationId", "accountVersion"].map(|key| &change[key]);
    let id = format!("{parts:?}");
    received.take(id, change["userId"].as_str().unwrap(), change["revocationId"].as_u64().unwrap());
}
