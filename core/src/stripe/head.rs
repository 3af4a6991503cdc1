//! What ingest reads of a webhook: only what the queue needs, so that a signed but malformed event is
//! accepted and later parked with its cause.

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    catalog,
    error::Error,
    json::{Expandable, from_slice, object},
    kind::Type,
};
use crate::id::{CustomerId, EventId};

/// The head of a webhook.
#[derive(Debug, PartialEq, Eq)]
pub enum Head {
    /// A type that tierlift acts on.
    Wanted {
        /// The event's id, which deduplicates it in the queue.
        id: EventId,
        /// The event's type.
        kind: Type,
        /// The event's customer, which orders it in the queue; `None` if the body names none readably.
        customer: Option<CustomerId>,
    },
    /// It cannot bear on access here.
    Ignored {
        /// The reason in one word, for the answer, the logs and the metrics.
        reason: &'static str,
    },
}

/// The event is of a connected account, whose owner chooses prices, keys and metadata.
pub const CONNECTED_ACCOUNT: &str = "connected_account";
/// The Checkout Session only saves a payment method.
pub const CHECKOUT_MODE: &str = "checkout_mode";
/// The type is in no version of Stripe's API that this program knows.
pub const UNKNOWN: &str = "unknown";

/// `object` of a thin event.
const THIN: &str = "v2.core.event";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    object: Expandable<'a>,
    /// The connected account that the event is about.
    #[serde(borrow, default)]
    account: Expandable<'a>,
    /// Its name before 2017-05-25
    /// (<https://docs.stripe.com/changelog/2017-05-25/events-connect-specify-originating-account>).
    #[serde(borrow, default)]
    user_id: Expandable<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    data: EnvelopeData<'a>,
}

/// The same of a body whose `data` has an unexpected shape: with an id and a type it is still an event.
#[derive(Deserialize)]
struct Bare<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    object: Expandable<'a>,
    #[serde(borrow, default)]
    account: Expandable<'a>,
    #[serde(borrow, default)]
    user_id: Expandable<'a>,
}

#[derive(Default, Deserialize)]
struct EnvelopeData<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    object: ObjectIds<'a>,
}

/// What the queue needs of `data.object`, whatever shape it has.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct ObjectIds<'a> {
    #[serde(borrow, default)]
    pub(super) id: Expandable<'a>,
    #[serde(borrow, default)]
    customer: Expandable<'a>,
    #[serde(borrow, default)]
    customer_account: Expandable<'a>,
    #[serde(borrow, default)]
    mode: Expandable<'a>,
}

impl<'a> ObjectIds<'a> {
    /// The customer, or the Account that stands for one (Accounts v2).
    pub(super) const fn customer(&self) -> &Expandable<'a> {
        match &self.customer {
            Expandable::Null => &self.customer_account,
            Expandable::Id(_) | Expandable::Unexpected => &self.customer,
        }
    }
}

impl Head {
    /// Parses the head of a body. Fails if it is not a JSON object with an `id` and a `type`.
    ///
    /// Events of connected accounts are ignored, except those of the accounts that are listed.
    pub fn parse(body: &[u8], connected_accounts: &[String]) -> Result<Self, Error> {
        let envelope = match from_slice::<Envelope<'_>>(body) {
            Ok(envelope) => envelope,
            Err(error) => match from_slice::<Bare<'_>>(body) {
                Ok(Bare { id, kind, object, account, user_id }) => {
                    Envelope { id, kind, object, account, user_id, data: EnvelopeData::default() }
                }
                Err(_) => return Err(error.into()),
            },
        };
        Self::new(&envelope, connected_accounts)
    }

    fn new(envelope: &Envelope<'_>, connected_accounts: &[String]) -> Result<Self, Error> {
        let id =
            EventId::new(&envelope.id).map_err(|error| Error::Malformed(format!("id: {error}")))?;
        let is_thin = envelope.object.id() == Some(THIN) || catalog::is_thin(&envelope.kind);
        let kind = if is_thin { thin(&envelope.kind) } else { snapshot(&envelope.kind) };
        let kind = match kind {
            Ok(kind) => kind,
            Err(reason) => return Ok(Self::Ignored { reason }),
        };
        let is_ours = |account: &Expandable<'_>| match account {
            Expandable::Null => true,
            Expandable::Id(id) => connected_accounts.iter().any(|listed| listed == id),
            Expandable::Unexpected => false,
        };
        if !is_ours(&envelope.account) || !is_ours(&envelope.user_id) {
            return Ok(Self::Ignored { reason: CONNECTED_ACCOUNT });
        }
        let object = &envelope.data.object;
        let is_checkout = matches!(
            kind,
            Type::CheckoutCompleted | Type::CheckoutAsyncSucceeded | Type::CheckoutAsyncFailed
        );
        if is_checkout && object.mode.id() == Some("setup") {
            return Ok(Self::Ignored { reason: CHECKOUT_MODE });
        }
        let is_customer =
            matches!(kind, Type::CustomerCreated | Type::CustomerUpdated | Type::CustomerDeleted);
        let customer = if is_customer { &object.id } else { object.customer() };
        let customer = customer.id().and_then(|id| CustomerId::new(id).ok());
        Ok(Self::Wanted { id, kind, customer })
    }
}

fn snapshot(kind: &str) -> Result<Type, &'static str> {
    match Type::parse(kind) {
        // Neither is a type of a snapshot: a webhook that claims it is like one of an unknown type.
        Some(kind) if !matches!(kind, Type::Thin | Type::Observation) => Ok(kind),
        _ => Err(catalog::reason(kind).unwrap_or(UNKNOWN)),
    }
}

/// A thin event is wanted if its own type is relevant or has a relevant twin.
fn thin(kind: &str) -> Result<Type, &'static str> {
    if catalog::is_relevant(kind) || catalog::thin_twin(kind).is_some() {
        return Ok(Type::Thin);
    }
    let twin = kind.strip_prefix("v1.").unwrap_or(kind);
    Err(catalog::reason(kind).or_else(|| catalog::reason(twin)).unwrap_or(UNKNOWN))
}
