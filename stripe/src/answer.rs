//! From a response to answers, or to the reason why there are none.

use std::borrow::Cow;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tierlift_core::{
    observation::Window,
    ports::{Answer, ListOf, Page, StripeError},
};

use crate::transport::Response;

/// What is read of an object to see that it is the one that was asked for.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    livemode: Option<bool>,
    /// An id, an object, or null.
    #[serde(default)]
    customer: Value,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    has_more: bool,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Reason,
}

#[derive(Default, Deserialize)]
struct Reason {
    #[serde(default)]
    message: String,
}

/// The one object that was asked for.
pub(crate) fn object(response: &Response, livemode: bool, id: &str) -> Result<Answer, StripeError> {
    let (head, answer) = answer(text(response)?, window(response)?, livemode)?;
    if head.id != id {
        return Err(unexpected(&format!("asked for {id}, got {}", head.id)));
    }
    Ok(answer)
}

/// A page of a list, and the id behind which the next one starts.
pub(crate) fn page(
    response: &Response,
    livemode: bool,
    asked: &ListOf,
) -> Result<Page<Answer>, StripeError> {
    let window = window(response)?;
    let list: List<'_> =
        serde_json::from_str(text(response)?).map_err(|error| unexpected(&error))?;
    let mut page = Page { items: Vec::with_capacity(list.data.len()), next: None };
    let mut latest_id = None;
    for object in list.data {
        let (head, answer) = answer(object.get(), window, livemode)?;
        let customer = head.customer.as_str().or_else(|| head.customer.get("id")?.as_str());
        if let Some(asked) = asked.customer().filter(|asked| Some(asked.as_str()) != customer) {
            return Err(unexpected(&format!("asked for {asked}, got {customer:?}")));
        }
        latest_id = Some(head.id.into_owned());
        page.items.push(answer);
    }
    if list.has_more {
        let error = || unexpected(&"an empty page that is not the last");
        page.next = Some(latest_id.ok_or_else(error)?);
    }
    Ok(page)
}

fn answer(json: &str, window: Window, livemode: bool) -> Result<(Head<'_>, Answer), StripeError> {
    let head: Head<'_> = serde_json::from_str(json).map_err(|error| unexpected(&error))?;
    if head.livemode.is_some_and(|is_live| is_live != livemode) {
        return Err(StripeError::WrongMode(format!("{} is of the other mode", head.id)));
    }
    Ok((head, Answer { object: compact(json), window, livemode }))
}

/// Stripe's time when it answered, less the time that the request took, rounded down, to the time itself.
fn window(response: &Response) -> Result<Window, StripeError> {
    let to_secs = response.date_secs.ok_or_else(|| unexpected(&"an answer without a Date"))?;
    let took_secs = i64::try_from(response.took.as_millis().div_ceil(1_000)).unwrap_or(i64::MAX);
    Ok(Window { from_secs: to_secs.saturating_sub(took_secs), to_secs })
}

fn text(response: &Response) -> Result<&str, StripeError> {
    std::str::from_utf8(&response.body).map_err(|error| unexpected(&error))
}

/// JSON without the blanks between its tokens, which are a third of what Stripe sends. `json` is valid.
fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let (mut in_string, mut is_escaped) = (false, false);
    for char in json.chars() {
        if in_string || !char.is_ascii_whitespace() {
            compact.push(char);
        }
        in_string ^= char == '"' && !is_escaped;
        is_escaped = in_string && char == '\\' && !is_escaped;
    }
    compact
}

/// What a status other than 200 means.
pub(crate) fn refusal(response: &Response) -> StripeError {
    let reason = serde_json::from_slice::<Refusal>(&response.body).unwrap_or_default().error;
    let message = if reason.message.is_empty() {
        response.status.to_string()
    } else {
        without_keys(&reason.message)
    };
    match response.status {
        StatusCode::UNAUTHORIZED => StripeError::Unauthorized(message),
        StatusCode::FORBIDDEN => StripeError::Forbidden(message),
        StatusCode::NOT_FOUND => StripeError::NotFound(message),
        StatusCode::TOO_MANY_REQUESTS => {
            StripeError::RateLimited { retry_after: response.retry_after }
        }
        status if status.is_server_error() || status == StatusCode::CONFLICT => {
            StripeError::Unavailable(format!("{status}: {message}"))
        }
        status => unexpected(&format!("{status}: {message}")),
    }
}

/// Stripe repeats the ends of a refused key; what looks like one is not passed on.
fn without_keys(message: &str) -> String {
    let is_key = |word: &str| ["sk_", "rk_", "pk_"].iter().any(|prefix| word.contains(prefix));
    let words = message.split(' ').map(|word| if is_key(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

pub(crate) fn unexpected(what: &dyn std::fmt::Display) -> StripeError {
    StripeError::AnswerUnexpected(what.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_go_and_strings_stay() {
        let json = "{\n  \"a b\": [1, 2],\n  \"c\\\" \\\\\": \" d \\\" \"\n}";
        let short = compact(json);
        assert_eq!(short, "{\"a b\":[1,2],\"c\\\" \\\\\":\" d \\\" \"}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&short), read(json));
    }

    #[test]
    fn a_key_in_a_refusal_is_not_repeated() {
        let message = "Invalid API Key provided: sk_test_*****4567 for this account";
        assert_eq!(without_keys(message), "Invalid API Key provided: … for this account");
    }
}
