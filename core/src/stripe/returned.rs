//! A Checkout Session as Stripe's API answers it to a customer who is back from it: whose it is, whether it is
//! paid, and the objects in the answer that can be observed.
//!
//! What they change is the business of `decide`, like that of every observation.

use std::{borrow::Cow, collections::BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    error::Error,
    json::{Expandable, from_slice},
    metadata::{Metadata, user},
};
use crate::id::{CustomerId, UserId};

/// An answered Checkout Session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned<'a> {
    /// The users whom the session, its subscription or its customer names.
    pub users: BTreeSet<UserId>,
    /// The customer, unless a guest paid.
    pub customer: Option<CustomerId>,
    /// Whether it is complete and paid for, or nothing had to be paid.
    pub is_paid: bool,
    /// The objects that the answer shows: the session, and its subscription and customer where they are expanded.
    pub objects: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Session<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payment_status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    client_reference_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    customer: Option<&'a RawValue>,
    #[serde(borrow, default)]
    customer_account: Option<&'a RawValue>,
    #[serde(borrow, default)]
    subscription: Option<&'a RawValue>,
}

/// An expanded object, as far as it names a user.
#[derive(Deserialize)]
struct Naming<'a> {
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
}

impl<'a> Returned<'a> {
    /// Reads an answer. `user_id_keys` are the metadata keys under which the host names its users.
    pub fn read(answer: &'a str, user_id_keys: &[String]) -> Result<Self, Error> {
        let session: Session<'a> = from_slice(answer.as_bytes())?;
        let expanded = [session.subscription, session.customer];
        let expanded: Vec<&'a str> = expanded.into_iter().flatten().filter_map(object).collect();
        let of_session =
            [user(session.client_reference_id.as_deref()), session.metadata.user(user_id_keys)];
        let of_others = expanded.iter().map(|object| {
            let Naming { metadata } = from_slice(object.as_bytes())?;
            metadata.user(user_id_keys)
        });
        // A name that is unusable is nobody's.
        let named = of_session.into_iter().chain(of_others);
        let users = named.filter_map(|user| user.ok().flatten()).collect();
        let customer = session.customer.or(session.customer_account).and_then(customer);
        let is_complete = session.status.as_deref() == Some("complete");
        let is_paid = is_complete && session.payment_status.as_deref() != Some("unpaid");
        let objects = std::iter::once(answer).chain(expanded).collect();
        Ok(Self { users, customer, is_paid, objects })
    }
}

/// The text of a field that is expanded.
fn object(field: &RawValue) -> Option<&str> {
    Some(field.get()).filter(|text| text.starts_with('{'))
}

fn customer(field: &RawValue) -> Option<CustomerId> {
    let field: Expandable<'_> = serde_json::from_str(field.get()).ok()?;
    CustomerId::new(field.id()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn keys() -> Vec<String> {
        vec!["user_id".to_owned(), "userId".to_owned()]
    }

    fn session(changes: &Value) -> String {
        let mut session = json!({ "id": "cs_1", "object": "checkout.session", "status": "complete",
            "payment_status": "paid", "customer": "cus_1", "subscription": "sub_1" });
        session.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        session.to_string()
    }

    #[test]
    fn a_session_names_users_itself_and_by_what_it_expands() {
        let text = session(&json!({
            "client_reference_id": "ada", "metadata": { "userId": "bob" },
            "subscription": { "id": "sub_1", "object": "subscription", "metadata": { "user_id": "eve" } },
            "customer": { "id": "cus_1", "object": "customer", "metadata": { "user_id": "zoe" } },
        }));
        let returned = Returned::read(&text, &keys()).unwrap();
        let users: Vec<_> = returned.users.iter().map(UserId::as_str).collect();
        assert_eq!(users, ["ada", "bob", "eve", "zoe"]);
        assert_eq!(returned.customer, CustomerId::new("cus_1").ok());
        let [whole, subscription, customer] = returned.objects[..] else { panic!() };
        assert_eq!(whole, text);
        assert!(subscription.contains("sub_1") && customer.contains("cus_1"));
    }

    #[test]
    fn what_is_not_expanded_or_unusable_names_nobody() {
        for changes in [
            json!({}),
            json!({ "client_reference_id": "" }),
            json!({ "client_reference_id": "a\u{7}b", "metadata": { "user_id": 7 } }),
        ] {
            let text = session(&changes);
            let returned = Returned::read(&text, &keys()).unwrap();
            assert_eq!(returned.users, BTreeSet::new(), "{changes}");
            assert_eq!(returned.objects, [text.as_str()], "{changes}");
        }
    }

    #[test]
    fn only_a_complete_session_that_is_not_unpaid_is_paid() {
        for (status, payment, is_paid) in [
            ("complete", "paid", true),
            ("complete", "no_payment_required", true),
            ("complete", "unpaid", false),
            ("open", "unpaid", false),
            ("expired", "unpaid", false),
            ("open", "paid", false),
        ] {
            let text = session(&json!({ "status": status, "payment_status": payment }));
            let returned = Returned::read(&text, &keys()).unwrap();
            assert_eq!(returned.is_paid, is_paid, "{status}, {payment}");
        }
    }

    #[test]
    fn a_customer_is_a_customer_or_an_account_and_a_guest_has_none() {
        for (changes, customer) in [
            (json!({ "customer": null, "customer_account": "acct_1" }), Some("acct_1")),
            (json!({ "customer": { "id": "cus_2" } }), Some("cus_2")),
            (json!({ "customer": null }), None),
        ] {
            let text = session(&changes);
            let returned = Returned::read(&text, &keys()).unwrap();
            assert_eq!(returned.customer, customer.map(|id| CustomerId::new(id).unwrap()));
        }
        assert!(Returned::read("[]", &keys()).is_err());
    }
}
