//! What a client says on its socket, and what it is answered.

use std::borrow::Cow;

use tierlift_core::{
    account::Account,
    id::UserId,
    policy::Policy,
    ports::Store,
    time::Timestamp,
    wire::{
        frame::{self, ClientFrame},
        session::Session,
    },
};

use crate::Close;

/// The answer to a client's frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Send this text.
    Text(Cow<'static, str>),
    /// Close the socket.
    Close(Close),
}

/// Answers a client's text frame.
///
/// A snapshot is read from the store after the question came, so on one socket it is never older
/// than a notice that was sent before: a notice follows its commit.
pub async fn answer<S: Store>(
    store: &S,
    policy: &Policy,
    user: &UserId,
    text: &str,
    now: Timestamp,
) -> Reply {
    match ClientFrame::parse(text) {
        None => Reply::Close(Close::FrameInvalid),
        Some(ClientFrame::Ping) => Reply::Text(Cow::Borrowed(frame::pong())),
        Some(ClientFrame::Sync { .. }) => snapshot(store, policy, user, now).await,
    }
}

async fn snapshot<S: Store>(store: &S, policy: &Policy, user: &UserId, now: Timestamp) -> Reply {
    match store.account(user).await {
        Ok(known) => {
            let account = known.unwrap_or_else(|| Account::new(user.clone(), policy));
            Reply::Text(Cow::Owned(frame::snapshot(&Session::new(&account, policy, now))))
        }
        Err(error) => {
            tracing::error!(user = user.as_str(), %error, "no snapshot");
            Reply::Close(Close::StoreUnavailable)
        }
    }
}
