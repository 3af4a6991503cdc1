//! Why a body cannot be read as a Stripe event.

use crate::codes::Code;

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// It is not JSON, or a required field is missing or has the wrong type. The message says where.
    #[error("{0}")]
    Malformed(String),
    /// It is a thin event: it names an object and does not have it.
    #[error("a thin event names its object only; subscribe to snapshot events")]
    Thin,
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::PayloadMalformed,
            Self::Thin => Code::EventThin,
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(without_value(&error.to_string()))
    }
}

/// The message without the value that it quotes: it goes to logs and records, and a value may be anything,
/// such as an address in the wrong field.
fn without_value(message: &str) -> String {
    let Some(start) = message.find(['"', '`']) else { return message.to_owned() };
    let quotes_value =
        ["invalid type: ", "invalid value: "].iter().any(|it| message.starts_with(it));
    // What is expected comes after the value, and is our own text.
    match message.rfind(", expected ").filter(|end| quotes_value && *end > start) {
        Some(end) => {
            let (kind, expected) = (&message[..start], &message[end..]);
            format!("{}{expected}", kind.trim_end())
        }
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Item {
        quantity: u64,
        status: Option<String>,
    }

    #[test]
    fn a_message_says_where_and_what_and_quotes_no_value() {
        for (json, message) in [
            (
                r#"{"quantity":"ada@example.com"}"#,
                "invalid type: string, expected u64 at line 1 column 29",
            ),
            (
                r#"{"quantity":"a, expected `b` or \"c\""}"#,
                "invalid type: string, expected u64 at line 1 column 38",
            ),
            (r#"{"quantity":-5}"#, "invalid value: integer, expected u64 at line 1 column 14"),
            (
                r#"{"quantity":1.5}"#,
                "invalid type: floating point, expected u64 at line 1 column 15",
            ),
            (
                r#"{"quantity":1,"status":true}"#,
                "invalid type: boolean, expected a string at line 1 column 27",
            ),
            (r#"{"quantity":[]}"#, "invalid type: sequence, expected u64 at line 1 column 12"),
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("{}", "missing field `quantity` at line 1 column 2"),
        ] {
            let error = Error::from(serde_json::from_str::<Item>(json).unwrap_err());
            assert_eq!(error, Error::Malformed(message.to_owned()), "{json}");
        }
    }
}
