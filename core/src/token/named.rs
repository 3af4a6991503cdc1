//! Random tokens with names: what a host's backend, or an operator's browser, sends to prove which one it is. They
//! name a program or a person of the deployment, never a user.
//!
//! Only their SHA-256 is kept, and each comparison takes the same time. They are random and long, so a plain
//! hash is as good as a slow one.

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::{
    is_placeholder,
    limits::{SERVICE_NAME_BYTES_MAX, SERVICE_TOKEN_BYTES_MIN, SERVICE_TOKENS_MAX},
};

/// What stands in front of a token that is given as its hash.
const HASH_PREFIX: &str = "sha256-";

/// Why a list of tokens is refused. No message shows a token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NamedTokensError {
    /// There are too many.
    #[error("at most {SERVICE_TOKENS_MAX} tokens")]
    TooMany,
    /// An element has no name.
    #[error("token {0}: write name:token, or name:sha256-… with the token's SHA-256 in hex")]
    Unnamed(usize),
    /// A name is unusable.
    #[error("token {0}: a name has 1 to {SERVICE_NAME_BYTES_MAX} letters, digits, -, _ or .")]
    Name(usize),
    /// Two have the same name.
    #[error("there are two tokens named {0}")]
    Repeated(String),
    /// A token is too short.
    #[error("token {0} has {1} bytes, and needs at least {SERVICE_TOKEN_BYTES_MIN}")]
    TooShort(String, usize),
    /// A token was copied from a manual.
    #[error("token {0} is a placeholder; `openssl rand -hex 32` makes one")]
    Placeholder(String),
    /// A hash is none.
    #[error("token {0}: sha256- is followed by 64 hexadecimal digits")]
    Hash(String),
}

/// One token.
#[derive(Clone)]
struct Named {
    name: String,
    hash: [u8; 32],
}

/// Several tokens, each with a name. `Debug` shows their names alone.
#[derive(Clone, Default)]
pub struct NamedTokens(Vec<Named>);

impl std::fmt::Debug for NamedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl NamedTokens {
    /// Parses a comma-separated list of `name:token` and `name:sha256-…`. An empty list has no tokens.
    pub fn parse(list: &str) -> Result<Self, NamedTokensError> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let mut tokens: Vec<Named> = Vec::new();
        for (index, part) in parts.enumerate() {
            let token = Named::parse(index + 1, part)?;
            if tokens.iter().any(|known| known.name == token.name) {
                return Err(NamedTokensError::Repeated(token.name));
            }
            tokens.push(token);
        }
        if tokens.len() > SERVICE_TOKENS_MAX {
            return Err(NamedTokensError::TooMany);
        }
        Ok(Self(tokens))
    }

    /// The name of the token that this is. All are compared, whichever it is.
    #[must_use]
    pub fn name_of(&self, token: &str) -> Option<&str> {
        let hash = sha256(token);
        self.0.iter().fold(None, |found, known| {
            let is_equal: Choice = known.hash.ct_eq(&hash);
            if bool::from(is_equal) { Some(known.name.as_str()) } else { found }
        })
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|token| token.name.as_str())
    }
}

impl Named {
    fn parse(number: usize, part: &str) -> Result<Self, NamedTokensError> {
        let (name, token) = part.split_once(':').ok_or(NamedTokensError::Unnamed(number))?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > SERVICE_NAME_BYTES_MAX || !name.chars().all(is_plain) {
            return Err(NamedTokensError::Name(number));
        }
        let name = name.to_owned();
        if let Some(digits) = token.strip_prefix(HASH_PREFIX) {
            let mut hash = [0; 32];
            return match hex::decode_to_slice(digits, &mut hash) {
                Ok(()) => Ok(Self { name, hash }),
                Err(_) => Err(NamedTokensError::Hash(name)),
            };
        }
        if token.len() < SERVICE_TOKEN_BYTES_MIN {
            return Err(NamedTokensError::TooShort(name, token.len()));
        }
        if is_placeholder(token) {
            return Err(NamedTokensError::Placeholder(name));
        }
        Ok(Self { name, hash: sha256(token) })
    }
}

fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "9f2c4e6a8b0d1f3a5c7e9b2d4f6a8c0e1a3b";
    const JOBS: &str = "5b7d9f1a3c5e7092b4d6f8a0c2e4a6b8d0f2";

    #[test]
    fn a_token_is_known_by_itself_or_by_its_hash() {
        let hash = hex::encode(sha256(JOBS));
        let tokens = NamedTokens::parse(&format!(" web:{WEB}, jobs:sha256-{hash},")).unwrap();
        let cut = &WEB[1..];
        for (token, name) in
            [(WEB, Some("web")), (JOBS, Some("jobs")), (cut, None), (&hash, None), ("", None)]
        {
            assert_eq!(tokens.name_of(token), name, "{token}");
        }
        assert_eq!(NamedTokens::parse("").unwrap().name_of(WEB), None);
        assert_eq!(format!("{tokens:?}"), r#"["web", "jobs"]"#);
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        use NamedTokensError as Error;
        let many = |count| (0..count).map(|n| format!("s{n}:{WEB}")).collect::<Vec<_>>().join(",");
        assert!(NamedTokens::parse(&many(SERVICE_TOKENS_MAX)).is_ok());
        let placeholder = format!("web:changeme-{WEB}");
        let repeated = format!("web:{WEB},web:{JOBS}");
        for (list, error) in [
            (WEB, Error::Unnamed(1)),
            (&format!("a b:{WEB}"), Error::Name(1)),
            (&format!("web:{WEB},:{JOBS}"), Error::Name(2)),
            (&repeated, Error::Repeated("web".to_owned())),
            (&format!("web:{}", &WEB[..31]), Error::TooShort("web".to_owned(), 31)),
            (&placeholder, Error::Placeholder("web".to_owned())),
            ("web:sha256-abc", Error::Hash("web".to_owned())),
            (&many(SERVICE_TOKENS_MAX + 1), Error::TooMany),
        ] {
            let found = NamedTokens::parse(list).unwrap_err();
            assert_eq!(found, error, "{list}");
            assert!(!found.to_string().contains(&WEB[..31]), "{found}");
        }
    }
}
