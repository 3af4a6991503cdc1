//! `tierlift-aws`, the program that asks a deployment on AWS. It is started for one command and ends with it.
//! So this program is built without an AWS crate.

use std::{
    cell::RefCell,
    env, io,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, anyhow};
use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tierlift_core::codes::Code;

use crate::error::Error;

const PROGRAM: &str = "tierlift-aws";

/// The running program.
pub(crate) struct Helper {
    child: Child,
    pipes: RefCell<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

/// The first line that it writes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Greeting {
    Ready { version: String },
    Failed { code: Code, detail: String },
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    body: String,
}

impl Helper {
    /// Starts it for a stack.
    pub(super) fn start(stack: &str) -> Result<Self, Error> {
        Self::start_with(&["--stack", stack])
    }

    /// Starts it for the console of a stack.
    pub(crate) fn start_for_console(stack: &str) -> Result<Self, Error> {
        Self::start_with(&["--stack", stack, "--console"])
    }

    fn start_with(args: &[&str]) -> Result<Self, Error> {
        let mut command = Command::new(program());
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            let what = if error.kind() == io::ErrorKind::NotFound {
                anyhow!("{PROGRAM} is neither beside this program nor in PATH")
            } else {
                anyhow!(error).context(format!("{PROGRAM} cannot be started"))
            };
            Error::failed(Code::ProgramMissing, what)
        })?;
        let pipes = child.stdin.take().zip(child.stdout.take().map(BufReader::new));
        let helper = Self { child, pipes: RefCell::new(pipes) };
        let greeting = helper.line().and_then(|line| Ok(serde_json::from_str(&line)?));
        match greeting.context(format!("{PROGRAM} does not answer"))? {
            Greeting::Ready { version } if version == env!("CARGO_PKG_VERSION") => Ok(helper),
            Greeting::Ready { version } => {
                let own = env!("CARGO_PKG_VERSION");
                let error = anyhow!("{PROGRAM} is of release {version}, and this program of {own}");
                Err(Error::failed(Code::ProgramMissing, error))
            }
            Greeting::Failed { code, detail } => Err(Error::failed(code, anyhow!(detail))),
        }
    }

    /// Asks one thing.
    pub(crate) fn ask(
        &self,
        method: &Method,
        path: &str,
        body: &str,
    ) -> anyhow::Result<(StatusCode, String)> {
        let request = json!({"method": method.as_str(), "path": path, "body": body});
        if let Some((input, _)) = self.pipes.borrow_mut().as_mut() {
            writeln!(input, "{request}")?;
        }
        let Answer { status, body } = serde_json::from_str(&self.line()?)?;
        Ok((StatusCode::from_u16(status)?, body))
    }

    fn line(&self) -> anyhow::Result<String> {
        let mut line = String::new();
        if let Some((_, output)) = self.pipes.borrow_mut().as_mut() {
            output.read_line(&mut line)?;
        }
        if line.is_empty() { Err(anyhow!("it has ended")) } else { Ok(line) }
    }
}

/// It ends when its input does, once it has made visible again what it holds.
impl Drop for Helper {
    fn drop(&mut self) {
        self.pipes.take();
        drop(self.child.wait());
    }
}

/// The program beside this one, or the one in `PATH`.
fn program() -> PathBuf {
    let beside = env::current_exe().ok().map(|own| own.with_file_name(PROGRAM));
    beside.filter(|path| path.exists()).unwrap_or_else(|| PROGRAM.into())
}
