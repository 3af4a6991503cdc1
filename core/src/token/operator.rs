//! Operators' tokens: some may do everything, others may only read. Each has a name, and that name is the actor of
//! what is done with it.

use super::named::{NamedTokens, NamedTokensError};

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Right {
    /// To look.
    Read,
    /// To look and to act.
    Act,
}

/// The tokens of operators. `Debug` shows their names alone.
#[derive(Clone, Debug, Default)]
pub struct OperatorTokens {
    acting: NamedTokens,
    reading: NamedTokens,
}

impl OperatorTokens {
    /// Tokens that may act, and tokens that may only read. A name stands in one of the two lists.
    pub fn new(acting: NamedTokens, reading: NamedTokens) -> Result<Self, NamedTokensError> {
        if let Some(name) = reading.names().find(|name| acting.names().any(|known| known == *name))
        {
            return Err(NamedTokensError::Repeated(name.to_owned()));
        }
        Ok(Self { acting, reading })
    }

    /// The name and the right of a token. All are compared, whichever it is.
    #[must_use]
    pub fn holder(&self, token: &str) -> Option<(&str, Right)> {
        let (acting, reading) = (self.acting.name_of(token), self.reading.name_of(token));
        acting.map(|name| (name, Right::Act)).or(reading.map(|name| (name, Right::Read)))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.acting.names().chain(self.reading.names()).next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVE: &str = "9f2c4e6a8b0d1f3a5c7e9b2d4f6a8c0e1a3b";
    const BOARD: &str = "5b7d9f1a3c5e7092b4d6f8a0c2e4a6b8d0f2";

    #[test]
    fn a_token_has_a_name_and_a_right() {
        let list = |text: &str| NamedTokens::parse(text).unwrap();
        let (acting, reading) = (list(&format!("eve:{EVE}")), list(&format!("board:{BOARD}")));
        let tokens = OperatorTokens::new(acting.clone(), reading).unwrap();
        for (token, holder) in [
            (EVE, Some(("eve", Right::Act))),
            (BOARD, Some(("board", Right::Read))),
            (&EVE[1..], None),
            ("", None),
        ] {
            assert_eq!(tokens.holder(token), holder, "{token}");
        }
        assert!(!tokens.is_empty() && OperatorTokens::default().is_empty());
        let twice = OperatorTokens::new(acting, list(&format!("eve:{BOARD}")));
        assert_eq!(twice.unwrap_err(), NamedTokensError::Repeated("eve".to_owned()));
    }
}
