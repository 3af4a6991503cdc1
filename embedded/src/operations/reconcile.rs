//! The routes by which the owner of the data file has a running server reconcile with Stripe. A run belongs to the
//! server: whoever asked for it may leave, and it goes on.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use serde::Serialize;
use tierlift_core::codes::Code;
use tierlift_operations::routes::{Answer, Body, Refusal};

use super::Operator;
use crate::reconciler::{Handle, Order, Progress};

type Asked = State<Option<Handle>>;

pub(super) fn router(operator: &Arc<Operator>) -> Router {
    Router::new()
        .route("/operations/reconcile", get(progress).post(begin))
        .with_state(operator.reconciler.clone())
}

/// A reconciliation, and whether it is the one that was asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    is_new: bool,
    #[serde(flatten)]
    progress: Progress,
}

async fn begin(State(handle): Asked, Body(order): Body<Order>) -> Answer<Begun> {
    let (progress, is_new) = need(handle)?.begin(order);
    Ok(Json(Begun { is_new, progress }))
}

async fn progress(State(handle): Asked) -> Answer<Progress> {
    Ok(Json(need(handle)?.progress()))
}

fn need(handle: Option<Handle>) -> Result<Handle, Refusal> {
    let detail = "the server has no STRIPE_API_KEY; start it with one (docs/stripe-api.md)";
    handle.ok_or_else(|| Refusal::new(Code::SecretMissing, detail))
}
