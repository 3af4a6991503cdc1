//! What operators' requests have in common: bodies with their actor, and which dead letters are meant.

use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tierlift_core::{
    codes::Code,
    id::{CustomerId, UserId},
    limits::DEAD_LETTERS_PAGE_MAX,
};

use super::answer::Refusal;
use crate::{Filter, GroupBy};

/// Who sent a request, if the door knows it: an extension of the request.
#[derive(Clone, Debug)]
pub struct Actor(pub String);

/// A JSON body, whose rejection is a problem document. Whom the door knows is the actor, whatever the body says.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let actor = request.extensions().get().map(|Actor(name)| name.clone());
        let Json(mut body): Json<Value> = Json::from_request(request, state).await?;
        if let (Some(name), Value::Object(fields)) = (actor, &mut body) {
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
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ListQuery {
    cause: Option<Code>,
    error: Option<String>,
    r#type: Option<String>,
    customer: Option<CustomerId>,
    user: Option<UserId>,
    since_secs: Option<i64>,
    by: GroupBy,
    max: Option<usize>,
    /// Where the page begins.
    pub after: Option<String>,
    /// Where the list ends.
    pub until: Option<String>,
}

impl ListQuery {
    /// The filter, what to group by, and how many to list.
    #[must_use]
    pub fn split(self) -> (Filter, GroupBy, usize) {
        let Self { cause, error, r#type: kind, customer, user, since_secs, by, max, .. } = self;
        let filter = Filter { events: Vec::new(), cause, error, kind, customer, user, since_secs };
        (filter, by, max.unwrap_or(DEAD_LETTERS_PAGE_MAX).min(DEAD_LETTERS_PAGE_MAX))
    }
}
