//! Arguments that operators' commands share.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    path::PathBuf,
};

use serde_json::{Value, json};

use crate::log;

/// Where the deployment is, and how its answers are printed.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Reach {
    /// The data file: its server is asked, or the file itself where no server has it.
    #[arg(long, value_name = "FILE", default_value = "tierlift.db")]
    pub(crate) data: PathBuf,
    /// Configuration file, read where no server has the data file [default: tierlift.toml].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The deployment is on AWS, in the account and region of the shell: `AWS_PROFILE`, `AWS_REGION` and the like.
    #[arg(long, conflicts_with_all = ["data", "config"])]
    pub(crate) aws: bool,
    /// The name of its stack.
    #[arg(long, value_name = "NAME", default_value = "tierlift", requires = "aws")]
    pub(crate) stack: String,
    /// Print the answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Who does something, and why: both are written into the ledger.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Sign {
    /// Why, for the ledger.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who, for the ledger.
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        default_value = "operator",
        hide_env_values = true
    )]
    actor: String,
}

impl Sign {
    /// A body with who and why in it.
    pub(crate) fn body(&self, mut fields: Value) -> Value {
        if let Value::Object(fields) = &mut fields {
            fields.insert("actor".to_owned(), json!(self.actor));
            fields.insert("reason".to_owned(), json!(self.reason));
        }
        fields
    }
}

/// Asks whoever is at the terminal. Without one nobody can be asked, and nothing is confirmed.
pub(crate) fn confirms(question: &str) -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    log::print(format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && answer.trim().eq_ignore_ascii_case("y")
}
