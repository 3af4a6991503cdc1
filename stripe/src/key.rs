//! The API key. It is never shown: neither in a log, nor in an error.

use std::fmt;

use tierlift_core::codes::Code;

/// A secret or restricted key of one mode.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// Why a text is no key for this deployment. It never repeats the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is a publishable key, which may read nothing.
    #[error("is a publishable key; allowed: a restricted key, rk_…, or a secret key, sk_…")]
    Publishable,
    /// It has none of the prefixes of a key.
    #[error(
        "is not an API key of Stripe; allowed: rk_test_… or rk_live_…, or a secret key, sk_test_… or sk_live_…"
    )]
    Malformed,
    /// It is of the other mode.
    #[error(
        "is a key of {} mode and livemode is {livemode}; set a key of {} mode",
        mode(!livemode), mode(*livemode)
    )]
    WrongMode {
        /// The deployment's mode.
        livemode: bool,
    },
}

const fn mode(livemode: bool) -> &'static str {
    if livemode { "live" } else { "test" }
}

impl KeyError {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Publishable | Self::Malformed => Code::SecretInvalid,
            Self::WrongMode { .. } => Code::StripeWrongMode,
        }
    }
}

impl Key {
    /// Checks the shape of a key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with("pk_") {
            return Err(KeyError::Publishable);
        }
        let prefixes = ["rk_live_", "sk_live_", "rk_test_", "sk_test_"];
        let rest = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
        let plain = |rest: &&str| {
            !rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match rest.filter(plain) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(KeyError::Malformed),
        }
    }

    /// Checks that the key is of the deployment's mode.
    pub fn of_mode(self, livemode: bool) -> Result<Self, KeyError> {
        if self.is_live() == livemode { Ok(self) } else { Err(KeyError::WrongMode { livemode }) }
    }

    /// Whether it reads live objects.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.0.get(2..).is_some_and(|rest| rest.starts_with("_live_"))
    }

    /// Whether it is a restricted key, whose rights are chosen one by one.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.0.starts_with("rk_")
    }

    /// The value of the `Authorization` header.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_mode_and_is_never_shown() {
        for (text, live, restricted) in [
            ("sk_test_1234567", false, false),
            ("rk_test_51abc_d", false, true),
            ("sk_live_1234567", true, false),
            (" rk_live_1234567\n", true, true),
        ] {
            let key = Key::parse(text).unwrap();
            assert_eq!((key.is_live(), key.is_restricted()), (live, restricted), "{text}");
            assert_eq!(format!("{key:?}"), "Key(…)");
            assert_eq!(key.clone().of_mode(!live), Err(KeyError::WrongMode { livemode: !live }));
            assert_eq!(key.clone().of_mode(live), Ok(key));
        }
        for text in ["", "sk_test_", "sk_1234567", "whsec_1234567", "sk_live_1 2", "sk_live_ä"] {
            assert_eq!(Key::parse(text), Err(KeyError::Malformed), "{text}");
        }
        let error = Key::parse("pk_live_1234567").unwrap_err();
        assert!(error.to_string().contains("publishable") && !error.to_string().contains("12345"));
        assert_eq!(KeyError::WrongMode { livemode: true }.code(), Code::StripeWrongMode);
    }
}
