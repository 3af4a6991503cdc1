//! A deployed stack: the packaged functions and the template in an emulator that enforces the role of
//! each function, with the requests of Stripe, of browsers and of an operator.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use serde_json::{Value, json};
use tierlift_aws::{queue::Queue, sockets::Connections, store::Store};
use tierlift_core::{id::RevocationId, stripe::signature::sign, token::Secret};
use tierlift_testkit::{
    facts::user_id,
    harness::{
        NEVER_STALE, ORIGIN, WEBHOOK_SECRET,
        client::{Request, Response},
        now,
        socket::{Socket, protocols},
        tools,
    },
    stripe_api::StripeApi,
    webhook,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;

use super::{
    emulator::{AUTHORIZATION, Emulator},
    proxy::Proxy,
};

/// Parameters that every test deploys with.
const PARAMETERS: [&str; 3] =
    ["Roles=free,paid,team", "Plans=price_pro=paid,prod_team=team", "GraceDays=0"];
pub(super) const FUNCTIONS: [&str; 7] =
    ["check", "ingest", "worker", "notifier-stream", "notifier-gateway", "session", "expiry"];
/// The functions of some stacks.
const OPTIONAL_FUNCTIONS: [&str; 3] = ["ingest-eventbridge", "fetch", "changes"];

/// A deployed stack.
pub(super) struct Stack {
    emulator: Emulator,
    outputs: Value,
    tokens: Secret,
}

/// The packaged template.
pub(super) fn template() -> PathBuf {
    tools::package().join("template.yaml")
}

fn deploy(emulator: &Emulator, template: &Path, parameters: &[&str]) -> Value {
    try_deploy(emulator, template, parameters).unwrap()
}

/// Returns the outputs, or what the stack reports.
fn try_deploy(emulator: &Emulator, template: &Path, parameters: &[&str]) -> Result<Value, String> {
    let mut command = Command::new(tools::python());
    command.arg("-B").arg(tools::script("tests-aws/ministack/deploy.py"));
    command.arg(format!("http://{}", emulator.address())).arg(tools::package()).arg(template);
    let output = command.args(parameters).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

impl Stack {
    /// Deploys the packaged template.
    pub(super) async fn start() -> Self {
        Self::start_from(&template(), &[]).await
    }

    /// Deploys a template with additional parameters.
    pub(super) async fn start_from(template: &Path, more: &[&str]) -> Self {
        Self::start_on(Emulator::with_policies(), template, more).await
    }

    /// Deploys the packaged template with a key of Stripe's API, which a stand-in answers.
    pub(super) async fn start_asking(api: &StripeApi, key: &str) -> Self {
        let emulator = Emulator::with_policies();
        let input = json!({ "Name": "stripe-key", "SecretString": key });
        let secret = emulator.call("secretsmanager.CreateSecret", &input).await;
        let arn = format!("StripeKeyArn={}", secret["ARN"].as_str().unwrap());
        let base = format!("StripeApiBase={}", api.base());
        Self::start_on(emulator, &template(), &[&arn, &base]).await
    }

    /// Deploys the packaged template so that the functions reach AWS through a network with faults.
    pub(super) async fn start_behind_proxy() -> (Self, Proxy) {
        let emulator = Emulator::with_policies();
        let proxy = Proxy::start(emulator.address()).await;
        let [behind, direct] = [proxy.address(), emulator.address()].map(|a| format!("//{a}"));
        let endpoint = format!("EmulatorEndpoint=http:{behind}");
        let mut this = Self::start_on(emulator, &template(), &[&endpoint]).await;
        // Stripe and the browsers meet no fault.
        let outputs = this.outputs.to_string().replace(&behind, &direct);
        this.outputs = serde_json::from_str(&outputs).unwrap();
        (this, proxy)
    }

    /// Deploys a template on an emulator, which may have secrets already.
    pub(super) async fn start_on(emulator: Emulator, template: &Path, more: &[&str]) -> Self {
        let origins = format!("AllowedOrigins={ORIGIN}");
        let architecture = std::env::consts::ARCH.replace("aarch64", "arm64");
        let architecture = format!("Architecture={architecture}");
        let parameters = [&PARAMETERS[..], &[&origins, &architecture], more].concat();
        let outputs = deploy(&emulator, template, &parameters);
        let input = json!({ "SecretId": outputs["JwtSecretArn"] });
        let secret = emulator.call("secretsmanager.GetSecretValue", &input).await;
        let tokens = Secret::new(secret["SecretString"].as_str().unwrap()).unwrap();
        let this = Self { emulator, outputs, tokens };
        this.put_webhook_secret(WEBHOOK_SECRET).await;
        this
    }

    /// Updates the stack to the packaged template; parameters that are not named keep their values.
    pub(super) fn update(&self, parameters: &[&str]) {
        deploy(&self.emulator, &template(), parameters);
    }

    /// The same for an update that fails; returns what the stack reports.
    pub(super) fn fails_to_update(&self, parameters: &[&str]) -> String {
        try_deploy(&self.emulator, &template(), parameters).unwrap_err()
    }

    pub(super) async fn put_webhook_secret(&self, text: &str) {
        let input = json!({ "SecretId": self.outputs["WebhookSecretArn"], "SecretString": text });
        self.call("secretsmanager.PutSecretValue", &input).await;
    }

    /// Gets a resource of an AWS API that has paths.
    pub(super) async fn get(&self, path: &str) -> Value {
        let request = Request::new("GET", path).header("authorization", AUTHORIZATION);
        let answer = self.send(request).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Calls an AWS API as the account's root.
    pub(super) async fn call(&self, target: &str, input: &Value) -> Value {
        self.emulator.call(target, input).await
    }

    /// The endpoint of every API.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.emulator.address())
    }

    pub(super) fn output(&self, name: &str) -> &str {
        self.outputs[name].as_str().unwrap()
    }

    /// The path of a URL among the stack's outputs.
    fn path(&self, name: &str) -> &str {
        let after = format!("//{}", self.emulator.address());
        self.output(name).split_once(&after).unwrap().1
    }

    /// Where a route of the HTTP API is.
    pub(super) fn api_path(&self, route: &str) -> String {
        let api = self.path("SessionUrl").strip_suffix("/session").unwrap();
        format!("{api}{route}")
    }

    pub(super) fn queue(&self) -> Queue {
        let urls = (self.output("QueueUrl"), self.output("DeadLetterQueueUrl"));
        Queue::new(&self.emulator.sdk(), urls.0, urls.1, self.output("TableName"))
    }

    pub(super) fn store(&self) -> Store {
        Store::new(&self.emulator.sdk(), self.output("TableName"))
    }

    pub(super) fn connections(&self) -> Connections {
        let endpoint = self.output("WebSocketUrl").replace("ws://", "http://");
        Connections::new(&self.emulator.sdk(), self.output("TableName"), &endpoint)
    }
}

/// Requests of Stripe.
impl Stack {
    pub(super) fn webhook_request<'a>(&self, body: &'a [u8], signature: &str) -> Request<'a> {
        let request = Request::new("POST", self.path("WebhookUrl"));
        request.header("stripe-signature", signature).body(body)
    }

    /// Posts a body that is signed with a secret at the current time.
    pub(super) async fn webhook(&self, body: &[u8], secret: &str) -> Response {
        let request = self.webhook_request(body, &sign(secret, body, now()));
        self.send(request.header("content-type", "application/json")).await
    }

    /// Posts an event; it must be accepted.
    pub(super) async fn accepts(&self, event: &Value) {
        let answer = self.webhook(event.to_string().as_bytes(), WEBHOOK_SECRET).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"accepted"}"#));
    }
}

/// The event that creates the one subscription of a user's one customer.
pub(super) fn subscribed(event: &str, user: &str) -> Value {
    webhook::subscription(event, user, "active", now())
}

/// Requests of browsers.
impl Stack {
    /// Sends a request and reads the whole response.
    pub(super) async fn send(&self, request: Request<'_>) -> Response {
        request.send(self.emulator.address()).await
    }

    /// The same while the emulator may end connections without a response, as it does when it is short of time.
    pub(super) async fn try_send(&self, request: Request<'_>) -> io::Result<Response> {
        request.try_send(self.emulator.address()).await
    }

    /// A token of a user with a revocation id.
    pub(super) fn token(&self, user: &str, rev: u64) -> String {
        self.tokens.mint(&user_id(user), RevocationId(rev), now())
    }

    /// A request to `SessionUrl`, or to a path below it.
    pub(super) fn session_request(
        &self,
        method: &str,
        below: &str,
        token: &str,
    ) -> Request<'static> {
        Request::new(method, &format!("{}{below}", self.path("SessionUrl"))).bearer(token)
    }

    /// A request of the page that a problem document points to.
    pub(super) fn page_request(&self, problem: &Response) -> Request<'static> {
        let page = problem.json()["type"].as_str().unwrap().to_owned();
        Request::new("GET", &self.api_path(&page))
    }

    /// The answer of `GET /session` for a user.
    pub(super) async fn session(&self, user: &str) -> Value {
        let token = self.token(user, NEVER_STALE);
        let answer = self.send(self.session_request("GET", "", &token)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Opens a user's socket; it must open.
    pub(super) async fn socket(&self, user: &str) -> Socket {
        self.try_socket(&protocols(&self.token(user, 0)), None).await.unwrap()
    }

    /// Opens a socket with these subprotocols from a page of an origin.
    pub(super) async fn try_socket(
        &self,
        protocols: &[String],
        origin: Option<&str>,
    ) -> Result<Socket, tungstenite::Error> {
        let stream = TcpStream::connect(self.emulator.address()).await.unwrap();
        Socket::handshake(stream, self.output("WebSocketUrl"), protocols, origin).await
    }
}

/// Calls of an operator.
impl Stack {
    /// Invokes a function as its schedule does, and waits until it has ended; it must succeed.
    pub(super) async fn tick(&self, function: &str) {
        assert!(self.ticks(function).await, "{function} failed");
    }

    /// Invokes a function as its schedule does, and waits until it has ended. Returns whether it succeeded.
    pub(super) async fn ticks(&self, function: &str) -> bool {
        let path = format!("/2015-03-31/functions/tierlift-{function}/invocations");
        let request = Request::new("POST", &path).header("authorization", AUTHORIZATION);
        let event = br#"{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}"#;
        let answer = self.send(request.body(event)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body == "null"
    }

    /// The log lines that a function wrote itself, without those of Lambda.
    pub(super) async fn log(&self, function: &str) -> Vec<Value> {
        let input = json!({ "logGroupName": format!("/aws/lambda/tierlift-{function}") });
        let found = self.call("Logs_20140328.FilterLogEvents", &input).await;
        let lines = found["events"].as_array().unwrap().iter();
        lines.filter_map(|line| serde_json::from_str(line["message"].as_str()?).ok()).collect()
    }

    /// The log lines with a message about an event.
    pub(super) async fn logged(&self, function: &str, message: &str, event: &str) -> Vec<Value> {
        let mut lines = self.log(function).await;
        lines.retain(|line| line["message"] == message && line["event"] == event);
        lines
    }

    /// The sum of a metric over the log lines with a label.
    pub(super) async fn counted(&self, function: &str, metric: &str, label: (&str, &str)) -> u64 {
        let lines = self.log(function).await;
        let lines = lines.iter().filter(|line| line[label.0] == label.1);
        lines.filter_map(|line| line[metric].as_u64()).sum()
    }

    async fn print_logs(&self) {
        let groups = self.call("Logs_20140328.DescribeLogGroups", &json!({})).await.to_string();
        for function in FUNCTIONS.into_iter().chain(OPTIONAL_FUNCTIONS) {
            if !groups.contains(&format!("tierlift-{function}\"")) {
                continue;
            }
            eprintln!("---- the log of {function}");
            for line in self.log(function).await {
                eprintln!("{line}");
            }
        }
        eprintln!("---- the emulator\n{}", self.emulator.log());
    }
}

/// Prints the logs of the functions where a test failed.
impl Drop for Stack {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        // `drop` is not async, so a thread with a runtime of its own reads the logs.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        thread::scope(|scope| drop(scope.spawn(|| runtime.block_on(self.print_logs())).join()));
    }
}
