//! What operators' requests have in common: who is asked, bodies with their actor, and which dead letters are meant.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State, rejection::JsonRejection},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tierlift_core::{
    codes::Code,
    id::{CustomerId, UserId},
    limits::DEAD_LETTERS_PAGE_MAX,
};
use tierlift_operations::{Filter, GroupBy};

use super::{Operator, answer::Refusal, caller::Caller};

pub(super) type Door = State<Arc<Operator>>;

/// A JSON body, whose rejection is a problem document. Who comes with a token is the actor, whatever the body says.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let caller = request.extensions().get().map(|Caller { name, .. }| name.clone());
        let Json(mut body): Json<Value> = Json::from_request(request, state).await?;
        if let (Some(name), Value::Object(fields)) = (caller, &mut body) {
            fields.insert("actor".to_owned(), name.into());
        }
        serde_json::from_value(body).map(Self).map_err(Refusal::invalid)
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

/// Which dead letters to list, as a query.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct ListQuery {
    cause: Option<Code>,
    error: Option<String>,
    r#type: Option<String>,
    customer: Option<CustomerId>,
    user: Option<UserId>,
    since_secs: Option<i64>,
    by: GroupBy,
    max: Option<usize>,
    pub(super) after: Option<String>,
    pub(super) until: Option<String>,
}

impl ListQuery {
    pub(super) fn split(self) -> (Filter, GroupBy, usize) {
        let Self { cause, error, r#type: kind, customer, user, since_secs, by, max, .. } = self;
        let filter = Filter { events: Vec::new(), cause, error, kind, customer, user, since_secs };
        (filter, by, max.unwrap_or(DEAD_LETTERS_PAGE_MAX).min(DEAD_LETTERS_PAGE_MAX))
    }
}
