//! Service tokens: what a host's backend sends to prove that it is one. They name a service, never a user.
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

/// Why a list of service tokens is refused. No message shows a token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ServiceTokensError {
    /// There are too many.
    #[error("at most {SERVICE_TOKENS_MAX} service tokens")]
    TooMany,
    /// An element has no name.
    #[error(
        "service token {0}: write name:token, or name:sha256-… with the token's SHA-256 in hex"
    )]
    Unnamed(usize),
    /// A name is unusable.
    #[error(
        "service token {0}: a name has 1 to {SERVICE_NAME_BYTES_MAX} letters, digits, -, _ or ."
    )]
    Name(usize),
    /// Two have the same name.
    #[error("there are two service tokens named {0}")]
    Repeated(String),
    /// A token is too short.
    #[error("service token {0} has {1} bytes, and needs at least {SERVICE_TOKEN_BYTES_MIN}")]
    TooShort(String, usize),
    /// A token was copied from a manual.
    #[error("service token {0} is a placeholder; `openssl rand -hex 32` makes one")]
    Placeholder(String),
    /// A hash is none.
    #[error("service token {0}: sha256- is followed by 64 hexadecimal digits")]
    Hash(String),
}

/// One service.
#[derive(Clone)]
struct Service {
    name: String,
    hash: [u8; 32],
}

/// The tokens of a host's services. `Debug` shows their names alone.
#[derive(Clone, Default)]
pub struct ServiceTokens(Vec<Service>);

impl std::fmt::Debug for ServiceTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|service| &service.name)).finish()
    }
}

impl ServiceTokens {
    /// Parses a comma-separated list of `name:token` and `name:sha256-…`. An empty list has no services.
    pub fn parse(list: &str) -> Result<Self, ServiceTokensError> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let mut services: Vec<Service> = Vec::new();
        for (index, part) in parts.enumerate() {
            let service = Service::parse(index + 1, part)?;
            if services.iter().any(|known| known.name == service.name) {
                return Err(ServiceTokensError::Repeated(service.name));
            }
            services.push(service);
        }
        if services.len() > SERVICE_TOKENS_MAX {
            return Err(ServiceTokensError::TooMany);
        }
        Ok(Self(services))
    }

    /// The name of the service whose token this is. All are compared, whichever it is.
    #[must_use]
    pub fn service(&self, token: &str) -> Option<&str> {
        let hash = sha256(token);
        self.0.iter().fold(None, |found, service| {
            let is_equal: Choice = service.hash.ct_eq(&hash);
            if bool::from(is_equal) { Some(service.name.as_str()) } else { found }
        })
    }
}

impl Service {
    fn parse(number: usize, part: &str) -> Result<Self, ServiceTokensError> {
        let (name, token) = part.split_once(':').ok_or(ServiceTokensError::Unnamed(number))?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > SERVICE_NAME_BYTES_MAX || !name.chars().all(is_plain) {
            return Err(ServiceTokensError::Name(number));
        }
        let name = name.to_owned();
        if let Some(digits) = token.strip_prefix(HASH_PREFIX) {
            let mut hash = [0; 32];
            return match hex::decode_to_slice(digits, &mut hash) {
                Ok(()) => Ok(Self { name, hash }),
                Err(_) => Err(ServiceTokensError::Hash(name)),
            };
        }
        if token.len() < SERVICE_TOKEN_BYTES_MIN {
            return Err(ServiceTokensError::TooShort(name, token.len()));
        }
        if is_placeholder(token) {
            return Err(ServiceTokensError::Placeholder(name));
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
        let tokens = ServiceTokens::parse(&format!(" web:{WEB}, jobs:sha256-{hash},")).unwrap();
        let cut = &WEB[1..];
        for (token, name) in
            [(WEB, Some("web")), (JOBS, Some("jobs")), (cut, None), (&hash, None), ("", None)]
        {
            assert_eq!(tokens.service(token), name, "{token}");
        }
        assert_eq!(ServiceTokens::parse("").unwrap().service(WEB), None);
        assert_eq!(format!("{tokens:?}"), r#"["web", "jobs"]"#);
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        use ServiceTokensError as Error;
        let many = |count| (0..count).map(|n| format!("s{n}:{WEB}")).collect::<Vec<_>>().join(",");
        assert!(ServiceTokens::parse(&many(SERVICE_TOKENS_MAX)).is_ok());
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
            let found = ServiceTokens::parse(list).unwrap_err();
            assert_eq!(found, error, "{list}");
            assert!(!found.to_string().contains(&WEB[..31]), "{found}");
        }
    }
}
