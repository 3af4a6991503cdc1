//! `tierlift console`: the operators' page for a deployment on AWS, served on this machine with the credentials of whoever
//! runs it. Its token is new each time, and ends with the command.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Extension, Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::any,
};
use serde_json::Value;
use tierlift_core::{
    codes::Code,
    limits::{CONSOLE_STATUS_KEPT_SECS, REQUEST_BODY_BYTES_MAX},
    wire::problem,
};
use tierlift_embedded::Actor;
use tokio::time::Instant;

use super::{print_line, serve::Operators};
use crate::{
    credentials,
    error::{Error, Problem},
    operator::{Helper, Reach},
};

const HELP: &str = "\
It is for a deployment on AWS. `tierlift serve --operations-listen ADDRESS` serves the console of its own data file.

Example:
  tierlift console --aws --stack tierlift";

/// Serve the console of a deployment on AWS on this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Address of the console, on this machine; without a port, one that is free is taken.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Who acts, for the ledger.
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        default_value = "operator",
        hide_env_values = true
    )]
    actor: String,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    if !args.reach.aws {
        let message = "name a deployment with --aws; the console of a data file is served by `tierlift \
                       serve --operations-listen ADDRESS`";
        return Err(Problem::new(Code::UsageInvalid, message).into());
    }
    let token = credentials::new_secret().context("no random token")?;
    let operators = Operators::for_console(args.listen, &args.actor, token)?;
    let helper = Helper::start_for_console(&args.reach.stack)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(serve(operators, helper))
}

async fn serve(operators: Operators, helper: Helper) -> Result<(), Error> {
    let (listener, console) = operators.listen().await?;
    print_line(&format!("console: {console}"));
    let desk = Arc::new(Desk { helper: Mutex::new(helper), status: Mutex::default() });
    let routes = Router::new()
        .route("/operations/{*path}", any(ask))
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .layer(Extension(desk));
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    listener.serve_routes(routes, stop).await;
    Ok(())
}

/// What the program for AWS answered.
type Answer = (StatusCode, String);

/// Where requests go.
struct Desk {
    helper: Mutex<Helper>,
    /// The status, and when it was asked for.
    status: Mutex<Option<(Instant, Answer)>>,
}

impl Desk {
    fn ask(&self, method: &Method, path: &str, body: &str) -> anyhow::Result<Answer> {
        let is_status = path == "/operations/status";
        let mut kept = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if method != Method::GET {
            *kept = None;
        }
        let age = Duration::from_secs(CONSOLE_STATUS_KEPT_SECS);
        let recent = kept.as_ref().filter(|(at, _)| is_status && at.elapsed() < age);
        if let Some((_, answer)) = recent {
            return Ok(answer.clone());
        }
        drop(kept);
        let helper = self.helper.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = helper.ask(method, path, body)?;
        if is_status && answer.0.is_success() {
            let mut kept = self.status.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some((Instant::now(), answer.clone()));
        }
        Ok(answer)
    }
}

/// Passes a request on, in the name of whoever has the token.
async fn ask(
    Extension(desk): Extension<Arc<Desk>>,
    Extension(Actor(actor)): Extension<Actor>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
    let body = match signed(&body, &actor) {
        Ok(body) => body,
        Err(error) => {
            let (status, code) = (StatusCode::BAD_REQUEST, Code::BodyInvalid);
            return problem::response(status, code, &error.to_string()).into_response();
        }
    };
    let asked = tokio::task::spawn_blocking(move || desk.ask(&method, &path, &body)).await;
    let Ok(Ok((status, text))) = asked else {
        let detail = "the program for AWS does not answer; start the console again";
        return problem::response(StatusCode::SERVICE_UNAVAILABLE, Code::AwsUnavailable, detail)
            .into_response();
    };
    let is_refusal = !status.is_success();
    let kind = if is_refusal { "application/problem+json" } else { "application/json" };
    (status, [(CONTENT_TYPE, kind)], text).into_response()
}

/// A body with its actor; none stays none.
fn signed(body: &[u8], actor: &str) -> serde_json::Result<String> {
    if body.is_empty() {
        return Ok(String::new());
    }
    let mut body: Value = serde_json::from_slice(body)?;
    if let Value::Object(fields) = &mut body {
        fields.insert("actor".to_owned(), actor.into());
    }
    Ok(body.to_string())
}
