//! Frames of a client: parsing one, and the reply to it.

use std::borrow::Cow;

use tierlift_core::{
    change::Change,
    epoch::Seen,
    id::UserId,
    limits::SOCKET_FRAME_BYTES_MAX,
    policy::Policy,
    ports::{Holder, Store, StoreError},
    time::Timestamp,
    token::{TokenTimes, check_not_revoked},
    wire::{
        frame::{self, ClientFrame},
        session::Session,
    },
};

use tierlift_session::{epoch, read_accounts};

use crate::Close;

/// Parses a client's text frame. The error is why its socket must be closed.
pub fn parse(text: &str) -> Result<ClientFrame, Close> {
    if text.len() > SOCKET_FRAME_BYTES_MAX {
        return Err(Close::FrameTooLarge);
    }
    ClientFrame::parse(text).ok_or(Close::FrameInvalid)
}

/// The text frame that replies to a client's frame. The error is why its socket must be closed.
///
/// A snapshot is read from the store after the client's frame arrived. A notice is pushed after its
/// commit, so on one socket a snapshot is never older than a notice before it.
pub async fn reply<S: Store>(
    store: &S,
    policy: &Policy,
    sender: Sender<'_>,
    frame: ClientFrame,
    now: Timestamp,
) -> Result<Cow<'static, str>, Close> {
    if sender.token.valid_until <= now {
        return Err(Close::TokenExpired);
    }
    match frame {
        ClientFrame::Ping => Ok(Cow::Borrowed(frame::pong())),
        ClientFrame::Sync(seen) => snapshot(store, policy, sender, seen, now).await.map(Cow::Owned),
    }
}

/// Who sent a frame, or is notified: the user, and the times of the token that opened the socket.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The accounts beside the user's own that the token speaks for.
    pub others: &'a [UserId],
    /// The times of the token.
    pub token: TokenTimes,
}

impl<'a> Sender<'a> {
    /// The holder of a socket.
    #[must_use]
    pub fn of(holder: &'a Holder) -> Self {
        let Holder { user, others, token, .. } = holder;
        Self { user, others, token: *token }
    }
}

async fn snapshot<S: Store>(
    store: &S,
    policy: &Policy,
    Sender { user, others, token }: Sender<'_>,
    seen: Seen,
    now: Timestamp,
) -> Result<String, Close> {
    let accounts = async {
        let accounts = read_accounts(store, policy, user, others).await?;
        epoch::current(store, policy, accounts, seen, now).await
    };
    let accounts = accounts.await.map_err(|error: StoreError| {
        tracing::error!(user = user.as_str(), %error, "could not read the account for a snapshot");
        Close::StoreUnavailable
    })?;
    // It may have been revoked while the socket opened, too early to be among those that ended.
    for account in accounts.all() {
        check_not_revoked(token, account).map_err(|_| Close::Revoked)?;
    }
    Ok(frame::snapshot(&Session::of(&accounts, policy, now)))
}

/// The notice of a change for a socket whose token speaks for several accounts. They are read after the change
/// was committed, so none of them is older than any notice before this one.
pub async fn notice<S: Store>(
    store: &S,
    policy: &Policy,
    Sender { user, others, .. }: Sender<'_>,
    change: &Change,
    now: Timestamp,
) -> Result<String, Close> {
    let accounts = read_accounts(store, policy, user, others).await.map_err(|error| {
        tracing::error!(user = user.as_str(), %error, "could not read the accounts for a notice");
        Close::StoreUnavailable
    })?;
    Ok(frame::notice_for(change, &accounts, policy, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_known_one_within_the_limit() {
        let padded = |bytes: usize| {
            let pad = "x".repeat(bytes - r#"{"action":"ping","pad":""}"#.len());
            format!(r#"{{"action":"ping","pad":"{pad}"}}"#)
        };
        for (text, parsed) in [
            (r#"{"action":"ping"}"#, Ok(ClientFrame::Ping)),
            (&padded(SOCKET_FRAME_BYTES_MAX), Ok(ClientFrame::Ping)),
            (&padded(SOCKET_FRAME_BYTES_MAX + 1), Err(Close::FrameTooLarge)),
            (r#"{"action":"shout"}"#, Err(Close::FrameInvalid)),
            ("", Err(Close::FrameInvalid)),
        ] {
            assert_eq!(parse(text), parsed, "{text}");
        }
    }
}
