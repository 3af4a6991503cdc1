//! How a command reaches what operators can do: over the socket of the server that has the data file; where no server
//! has it, by opening the file itself; or, for a deployment on AWS, through a program of its own. All answer the same
//! routes.
#![expect(clippy::indexing_slicing, reason = "a key that a JSON value lacks is null")]

mod helper;
mod options;
mod table;

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use axum::http::{Method, StatusCode};
use serde_json::Value;
use tierlift_core::{codes::Code, policy::Policy};
use tierlift_embedded::{Operator, db, socket_path, system_clock};
use tokio::runtime::Runtime;

use crate::{
    commands::{data_code, policy_of},
    error::{Error, Problem},
};

pub(crate) use helper::Helper;
pub(crate) use options::{Reach, Sign, confirms};
pub(crate) use table::{print, print_rows, text};

/// Where requests go.
pub(crate) enum Door {
    /// To the server that has the data file.
    Server(PathBuf),
    /// To the file, which this process has.
    File(Box<Runtime>, Operator),
    /// To a deployment on AWS.
    Aws(Helper),
}

impl Door {
    /// Finds the deployment on AWS; or the server of a data file, or opens the file.
    pub(crate) fn open(reach: &Reach) -> Result<Self, Error> {
        if reach.aws {
            return Helper::start(&reach.stack).map(Self::Aws);
        }
        if let Some(server) = Self::of_server(&reach.data)? {
            return Ok(server);
        }
        let data = &reach.data;
        if !data.exists() {
            let error =
                anyhow!("{} does not exist; name the data file with --data", data.display());
            return Err(Error::failed(Code::DataUnusable, error));
        }
        let (policy, accounts) = policy_of(reach.config.as_deref())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = Box::new(runtime.context("cannot start the runtime")?);
        let operator = open(&runtime, data, policy, accounts).map_err(|error| {
            let code = data_code(&error);
            Error::failed(code, error)
        })?;
        Ok(Self::File(runtime, operator))
    }

    /// Finds the server that has a data file, if there is one.
    pub(crate) fn of_server(data: &Path) -> Result<Option<Self>, Error> {
        let socket = socket_path(data);
        match UnixStream::connect(&socket) {
            Ok(_) => Ok(Some(Self::Server(socket))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => {
                let error = anyhow!(error).context(format!("cannot use {}", socket.display()));
                Err(Error::failed(Code::ServerUnavailable, error))
            }
        }
    }

    /// Whether messages are applied while the command runs.
    pub(crate) const fn has_server(&self) -> bool {
        matches!(self, Self::Server(_) | Self::Aws(_))
    }

    /// Asks for something.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Error> {
        self.ask(&Method::GET, path, "")
    }

    /// Has something done.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(&Method::POST, path, &body.to_string())
    }

    fn ask(&self, method: &Method, path: &str, body: &str) -> Result<Value, Error> {
        let path = format!("/operations{path}");
        let (status, text) = match self {
            Self::Server(socket) => send(socket, method, &path, body)
                .with_context(|| format!("{} does not answer", socket.display()))
                .map_err(|error| Error::failed(Code::ServerUnavailable, error))?,
            Self::File(runtime, operator) => {
                let answer = operator.answer(method.clone(), &path, body.to_owned());
                runtime.block_on(answer)
            }
            Self::Aws(helper) => helper
                .ask(method, &path, body)
                .context("the program for AWS does not answer")
                .map_err(|error| Error::failed(Code::AwsUnavailable, error))?,
        };
        let value: Value = serde_json::from_str(&text).context("the answer is no JSON")?;
        if status.is_success() {
            return Ok(value);
        }
        if matches!(self, Self::Aws(_)) && value["code"] == Code::RouteNotFound.as_str() {
            let message = "this command is not there with --aws: it is about the data file";
            return Err(Problem::new(Code::UsageInvalid, message).into());
        }
        let code = value["code"].as_str().and_then(Code::parse).unwrap_or(Code::CommandFailed);
        let detail = value["detail"].as_str().unwrap_or("the request was refused").to_owned();
        Err(Error::failed(code, anyhow!(detail)))
    }
}

fn open(
    runtime: &Runtime,
    data: &Path,
    policy: Policy,
    connected_accounts: Vec<String>,
) -> Result<Operator, db::OpenError> {
    let _entered = runtime.enter();
    Operator::open(data, policy, connected_accounts, system_clock())
}

/// Whether nobody listens there.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// One request on a connection of its own.
fn send(
    socket: &Path,
    method: &Method,
    path: &str,
    body: &str,
) -> anyhow::Result<(StatusCode, String)> {
    let mut stream = UnixStream::connect(socket)?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer ends early")?;
    let status = head.split(' ').nth(1).context("the answer has no status")?;
    Ok((status.parse().context("the answer has no status")?, body.to_owned()))
}

/// A value of a query, encoded for a URL (RFC 3986, section 2.1).
pub(crate) fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    value.bytes().map(encode).collect()
}

/// A path with a query of those values that are given.
pub(crate) fn with_query(path: &str, values: &[(&str, Option<String>)]) -> String {
    let given = values.iter().filter_map(|(name, value)| {
        value.as_ref().map(|value| format!("{name}={}", encoded(value)))
    });
    let query: Vec<_> = given.collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_for_a_query() {
        let values = [("user", Some("ada & bob/é".to_owned())), ("cause", None)];
        assert_eq!(with_query("/x", &values), "/x?user=ada%20%26%20bob%2F%C3%A9");
        assert_eq!(with_query("/x", &[("cause", None)]), "/x");
    }
}
