use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use super::*;

/// Sockets that count; those whose number is odd are gone, and number 0 fails at first.
#[derive(Default)]
struct Counting {
    pushed: Mutex<Vec<(u32, String)>>,
    forgotten: Mutex<Vec<u32>>,
}

impl Sockets for Counting {
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

    async fn forget(&self, socket: &u32) -> Result<(), SocketsError> {
        self.forgotten.lock().unwrap().push(*socket);
        Ok(())
    }
}

/// Sockets with a memory, and a clock that moves only when told.
fn once() -> (Once<Counting>, Arc<AtomicI64>) {
    let secs = Arc::new(AtomicI64::new(1_795_000_000));
    let shared = secs.clone();
    let clock = Clock::new(move || Timestamp::from_secs(shared.load(Ordering::SeqCst)));
    (Once::new(Counting::default(), clock), secs)
}

fn pushes(once: &Once<Counting>) -> Vec<(u32, String)> {
    std::mem::take(&mut once.sockets.pushed.lock().unwrap())
}

#[tokio::test]
async fn the_same_text_reaches_a_socket_once() {
    let (once, _) = once();
    for (socket, text) in [(2, "a"), (2, "a"), (4, "a"), (2, "b"), (2, "a"), (4, "a")] {
        assert_eq!(once.push(&socket, text).await.unwrap(), Pushed::Sent);
    }
    assert_eq!(pushes(&once), [(2, "a".to_owned()), (4, "a".to_owned()), (2, "b".to_owned())]);
}

#[tokio::test]
async fn what_did_not_arrive_is_not_remembered() {
    let (once, _) = once();
    assert!(once.push(&0, "a").await.is_err());
    assert_eq!(once.push(&0, "a").await.unwrap(), Pushed::Sent);
    for _ in 0..2 {
        assert_eq!(once.push(&1, "a").await.unwrap(), Pushed::Gone);
    }
    let sockets: Vec<u32> = pushes(&once).into_iter().map(|(socket, _)| socket).collect();
    assert_eq!(sockets, [0, 0, 1, 1]);
}

#[tokio::test]
async fn memory_ends_with_its_time() {
    let (once, secs) = once();
    once.push(&2, "a").await.unwrap();
    secs.fetch_add(PUSH_REMEMBERED_SECS - 1, Ordering::SeqCst);
    once.push(&2, "a").await.unwrap();
    assert_eq!(pushes(&once).len(), 1);
    secs.fetch_add(1, Ordering::SeqCst);
    once.push(&2, "a").await.unwrap();
    assert_eq!(pushes(&once).len(), 1);
}

#[tokio::test]
async fn memory_has_a_limit() {
    let (once, _) = once();
    for number in 0..=PUSHES_REMEMBERED_MAX {
        once.push(&2, &number.to_string()).await.unwrap();
    }
    pushes(&once);
    once.push(&2, &PUSHES_REMEMBERED_MAX.to_string()).await.unwrap();
    assert_eq!(pushes(&once), []);
    once.push(&2, "0").await.unwrap();
    assert_eq!(pushes(&once), [(2, "0".to_owned())]);
    assert_eq!(once.lately().known.len(), PUSHES_REMEMBERED_MAX);
}

#[tokio::test]
async fn the_rest_is_left_to_the_sockets() {
    let (once, _) = once();
    let user = UserId::new("ada").unwrap();
    assert_eq!(once.for_user(&user).await.unwrap(), [0, 1, 2]);
    once.forget(&1).await.unwrap();
    assert_eq!(*once.sockets.forgotten.lock().unwrap(), [1]);
}
