//! One thing that the doctor found.

use std::fmt;

use serde_json::{Value, json};
use tierlift_core::codes::Code;

/// Whether something must be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// Access is wrong, or will be.
    Problem,
    /// It may be as intended.
    Notice,
}

/// A code, and what was found in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) code: Code,
    message: String,
}

impl Finding {
    pub(super) fn problem(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Problem, code, message: message.into() }
    }

    pub(super) fn notice(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Notice, code, message: message.into() }
    }

    const fn word(&self) -> &'static str {
        match self.severity {
            Severity::Problem => "problem",
            Severity::Notice => "notice",
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "severity": self.word(),
            "code": self.code,
            "message": self.message,
            "page": self.code.page_path(),
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.word(), self.code, self.message)
    }
}
