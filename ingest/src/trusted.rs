//! An event that comes another way than a webhook: whoever lets it in knows that it is Stripe's, so it has no
//! signature. Everything else is as for webhooks: what is ignored, how it is queued, and that the same event
//! counts once, whichever way it comes.

use bytes::Bytes;
use tierlift_core::{limits::WEBHOOK_BODY_BYTES_MAX, ports::Enqueue, time::Clock};

use crate::{
    acknowledge::{Acknowledged, enqueue},
    count::count,
    error::Error,
};

/// Enqueues an event that is known to be Stripe's. What is refused is in the log, since no sender gets a response.
pub async fn accept_trusted<Q: Enqueue>(
    queue: &Q,
    connected_accounts: &[String],
    body: Bytes,
    clock: &Clock,
) -> Result<Acknowledged, Error> {
    let result = if body.len() > WEBHOOK_BODY_BYTES_MAX {
        Err(Error::BodyTooLarge)
    } else {
        enqueue(queue, connected_accounts, body, None, clock).await
    };
    count(&result);
    if let Err(error) = &result {
        tracing::error!(code = error.code().as_str(), %error, "event refused");
    }
    result
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tierlift_core::{
        ports::{Enqueued, Message, QueueError},
        time::Timestamp,
    };

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<Message>>);

    impl Enqueue for Kept {
        async fn enqueue(&self, message: Message) -> Result<Enqueued, QueueError> {
            let mut kept = self.0.lock().unwrap();
            if kept.iter().any(|known| known.event == message.event) {
                return Ok(Enqueued::Duplicate);
            }
            kept.push(message);
            Ok(Enqueued::Queued)
        }
    }

    fn event(id: &str, kind: &str, account: &str) -> Bytes {
        let body = format!(
            r#"{{"id":"{id}","object":"event","type":"{kind}"{account},"data":{{"object":{{"id":"cus_1"}}}}}}"#
        );
        body.into()
    }

    #[tokio::test]
    async fn an_event_is_queued_once_and_judged_like_a_webhook() {
        let (queue, clock) = (Kept::default(), Clock::new(|| Timestamp::from_secs(1_795_000_000)));
        let accept = |body| accept_trusted(&queue, &[], body, &clock);
        let body = event("evt_1", "customer.updated", "");
        assert_eq!(accept(body.clone()).await.unwrap(), Acknowledged::Queued);
        assert_eq!(accept(body.clone()).await.unwrap(), Acknowledged::Duplicate);
        for (kind, account, reason) in [
            ("customer.updated", r#","account":"acct_1""#, "connected_account"),
            ("payout.paid", "", "payout"),
            ("tierlift.observation", "", "unknown"),
        ] {
            let ignored = accept(event("evt_2", kind, account)).await.unwrap();
            assert_eq!(ignored, Acknowledged::Ignored(reason), "{kind}");
        }
        assert!(matches!(accept("{}".into()).await, Err(Error::Payload(_))));
        let large = vec![b' '; WEBHOOK_BODY_BYTES_MAX + 1];
        assert!(matches!(accept(large.into()).await, Err(Error::BodyTooLarge)));
        let kept = queue.0.lock().unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!((&*kept[0].group.0, &kept[0].body), ("cus_1", &body));
    }
}
