use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use super::*;

/// Sockets that record calls. Odd ones are gone, and the first push to number 0 fails.
#[derive(Default)]
struct RecordingSockets {
    pushed: Mutex<Vec<(u32, String)>>,
    forgotten: Mutex<Vec<u32>>,
}

impl Sockets for RecordingSockets {
    type Id = u32;

    async fn for_user(&self, _: &UserId) -> Result<Vec<u32>, SocketsError> {
        Ok(vec![0, 1, 2])
    }

    async fn push(&self, socket: &u32, text: &str) -> Result<Pushed, SocketsError> {
        let mut pushed = self.pushed.lock().unwrap();
        let first = pushed.is_empty();
        pushed.push((*socket, text.to_owned()));
        match socket {
            0 if first => Err(SocketsError("not now".into())),
            socket if socket % 2 == 1 => Ok(Pushed::Gone),
            _ => Ok(Pushed::Sent),
        }
    }

    async fn revoke(&self, _: &u32, _: Timestamp) -> Result<bool, SocketsError> {
        unreachable!("these tests revoke no token")
    }

    async fn forget(&self, socket: &u32) -> Result<(), SocketsError> {
        self.forgotten.lock().unwrap().push(*socket);
        Ok(())
    }
}

/// Deduplicating sockets, and their clock in seconds.
fn deduped() -> (DedupedSockets<RecordingSockets>, Arc<AtomicI64>) {
    let secs = Arc::new(AtomicI64::new(1_795_000_000));
    let shared = secs.clone();
    let clock = Clock::new(move || Timestamp::from_secs(shared.load(Ordering::SeqCst)));
    (DedupedSockets::new(RecordingSockets::default(), clock), secs)
}

fn pushes(deduped: &DedupedSockets<RecordingSockets>) -> Vec<(u32, String)> {
    std::mem::take(&mut deduped.sockets.pushed.lock().unwrap())
}

#[tokio::test]
async fn the_same_text_reaches_a_socket_once() {
    let (deduped, _) = deduped();
    for (socket, text) in [(2, "a"), (2, "a"), (4, "a"), (2, "b"), (2, "a"), (4, "a")] {
        assert_eq!(deduped.push(&socket, text).await.unwrap(), Pushed::Sent);
    }
    assert_eq!(pushes(&deduped), [(2, "a".to_owned()), (4, "a".to_owned()), (2, "b".to_owned())]);
}

#[tokio::test]
async fn a_push_that_did_not_arrive_is_not_remembered() {
    let (deduped, _) = deduped();
    assert!(deduped.push(&0, "a").await.is_err());
    assert_eq!(deduped.push(&0, "a").await.unwrap(), Pushed::Sent);
    for _ in 0..2 {
        assert_eq!(deduped.push(&1, "a").await.unwrap(), Pushed::Gone);
    }
    let sockets: Vec<u32> = pushes(&deduped).into_iter().map(|(socket, _)| socket).collect();
    assert_eq!(sockets, [0, 0, 1, 1]);
}

#[tokio::test]
async fn pushes_are_forgotten_after_a_time() {
    let (deduped, secs) = deduped();
    deduped.push(&2, "a").await.unwrap();
    secs.fetch_add(PUSH_REMEMBERED_SECS - 1, Ordering::SeqCst);
    deduped.push(&2, "a").await.unwrap();
    assert_eq!(pushes(&deduped).len(), 1);
    secs.fetch_add(1, Ordering::SeqCst);
    deduped.push(&2, "a").await.unwrap();
    assert_eq!(pushes(&deduped).len(), 1);
}

#[tokio::test]
async fn the_number_of_remembered_pushes_is_limited() {
    let (deduped, _) = deduped();
    for number in 0..=PUSHES_REMEMBERED_MAX {
        deduped.push(&2, &number.to_string()).await.unwrap();
    }
    pushes(&deduped);
    deduped.push(&2, &PUSHES_REMEMBERED_MAX.to_string()).await.unwrap();
    assert_eq!(pushes(&deduped), []);
    deduped.push(&2, "0").await.unwrap();
    assert_eq!(pushes(&deduped), [(2, "0".to_owned())]);
    assert_eq!(deduped.recent().set.len(), PUSHES_REMEMBERED_MAX);
}

#[tokio::test]
async fn other_calls_are_passed_on() {
    let (deduped, _) = deduped();
    let user = UserId::new("ada").unwrap();
    assert_eq!(deduped.for_user(&user).await.unwrap(), [0, 1, 2]);
    deduped.forget(&1).await.unwrap();
    assert_eq!(*deduped.sockets.forgotten.lock().unwrap(), [1]);
}
