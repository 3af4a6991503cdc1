//! A host that takes webhooks. It can be killed, and started again at the same address.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::Value;
use tierlift_core::{time::Timestamp, webhook::Secrets};
use tokio::{net::TcpListener, runtime::Runtime};

use super::SECRET;

/// A webhook as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arrival {
    pub(super) id: String,
    pub(super) body: Value,
    pub(super) status: StatusCode,
}

impl Arrival {
    pub(super) fn number(&self, pointer: &str) -> u64 {
        self.body.pointer(pointer).unwrap().as_u64().unwrap()
    }

    /// Whether the host worked on it: a 500 is of what fails after that.
    pub(super) fn is_worked_on(&self) -> bool {
        self.status.is_success() || self.status == StatusCode::INTERNAL_SERVER_ERROR
    }

    pub(super) fn user(&self) -> &str {
        self.body["data"]["userId"].as_str().unwrap()
    }
}

/// What the host answers to a webhook.
type Answer = dyn Fn(&Arrival) -> StatusCode + Send + Sync;

/// A host that takes webhooks. It can be killed, and started again at the same address.
pub(super) struct Host {
    pub(super) address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrival>>>,
    answer: Arc<Answer>,
    runtime: Option<Runtime>,
}

impl Host {
    pub(super) fn start(answer: impl Fn(&Arrival) -> StatusCode + Send + Sync + 'static) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut host =
            Self { address, arrived: Arc::default(), answer: Arc::new(answer), runtime: None };
        host.restart();
        host
    }

    pub(super) fn restart(&mut self) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let (arrived, answer) = (Arc::clone(&self.arrived), Arc::clone(&self.answer));
        let take = async move |headers: HeaderMap, body: String| {
            let mut arrival = verified(&headers, &body);
            arrival.status = answer(&arrival);
            let status = arrival.status;
            arrived.lock().unwrap().push(arrival);
            status
        };
        let routes = Router::new().route("/hooks", post(take));
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            axum::serve(TcpListener::from_std(listener).unwrap(), routes).await.unwrap();
        });
        self.runtime = Some(runtime);
    }

    /// Ends it with all of its connections.
    pub(super) fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    pub(super) const fn is_up(&self) -> bool {
        self.runtime.is_some()
    }

    pub(super) fn arrived(&self) -> Vec<Arrival> {
        self.arrived.lock().unwrap().clone()
    }

    /// What has arrived since the last call.
    pub(super) fn take_arrived(&self) -> Vec<Arrival> {
        std::mem::take(&mut self.arrived.lock().unwrap())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The webhook, if its signature is that of its id, time and body.
fn verified(headers: &HeaderMap, body: &str) -> Arrival {
    let header = |name: &str| headers[name].to_str().unwrap();
    let at = Timestamp::from_secs(header("webhook-timestamp").parse().unwrap());
    let id = header("webhook-id").to_owned();
    let expected = Secrets::parse(SECRET).unwrap().signature(&id, at, body);
    assert_eq!(header("webhook-signature"), expected);
    assert_eq!(header("content-type"), "application/json");
    Arrival { id, body: serde_json::from_str(body).unwrap(), status: StatusCode::OK }
}
