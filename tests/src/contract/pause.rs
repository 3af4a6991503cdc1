//! What a backend promises that is paused where it delivers. On AWS that is not the queue: nothing asks it for messages
//! any more.

use tierlift_core::{
    ledger::SystemEvent,
    ports::{DeadLetters as _, Enqueue as _, Operations as _},
};
use tierlift_testkit::facts::message;

use super::{
    OperationsBackend,
    operations::{act, receive},
};

/// Messages are accepted meanwhile, and delivered when it goes on.
pub async fn delivers_nothing_while_it_is_paused<B: OperationsBackend>(backend: &B) {
    let operations = backend.operations();
    assert_eq!(operations.paused().await.unwrap(), None);
    let entry = |kind| act(kind, "worker", backend.now());
    operations.set_paused(true, entry(SystemEvent::Paused)).await.unwrap();
    assert_eq!(operations.paused().await.unwrap().unwrap().act.actor(), "eve");
    let mut received = Box::pin(receive(backend));
    tokio::select! {
        biased;
        _ = &mut received => panic!("delivered while paused"),
        sent = backend.queue().enqueue(message("evt_1", "cus_1", backend.now())) => drop(sent),
    }
    // A read that comes after the enqueue is served after it.
    assert_eq!(backend.queue().depth().await.unwrap().queued, 1);
    tokio::select! {
        biased;
        _ = &mut received => panic!("delivered while paused"),
        () = std::future::ready(()) => {}
    }
    operations.set_paused(false, entry(SystemEvent::Resumed)).await.unwrap();
    assert_eq!(operations.paused().await.unwrap(), None);
    assert_eq!(received.await.message.event.as_str(), "evt_1");
}
