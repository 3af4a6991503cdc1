//! A running `tierlift serve`, and a client of it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{printed, tierlift};

/// A running `tierlift serve`, ended by its own id.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) url: String,
    /// Where the console is, with its token, if it is announced.
    pub(crate) console: Option<String>,
}

impl Serving {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_logging(command, Stdio::null())
    }

    pub(crate) fn start_logging(mut command: Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let after = line.split("listens on ").nth(1).unwrap_or_else(|| panic!("printed {line:?}"));
        let url = after.split(' ').next().unwrap().to_owned();
        let console = line.split("console: ").nth(1);
        let console = console.and_then(|rest| Some(rest.split(' ').next()?.to_owned()));
        Self { child, url, console }
    }

    pub(crate) fn demo(folder: &TempDir) -> Self {
        let args = ["serve", "--demo", "--listen", "127.0.0.1:0", "--data", "demo.db"];
        Self::start(tierlift(folder, &[], &args))
    }

    /// Asks it to end, and waits: it must end with 0.
    pub(crate) fn end(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    pub(crate) fn ask(&self, path: &str, token: &str) -> (u16, Value) {
        let request = agent().get(format!("{}{path}", self.url));
        answer(request.header("authorization", format!("Bearer {token}")).call())
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let request = agent().post(format!("{}{path}", self.url));
        answer(request.header("content-type", "application/json").send(body))
    }

    pub(crate) fn login(&self, user: &str) -> String {
        let (status, body) = self.post("/demo/login", &json!({ "userId": user }).to_string());
        assert_eq!((status, &body["expiresIn"]), (200, &json!(900)), "{body}");
        body["accessToken"].as_str().unwrap().to_owned()
    }

    pub(crate) fn simulate(&self, user: &str, action: &str) -> (u16, Value) {
        let body = json!({ "userId": user, "action": action });
        self.post("/demo/simulate", &body.to_string())
    }

    /// Runs `tierlift trigger` against it, and expects this verdict.
    pub(crate) fn trigger(
        &self,
        folder: &TempDir,
        action: &str,
        more: &[&str],
        code: i32,
        verdict: &str,
    ) {
        let args = [&["trigger", action, "--user", "ada", "--url", &self.url], more].concat();
        let output = tierlift(folder, &[], &args).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(code), "{action}: {printed}");
        assert!(printed.contains(verdict), "{action} does not print {verdict:?} but:\n{printed}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Ended already, or left behind by a failed test.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn answer(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut answer = answer.unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
