//! What is asked, as a path and a query. Only what is used is expanded.

use std::fmt::Write as _;

use tierlift_core::{
    id::{CustomerId, PaymentId},
    limits::STRIPE_PAGE_OBJECTS_MAX,
    ports::{ListOf, StripeId},
};

/// The version of Stripe's API whose shapes are asked for, sent as `Stripe-Version`.
pub const API_VERSION: &str = "2026-10-28.endive";

/// One GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The endpoint, which has a rate limit of its own: the path without ids.
    pub(crate) endpoint: &'static str,
    /// Path and query.
    pub(crate) target: String,
}

/// What stands behind an endpoint: an id, and what is expanded.
struct Query {
    target: String,
    separator: char,
}

impl Query {
    fn new(path: String) -> Self {
        Self { target: path, separator: '?' }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        // Writing to a string cannot fail.
        let _ = write!(self.target, "{}{name}={}", self.separator, escaped(value));
        self.separator = '&';
        self
    }

    fn with_any(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// The request that retrieves an object.
pub(crate) fn retrieve(id: &StripeId) -> Request {
    let (endpoint, expand): (_, &[&str]) = match id {
        StripeId::Subscription(_) => ("/v1/subscriptions", &[]),
        StripeId::Customer(_) => ("/v1/customers", &[]),
        StripeId::CheckoutSession(_) => {
            ("/v1/checkout/sessions", &["line_items", "subscription", "customer"])
        }
        StripeId::Charge(_) => ("/v1/charges", &[]),
        StripeId::Refund(_) => ("/v1/refunds", &["charge"]),
        StripeId::Dispute(_) => ("/v1/disputes", &["charge"]),
        StripeId::Invoice(_) => ("/v1/invoices", &["payments"]),
        StripeId::InvoicePayment(_) => ("/v1/invoice_payments", &[]),
        StripeId::PaymentIntent(_) => ("/v1/payment_intents", &["latest_charge"]),
        StripeId::Event(_) => ("/v1/events", &[]),
    };
    let query = Query::new(format!("{endpoint}/{}", escaped(id.as_str())));
    let query = expand.iter().fold(query, |query, field| query.with("expand[]", field));
    Request { endpoint, target: query.target }
}

/// The request for a page of a list.
pub(crate) fn list(list: &ListOf, after: Option<&str>) -> Request {
    let endpoint = match list {
        ListOf::Subscriptions { .. } => "/v1/subscriptions",
        ListOf::Customers => "/v1/customers",
        ListOf::CheckoutSessions { .. } => "/v1/checkout/sessions",
        ListOf::Refunds => "/v1/refunds",
        ListOf::Disputes => "/v1/disputes",
        ListOf::Invoices { .. } => "/v1/invoices",
        ListOf::InvoicePayments { .. } => "/v1/invoice_payments",
        ListOf::Events { .. } => "/v1/events",
        ListOf::Prices => "/v1/prices",
        ListOf::WebhookEndpoints => "/v1/webhook_endpoints",
    };
    let page = Query::new(endpoint.to_owned()).with("limit", &STRIPE_PAGE_OBJECTS_MAX.to_string());
    let query = filtered(list, page).with_any("starting_after", after);
    Request { endpoint, target: query.target }
}

fn filtered(list: &ListOf, query: Query) -> Query {
    match list {
        ListOf::Subscriptions { customer } => query
            .with("status", "all")
            .with_any("customer", customer.as_ref().map(CustomerId::as_str)),
        ListOf::CheckoutSessions { customer, payment } => query
            .with("status", "complete")
            .with("expand[]", "data.line_items")
            .with_any("customer", customer.as_ref().map(CustomerId::as_str))
            .with_any("payment_intent", payment.as_ref().map(PaymentId::as_str)),
        ListOf::Invoices { customer } => query
            .with("status", "paid")
            .with("expand[]", "data.payments")
            .with_any("customer", customer.as_ref().map(CustomerId::as_str)),
        ListOf::InvoicePayments { payment } => query
            .with("payment[type]", "payment_intent")
            .with("payment[payment_intent]", payment.as_str()),
        ListOf::Refunds | ListOf::Disputes => query.with("expand[]", "data.charge"),
        ListOf::Events { types, since_secs, until_secs, undelivered } => {
            let query = types.iter().fold(query, |query, kind| query.with("types[]", kind));
            let [since, until] = [since_secs, until_secs].map(|at| at.map(|at| at.to_string()));
            let query = query.with_any("created[gte]", since.as_deref());
            let query = query.with_any("created[lte]", until.as_deref());
            query.with_any("delivery_success", undelivered.then_some("false"))
        }
        ListOf::Prices => query.with("active", "true").with("expand[]", "data.product"),
        ListOf::Customers | ListOf::WebhookEndpoints => query,
    }
}

/// Percent-encodes everything but letters, digits and `-._~` (RFC 3986, section 2.3): the ids of old customers
/// were chosen by their merchants.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte.into());
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_their_paths_and_nothing_unused_is_expanded() {
        for (id, target) in [
            ("sub_1", "/v1/subscriptions/sub_1"),
            ("cus_a/b?c", "/v1/customers/cus_a%2Fb%3Fc"),
            (
                "cs_test_1",
                "/v1/checkout/sessions/cs_test_1?expand%5B%5D=line_items\
                 &expand%5B%5D=subscription&expand%5B%5D=customer",
            ),
            ("re_1", "/v1/refunds/re_1?expand%5B%5D=charge"),
            ("in_1", "/v1/invoices/in_1?expand%5B%5D=payments"),
        ] {
            let target = target.replace("%5B%5D", "[]");
            assert_eq!(retrieve(&StripeId::parse(id).unwrap()).target, target);
        }
    }

    #[test]
    fn a_page_says_where_it_starts() {
        let customer = Some(CustomerId::new("cus_1").unwrap());
        let request = list(&ListOf::Subscriptions { customer }, Some("sub_9"));
        let target = "/v1/subscriptions?limit=100&status=all&customer=cus_1&starting_after=sub_9";
        assert_eq!((request.endpoint, &*request.target), ("/v1/subscriptions", target));
        let payment = Some(PaymentId::new("pi_1").unwrap());
        let target = "/v1/checkout/sessions?limit=100&status=complete&expand[]=data.line_items\
                      &payment_intent=pi_1";
        let request = list(&ListOf::CheckoutSessions { customer: None, payment }, None);
        assert_eq!(request.target, target);
        let events = ListOf::Events {
            types: vec!["invoice.paid".into(), "customer.updated".into()],
            since_secs: Some(1_795_000_000),
            until_secs: Some(1_795_000_060),
            undelivered: true,
        };
        let target = "/v1/events?limit=100&types[]=invoice.paid&types[]=customer.updated\
                      &created[gte]=1795000000&created[lte]=1795000060&delivery_success=false";
        assert_eq!(list(&events, None).target, target);
    }
}
