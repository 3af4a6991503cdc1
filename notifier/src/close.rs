//! Why a server closes a socket: the codes and reasons of the close frame.
//!
//! Codes below 4000 are those of RFC 6455, section 7.4.1; those from 4000 on are tierlift's own.

use tierlift_core::wire::frame;

/// Why a server closes a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The server stops, or no longer knows the socket. Connect again.
    GoingAway,
    /// The client violated RFC 6455.
    Protocol,
    /// The client sent a frame that is not part of the protocol.
    FrameInvalid,
    /// The client sent a frame above the limit.
    FrameTooLarge,
    /// The server could not read the user's state. Connect again.
    StoreUnavailable,
    /// The socket's token has expired. Get a fresh one and connect again.
    TokenExpired,
    /// The socket's token was revoked. Sign in again.
    Revoked,
    /// The user opened one socket too many, and this was the oldest. Do not connect again at once.
    TooManySockets,
    /// The client reads more slowly than frames are pushed. Connect again and ask for a snapshot.
    TooSlow,
    /// The client did not answer pings. A client that still reads this may connect again.
    Unresponsive,
    /// The client, or all of its user's, send more frames than they may. Do not connect again at once.
    TooManyFrames,
}

impl Close {
    /// The close frame's code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::FrameInvalid => 1008,
            Self::FrameTooLarge => 1009,
            Self::StoreUnavailable => 1011,
            Self::TokenExpired => frame::TOKEN_EXPIRED.0,
            Self::Revoked => frame::REVOKED.0,
            Self::TooManySockets => 4008,
            Self::TooSlow => 4009,
            Self::Unresponsive => 4010,
            Self::TooManyFrames => 4011,
        }
    }

    /// The close frame's reason, and the label in metrics.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "going_away",
            Self::Protocol => "protocol_error",
            Self::FrameInvalid => "frame_invalid",
            Self::FrameTooLarge => "frame_too_large",
            Self::StoreUnavailable => "store_unavailable",
            Self::TokenExpired => frame::TOKEN_EXPIRED.1,
            Self::Revoked => frame::REVOKED.1,
            Self::TooManySockets => "too_many_sockets",
            Self::TooSlow => "too_slow",
            Self::Unresponsive => "unresponsive",
            Self::TooManyFrames => "too_many_frames",
        }
    }

    /// The frame that announces it where the socket itself ends with another code.
    #[must_use]
    pub fn frame(self) -> String {
        frame::close(self.code(), self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_close_has_the_documented_code_and_a_reason() {
        for (close, code, reason) in [
            (Close::GoingAway, 1001, "going_away"),
            (Close::Protocol, 1002, "protocol_error"),
            (Close::FrameInvalid, 1008, "frame_invalid"),
            (Close::FrameTooLarge, 1009, "frame_too_large"),
            (Close::StoreUnavailable, 1011, "store_unavailable"),
            (Close::TokenExpired, 4001, "token_expired"),
            (Close::Revoked, 4003, "revoked"),
            (Close::TooManySockets, 4008, "too_many_sockets"),
            (Close::TooSlow, 4009, "too_slow"),
            (Close::Unresponsive, 4010, "unresponsive"),
            (Close::TooManyFrames, 4011, "too_many_frames"),
        ] {
            assert_eq!((close.code(), close.reason()), (code, reason));
            let row = format!("\n| {code} | ");
            assert!(include_str!("../../docs/protocol.md").contains(&row), "{code}");
        }
    }
}
