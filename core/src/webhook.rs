//! Webhooks to the host: what a change is as one, and how it is signed, by Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>). Nothing here sends
//! one.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;

use crate::{
    change::{Change, ChangeKind},
    is_placeholder,
    limits::{WEBHOOK_SECRET_BYTES, WEBHOOK_SECRETS_MAX},
    time::{Timestamp, rfc3339},
    wire::frame::notice,
};

/// What stands in front of a secret.
const SECRET_PREFIX: &str = "whsec_";

/// Why a list of secrets is refused. No message shows a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretsError {
    /// There is none.
    #[error("there is no secret")]
    None,
    /// There are too many.
    #[error("at most {WEBHOOK_SECRETS_MAX} secrets")]
    TooMany,
    /// One is not as Standard Webhooks writes it.
    #[error("secret {0}: write whsec_ and 24 to 64 random bytes in base64")]
    Format(usize),
    /// One was copied from a manual.
    #[error("secret {0} is a placeholder; `openssl rand -base64 32` makes one")]
    Placeholder(usize),
}

/// The secrets that sign, all of them at a time, so that one can be rotated. `Debug` shows none.
#[derive(Clone)]
pub struct Secrets(Vec<Vec<u8>>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Parses a comma-separated list of `whsec_…`.
    pub fn parse(list: &str) -> Result<Self, SecretsError> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let secrets: Vec<_> = parts
            .enumerate()
            .map(|(index, part)| secret(index + 1, part))
            .collect::<Result<_, _>>()?;
        match secrets.len() {
            0 => Err(SecretsError::None),
            1..=WEBHOOK_SECRETS_MAX => Ok(Self(secrets)),
            _ => Err(SecretsError::TooMany),
        }
    }

    /// The value of `webhook-signature`: a signature by each secret.
    #[must_use]
    pub fn signature(&self, id: &str, at: Timestamp, body: &str) -> String {
        let content = format!("{id}.{}.{body}", at.as_secs());
        let signed = self.0.iter().filter_map(|secret| {
            // HMAC takes keys of any length.
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
            mac.update(content.as_bytes());
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        });
        signed.collect::<Vec<_>>().join(" ")
    }
}

fn secret(number: usize, text: &str) -> Result<Vec<u8>, SecretsError> {
    let bytes = text.strip_prefix(SECRET_PREFIX).and_then(|digits| STANDARD.decode(digits).ok());
    let bytes = bytes.filter(|bytes| WEBHOOK_SECRET_BYTES.contains(&bytes.len()));
    let bytes = bytes.ok_or(SecretsError::Format(number))?;
    if is_placeholder(text) { Err(SecretsError::Placeholder(number)) } else { Ok(bytes) }
}

/// A change as a webhook.
#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    #[serde(serialize_with = "rfc3339")]
    timestamp: Timestamp,
    sequence: u64,
    data: &'a RawValue,
}

/// The type of a change's webhook.
#[must_use]
pub const fn kind(change: &Change) -> &'static str {
    match change.kind {
        ChangeKind::Upgraded => "role.upgraded",
        ChangeKind::Downgraded => "role.downgraded",
        ChangeKind::Subscription => "subscription.changed",
    }
}

/// The body of a change's webhook: the notice that sockets get, and its position in the log of changes, which
/// has no gap.
#[must_use]
pub fn body(position: u64, change: &Change) -> String {
    let data = RawValue::from_string(notice(change));
    // A notice is JSON, and so is what is made of it.
    let message = data.and_then(|data| {
        serde_json::to_string(&Message {
            r#type: kind(change),
            timestamp: change.at,
            sequence: position,
            data: &data,
        })
    });
    message.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn a_webhook_is_signed_by_every_secret_as_the_specification_says() {
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
        let at = Timestamp::from_secs(1_614_265_330);
        let signed = Secrets::parse(SECRET).unwrap().signature(id, at, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        let both = Secrets::parse(&format!("{SECRET}, {other}")).unwrap().signature(id, at, body);
        let other = Secrets::parse(&other).unwrap().signature(id, at, body);
        assert_eq!(both, format!("{signed} {other}"));
        assert_ne!(signed, other);
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_shown() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![9; bytes]));
        let many = [SECRET; WEBHOOK_SECRETS_MAX + 1].join(",");
        assert!(Secrets::parse(&format!("{},{}", of(24), of(64))).is_ok());
        for (list, error) in [
            (" , ", SecretsError::None),
            (&many, SecretsError::TooMany),
            (&of(23), SecretsError::Format(1)),
            (&of(65), SecretsError::Format(1)),
            (&format!("{SECRET},{}", &SECRET[6..]), SecretsError::Format(2)),
            ("whsec_not base64 at all, which is refused", SecretsError::Format(1)),
        ] {
            let found = Secrets::parse(list).unwrap_err();
            assert_eq!(found, error, "{list}");
        }
        assert_eq!(format!("{:?}", Secrets::parse(SECRET).unwrap()), "Secrets(1)");
    }
}
