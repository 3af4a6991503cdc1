//! A thin event: it names the object that changed, and does not contain it
//! (<https://docs.stripe.com/api/v2/core/events>). What has become of the object, Stripe's API says.

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    error::Error,
    json::{Expandable, from_slice, optional_object},
};
use crate::{id::EventId, ports::StripeId};

/// What the object of an event can be, and how its id begins.
const OBJECTS: &[(&str, &[&str])] = &[
    ("subscription", &["sub"]),
    ("customer", &["cus"]),
    ("checkout.session", &["cs"]),
    ("invoice", &["in"]),
    ("invoice_payment", &["inpay"]),
    ("charge", &["ch", "py"]),
    ("refund", &["re", "pyr"]),
    ("dispute", &["dp", "du"]),
];

/// A thin event, as far as tierlift uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThinEvent {
    /// The second in which the object changed, in seconds since the epoch.
    pub created_secs: i64,
    /// Whether it is from live mode.
    pub livemode: bool,
    /// The object, if it is one that can be retrieved and bears on access.
    pub object: Option<StripeId>,
    /// The snapshot event of the same change, if there is one.
    pub twin: Option<EventId>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    created: Created<'a>,
    #[serde(default)]
    livemode: bool,
    #[serde(borrow, default, deserialize_with = "optional_object")]
    related_object: Option<Related<'a>>,
    #[serde(borrow, default)]
    snapshot_event: Expandable<'a>,
}

/// A date-time, or seconds as in a snapshot.
#[derive(Deserialize)]
#[serde(untagged)]
enum Created<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Secs(i64),
}

#[derive(Deserialize)]
struct Related<'a> {
    #[serde(borrow, default)]
    id: Expandable<'a>,
    #[serde(borrow, rename = "type", default)]
    kind: Expandable<'a>,
}

impl ThinEvent {
    /// Parses the body of a queued message.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let Body { created, livemode, related_object, snapshot_event } = from_slice(body)?;
        let created_secs = match created {
            Created::Secs(secs) => secs,
            Created::Text(text) => text
                .parse::<jiff::Timestamp>()
                .map_err(|_| Error::Malformed("created: not a date-time".to_owned()))?
                .as_second(),
        };
        let object = related_object.and_then(|related| related.object());
        let twin = snapshot_event.id().and_then(|id| EventId::new(id).ok());
        Ok(Self { created_secs, livemode, object, twin })
    }
}

impl Related<'_> {
    /// Its id, if that is of what it says to be.
    fn object(&self) -> Option<StripeId> {
        let (id, kind) = (self.id.id()?, self.kind.id()?);
        let (prefix, _) = id.split_once('_')?;
        let (_, prefixes) = OBJECTS.iter().find(|(known, _)| *known == kind)?;
        prefixes.contains(&prefix).then(|| StripeId::parse(id)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(changes: &Value) -> Result<ThinEvent, Error> {
        let mut event = json!({ "id": "evt_1", "object": "v2.core.event", "livemode": true,
            "type": "v1.customer.subscription.updated", "created": "2026-11-18T10:26:40.750Z",
            "related_object": { "id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1" },
            "changes": null, "context": null, "snapshot_event": "evt_2" });
        event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        ThinEvent::parse(event.to_string().as_bytes())
    }

    #[test]
    fn a_thin_event_names_its_second_its_object_and_its_twin() {
        let expected = ThinEvent {
            created_secs: 1_794_997_600,
            livemode: true,
            object: StripeId::parse("sub_1"),
            twin: EventId::new("evt_2").ok(),
        };
        assert_eq!(parsed(&json!({})), Ok(expected.clone()));
        let seconds = json!({ "created": 1_794_997_600, "snapshot_event": null });
        assert_eq!(parsed(&seconds), Ok(ThinEvent { twin: None, ..expected }));
        for created in [json!("yesterday"), json!(null), json!({})] {
            assert!(parsed(&json!({ "created": created })).is_err(), "{created}");
        }
    }

    #[test]
    fn an_object_is_named_by_its_type_and_an_id_of_it() {
        for (kind, id, is_known) in [
            ("customer", "cus_1", true),
            ("checkout.session", "cs_test_1", true),
            ("invoice", "in_1", true),
            ("invoice_payment", "inpay_1", true),
            ("charge", "ch_1", true),
            ("charge", "py_1", true),
            ("refund", "re_1", true),
            ("dispute", "dp_1", true),
            ("subscription", "cus_1", false),
            ("entitlements.active_entitlement_summary", "cus_1", false),
            ("billing.meter", "mtr_1", false),
        ] {
            let related = json!({ "related_object": { "id": id, "type": kind } });
            let object = parsed(&related).unwrap().object;
            assert_eq!(object.is_some(), is_known, "{kind} {id}");
        }
        for related in
            [json!(null), json!({}), json!({ "id": "sub_1" }), json!({ "id": 7, "type": "refund" })]
        {
            assert_eq!(parsed(&json!({ "related_object": related })).unwrap().object, None);
        }
    }
}
