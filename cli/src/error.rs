//! The reason a command ends without having done what was asked: a code, a message, an exit status.
//!
//! Clap ends with status 2 by itself when it cannot parse the arguments. Everything else that has to
//! be set differently before another attempt makes sense keeps to the same number.

use std::fmt::Write as _;

use tierlift_core::codes::Code;

/// Exit status of a command that failed.
const FAILED: u8 = 1;
/// Exit status of a command that could not begin.
const UNUSABLE: u8 = 2;

/// The reason a command ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Arguments, environment or configuration must change first.
    #[error("{}", .0.iter().map(|problem| &*problem.message).collect::<Vec<_>>().join("\n"))]
    Setup(Vec<Problem>),
    /// The command was understood and failed.
    #[error("{source:#}")]
    Failed {
        /// What failed.
        code: Code,
        /// The cause.
        source: anyhow::Error,
    },
}

/// One thing that must change before the command can run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The kind of problem.
    pub(crate) code: Code,
    /// What is wrong, and what to do about it. Each line stands for itself.
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Setup(vec![problem])
    }
}

impl From<anyhow::Error> for Error {
    fn from(source: anyhow::Error) -> Self {
        Self::failed(Code::CommandFailed, source)
    }
}

impl Error {
    /// A failure of a known kind.
    pub(crate) fn failed(code: Code, source: impl Into<anyhow::Error>) -> Self {
        Self::Failed { code, source: source.into() }
    }

    pub(crate) const fn exit_status(&self) -> u8 {
        match self {
            Self::Setup(_) => UNUSABLE,
            Self::Failed { .. } => FAILED,
        }
    }

    /// Each line with its code, and where to read more.
    pub(crate) fn report(&self) -> String {
        let mut report = String::new();
        let mut first = None;
        for (code, line) in self.lines() {
            first = first.or(Some(code));
            // Writing to a string cannot fail.
            let _ = writeln!(report, "error[{code}]: {line}");
        }
        if let Some(code) = first {
            let _ = writeln!(report, "For what to do about it, run `tierlift codes {code}`.");
        }
        report
    }

    fn lines(&self) -> Vec<(Code, String)> {
        match self {
            Self::Setup(problems) => problems
                .iter()
                .flat_map(|problem| {
                    problem.message.lines().map(|line| (problem.code, line.to_owned()))
                })
                .collect(),
            Self::Failed { code, source } => vec![(*code, format!("{source:#}"))],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_names_its_code() {
        let error = Error::Setup(vec![
            Problem::new(Code::ConfigInvalid, "a.toml:1:1: one\na.toml:2:1: two"),
            Problem::new(Code::SecretMissing, "three"),
        ]);
        assert_eq!(error.exit_status(), 2);
        insta::assert_snapshot!(error.report(), @r"
        error[config.invalid]: a.toml:1:1: one
        error[config.invalid]: a.toml:2:1: two
        error[secret.missing]: three
        For what to do about it, run `tierlift codes config.invalid`.
        ");
        let error = Error::from(anyhow::anyhow!("inner").context("outer"));
        assert_eq!(error.exit_status(), 1);
        insta::assert_snapshot!(error.report(), @r"
        error[command.failed]: outer: inner
        For what to do about it, run `tierlift codes command.failed`.
        ");
    }
}
