//! A webhook whose signature none of the known secrets made: there may be another secret by now.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{body::Body, http::Request};
use tierlift_core::{
    ports::{Enqueue, Enqueued, Message, QueueError, SecretsError, SigningSecrets},
    stripe::signature::{Secrets, sign},
    time::Timestamp,
};
use tierlift_ingest::{Ingest, PATH, Refusals, router};
use tierlift_testkit::{clock::ManualClock, webhook};
use tower::ServiceExt as _;

const OLD: &str = "whsec_4GhNs8LpE2uAoC6xBiQz";
const NEW: &str = "whsec_9JfZ3kWq7mXbT1vRyD5c";
const AT: Timestamp = Timestamp::from_secs(1_795_000_000);

/// What is in the store of secrets when it is asked again.
#[derive(Clone, Copy)]
enum Stored {
    TheOld,
    TheNew,
    Unreadable,
}

struct Rotated(Stored);

fn secrets(text: &str) -> Arc<Secrets> {
    Secrets::parse(text).unwrap().into()
}

impl SigningSecrets for Rotated {
    async fn current(&self) -> Result<Arc<Secrets>, SecretsError> {
        Ok(secrets(OLD))
    }

    async fn refreshed(&self, _: &Arc<Secrets>) -> Result<Option<Arc<Secrets>>, SecretsError> {
        match self.0 {
            Stored::TheOld => Ok(None),
            Stored::TheNew => Ok(Some(secrets(NEW))),
            Stored::Unreadable => Err(SecretsError("throttled".into())),
        }
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<usize>>);

impl Enqueue for Kept {
    async fn enqueue(&self, _: Message) -> Result<Enqueued, QueueError> {
        *self.0.lock().unwrap() += 1;
        Ok(Enqueued::Queued)
    }
}

/// The status for a webhook that this secret signed, and how many messages are queued then.
async fn receive(signed_by: &str, stored: Stored) -> (u16, usize) {
    let queue = Kept::default();
    let routes = router(Arc::new(Ingest {
        queue: queue.clone(),
        secrets: Rotated(stored),
        connected_accounts: Vec::new().into(),
        clock: ManualClock::new(AT).clock(),
        body_timeout: Duration::from_secs(1),
        refusals: Refusals::default(),
    }));
    let body = webhook::subscription("evt_1", "ada", "active", AT).to_string();
    let signature = sign(signed_by, body.as_bytes(), AT);
    let request = Request::post(PATH).header("stripe-signature", signature);
    let answer = routes.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let queued = *queue.0.lock().unwrap();
    (answer.status().as_u16(), queued)
}

#[tokio::test]
async fn a_webhook_by_a_secret_that_cannot_be_looked_up_is_asked_for_again() {
    for (signed_by, stored, expected) in [
        (OLD, Stored::Unreadable, (200, 1)),
        (NEW, Stored::TheNew, (200, 1)),
        (NEW, Stored::TheOld, (400, 0)),
        // The sender may be right.
        (NEW, Stored::Unreadable, (503, 0)),
    ] {
        assert_eq!(receive(signed_by, stored).await, expected, "{signed_by}");
    }
}
