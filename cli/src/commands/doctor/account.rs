//! What Stripe knows: the endpoint, its events, prices, the time, and deliveries that failed.

use std::collections::BTreeSet;

use serde::{Deserialize, de::DeserializeOwned};
use tierlift_core::{
    codes::Code,
    limits::STRIPE_EVENT_TYPES_MAX,
    policy::Policy,
    ports::{Answer, ListOf, Stripe, StripeError},
    stripe::catalog,
    subscription::Item,
};
use tierlift_embedded::system_clock;
use tierlift_stripe::API_VERSION;

use super::finding::Finding;
use crate::limits::{
    CLOCK_SKEW_SECS_MAX, DELIVERIES_GIVEN_SECS, DELIVERIES_LOOKED_BACK_SECS, DOCTOR_PAGES_MAX,
};

#[derive(Deserialize)]
struct Endpoint {
    url: String,
    status: String,
    enabled_events: Vec<String>,
    /// None is the account's.
    api_version: Option<String>,
}

#[derive(Deserialize)]
struct Price {
    id: String,
    lookup_key: Option<String>,
    product: Product,
}

/// Expanded, or its id.
#[derive(Deserialize)]
#[serde(untagged)]
enum Product {
    Id(String),
    Object { id: String, name: Option<String>, active: Option<bool> },
}

/// Everything that is found with a key. What cannot be asked is a finding, too.
pub(super) async fn check<A: Stripe>(
    stripe: &A,
    endpoint: Option<&str>,
    policy: &Policy,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for found in
        [endpoints(stripe, endpoint).await, prices(stripe, policy).await, deliveries(stripe).await]
    {
        match found {
            Ok(found) => findings.extend(found),
            Err(error) => findings.push(Finding::problem(error.code(), error.to_string())),
        }
    }
    // Without a valid key each of them finds the same.
    findings.dedup();
    findings
}

async fn endpoints<A: Stripe>(
    stripe: &A,
    named: Option<&str>,
) -> Result<Vec<Finding>, StripeError> {
    let page = stripe.list(&ListOf::WebhookEndpoints, None).await?;
    let mut findings: Vec<_> = page.items.first().and_then(clock).into_iter().collect();
    let is_ours = |endpoint: &Endpoint| match named {
        Some(url) => endpoint.url == url,
        None => endpoint.url.ends_with("/webhooks/stripe"),
    };
    let all = page.items.iter().map(read::<Endpoint>).collect::<Result<Vec<_>, _>>()?;
    let ours: Vec<_> = all.iter().filter(|endpoint| is_ours(endpoint)).collect();
    let Some(enabled) = ours.iter().find(|endpoint| endpoint.status == "enabled") else {
        findings.push(match ours.first() {
            None => missing(named),
            Some(endpoint) => {
                Finding::problem(Code::EndpointDisabled, format!("{} is disabled", endpoint.url))
            }
        });
        return Ok(findings);
    };
    findings.extend(events(enabled));
    findings.extend(version(enabled));
    Ok(findings)
}

fn missing(named: Option<&str>) -> Finding {
    let url = named.unwrap_or("https://…/webhooks/stripe");
    Finding::problem(Code::EndpointMissing, format!("no webhook endpoint has the URL {url}"))
}

/// Compares an endpoint's version with the one that is asked for.
fn version(endpoint: &Endpoint) -> Option<Finding> {
    let Endpoint { url, api_version, .. } = endpoint;
    let version = api_version.as_deref().filter(|version| *version != API_VERSION)?;
    let message = format!("{url} sends events of {version}; tierlift is built for {API_VERSION}");
    Some(Finding::notice(Code::EndpointVersionDiffers, message))
}

/// Compares an endpoint's events with the one table of them.
fn events(endpoint: &Endpoint) -> Vec<Finding> {
    let enabled: BTreeSet<_> = endpoint.enabled_events.iter().map(String::as_str).collect();
    let needed: BTreeSet<_> = catalog::relevant().filter(|kind| !catalog::is_thin(kind)).collect();
    let url = &endpoint.url;
    if enabled.contains("*") {
        let message = format!("{url} gets every event; {} types are needed", needed.len());
        return vec![Finding::notice(Code::EndpointEventsUnneeded, message)];
    }
    let list = |types: Vec<&&str>| types.into_iter().copied().collect::<Vec<_>>().join(", ");
    let missing: Vec<_> = needed.difference(&enabled).collect();
    let unneeded: Vec<_> = enabled.difference(&needed).collect();
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let message = format!("{url} does not get {}", list(missing));
        findings.push(Finding::problem(Code::EndpointEventsMissing, message));
    }
    if !unneeded.is_empty() {
        let message = format!("{url} also gets {}", list(unneeded));
        findings.push(Finding::notice(Code::EndpointEventsUnneeded, message));
    }
    findings
}

/// Compares this machine's time with that of an answer.
fn clock(answer: &Answer) -> Option<Finding> {
    let ahead = system_clock().now().as_secs().saturating_sub(answer.window.to_secs);
    (ahead.abs() > CLOCK_SKEW_SECS_MAX).then(|| {
        let direction = if ahead > 0 { "ahead of" } else { "behind" };
        let message = format!("this machine's clock is {} s {direction} Stripe's", ahead.abs());
        Finding::problem(Code::ClockSkewed, message)
    })
}

async fn prices<A: Stripe>(stripe: &A, policy: &Policy) -> Result<Vec<Finding>, StripeError> {
    let (mut findings, mut sold, mut after) = (Vec::new(), BTreeSet::new(), None);
    for _ in 0..DOCTOR_PAGES_MAX {
        let page = stripe.list(&ListOf::Prices, after.as_deref()).await?;
        for answer in &page.items {
            findings.extend(price(read(answer)?, policy, &mut sold));
        }
        after = page.next;
        if after.is_none() {
            findings.extend(unused(policy, &sold));
            break;
        }
    }
    Ok(findings)
}

/// What is found about an active price. Those of a product that is archived cannot be bought.
fn price(price: Price, policy: &Policy, sold: &mut BTreeSet<String>) -> Option<Finding> {
    let (product, name, active) = match price.product {
        Product::Id(id) => (id, None, None),
        Product::Object { id, name, active } => (id, name, active),
    };
    sold.extend([price.id.clone(), product.clone()]);
    let item = Item {
        price: Some(price.id.as_str().into()),
        product: Some(product.as_str().into()),
        lookup_key: price.lookup_key.as_deref().map(Into::into),
        ..Item::default()
    };
    if active == Some(false) || policy.plan_for_item(&item).is_some() || policy.is_ignored(&item) {
        return None;
    }
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    let message = format!("{} of {product}{name} has no plan", price.id);
    Some(Finding::problem(Code::PriceUnmapped, message))
}

fn unused(policy: &Policy, sold: &BTreeSet<String>) -> Vec<Finding> {
    let is_id = |key: &&str| key.starts_with("price_") || key.starts_with("prod_");
    let unsold = policy.plan_keys().filter(is_id).filter(|key| !sold.contains(*key));
    let finding = |key: &str| {
        Finding::notice(Code::PlanUnused, format!("plans.{key} names nothing that is sold"))
    };
    unsold.map(finding).collect()
}

async fn deliveries<A: Stripe>(stripe: &A) -> Result<Vec<Finding>, StripeError> {
    let types = catalog::relevant().filter(|kind| !catalog::is_thin(kind)).map(str::to_owned);
    let types: Vec<String> = types.collect();
    let now = system_clock().now();
    let since_secs = Some(now.plus_secs(-DELIVERIES_LOOKED_BACK_SECS).as_secs());
    // Those that were created a moment ago may be on their way.
    let until_secs = Some(now.plus_secs(-DELIVERIES_GIVEN_SECS).as_secs());
    let (mut count, mut has_more) = (0, false);
    for types in types.chunks(STRIPE_EVENT_TYPES_MAX) {
        let types = types.to_vec();
        let list = ListOf::Events { types, since_secs, until_secs, undelivered: true };
        let page = stripe.list(&list, None).await?;
        count += page.items.len();
        has_more |= page.next.is_some();
    }
    let more = if has_more { " or more" } else { "" };
    let message =
        format!("{count}{more} events of the last three days are not delivered after an hour");
    let finding = Finding::notice(Code::DeliveriesFailed, message);
    Ok((count > 0).then_some(finding).into_iter().collect())
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, StripeError> {
    serde_json::from_str(&answer.object)
        .map_err(|error| StripeError::AnswerUnexpected(error.to_string()))
}
