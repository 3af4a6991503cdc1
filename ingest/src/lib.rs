//! Verify a webhook and put it on the queue.
