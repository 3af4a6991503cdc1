//! Customers, payments, invoices, accounts and ledger rows as items of the table.
//!
//! Their fields are top-level attributes, so that an operator can read them in the console. The other
//! attributes are the key, the shape, the version, and those that the indexes and the stream use. An
//! item that this version does not understand is an error: no part of it is used.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tierlift_core::{
    account::Account,
    codes::Code,
    customer::Customer,
    id::{CustomerId, EventId, InvoiceId, PaymentId, UserId, Version},
    invoice::Invoice,
    ledger::LedgerEntry,
    limits::PAYMENT_KEPT_DAYS,
    payment::Payment,
    ports::StoreError,
    time::Timestamp,
};

use super::listed_as::Listed;

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The kind of an item in a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    Ledger,
    Customer,
    Payment,
    Invoice,
    Account,
}

impl ItemKind {
    /// The cause where the item is too large. A ledger row consists of a few ids and never is.
    pub(super) const fn too_large_cause(self) -> Option<Code> {
        match self {
            Self::Ledger => None,
            Self::Customer => Some(Code::CustomerTooLarge),
            Self::Payment | Self::Invoice => Some(Code::PaymentTooLarge),
            Self::Account => Some(Code::AccountTooLarge),
        }
    }
}

/// The partition key.
pub(crate) const PK: &str = "pk";
/// Time after which DynamoDB may delete an item, in seconds since the epoch.
pub(crate) const TTL: &str = "ttl";
/// Number of writes of an aggregate.
pub(super) const VERSION: &str = "version";
/// JSON of the [`ChangeRecord`](tierlift_core::change::ChangeRecord) of a write with a change that is
/// pushed.
const CHANGE: &str = "change";
/// The account's shard of the expiry index.
pub(super) const EXPIRY_SHARD: &str = "expiry_shard";
/// Time at which an access of the account expires next, in seconds since the epoch.
pub(super) const NEXT_EXPIRY_AT: &str = "next_expiry_at";
/// The shard of the waiting index of a customer or payment.
pub(super) const WAITING_SHARD: &str = "waiting_shard";
/// Time since which a customer or payment waits, in microseconds since the epoch: the field itself.
pub(super) const WAITING_SINCE: &str = "waiting_since";
/// The customer's shard of the fetch index.
pub(super) const FETCH_SHARD: &str = "fetch_shard";
/// Time before which Stripe is not asked about the customer, in microseconds since the epoch.
pub(super) const FETCH_NOT_BEFORE: &str = "fetch_not_before";
/// Shards of each index, so that writes are spread over several partitions.
pub(super) const SHARDS: u8 = 16;

/// The key of the item that says which policy everything is under.
pub(super) const POLICY_KEY: &str = "POLICY";
/// The key of the item that says how far the latest reconciliation has come.
pub(super) const RECONCILIATION_KEY: &str = "RECONCILIATION";

/// Version of the item layout. It increases when an older program would misread an item.
pub(super) const SHAPE: u64 = 1;
pub(super) const SHAPE_ATTRIBUTE: &str = "shape";

/// Why an item cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A later version of tierlift wrote it.
    #[error("{key} has shape {found}, but this version of tierlift reads only shape {SHAPE}")]
    LaterShape {
        /// The item's key.
        key: String,
        /// Its shape.
        found: u64,
    },
    /// An attribute that tierlift always writes is missing or wrong.
    #[error("{key} was not written by tierlift: its {attribute} is missing or wrong")]
    Unrecognized {
        /// The item's key.
        key: String,
        /// The attribute.
        attribute: &'static str,
    },
    /// Its fields are not those of the type.
    #[error("{key} cannot be read: {error}")]
    Malformed {
        /// The item's key.
        key: String,
        /// The error of the deserializer.
        #[source]
        error: serde_dynamo::Error,
    },
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// A type that is stored as an item, under a key of prefix and id.
pub(super) trait Stored: Serialize + DeserializeOwned {
    const PREFIX: &'static str;

    fn id(&self) -> &str;
}

/// A type whose items have a version.
pub(super) trait Aggregate: Stored {
    fn set_version(&mut self, version: Version);
}

macro_rules! stored {
    ($type:ty, $prefix:literal, $id:ident) => {
        impl Stored for $type {
            const PREFIX: &'static str = $prefix;

            fn id(&self) -> &str {
                self.$id.as_str()
            }
        }
    };
}

macro_rules! aggregates {
    ($($type:ty, $prefix:literal, $id:ident;)*) => {
        $(
            stored!($type, $prefix, $id);

            impl Aggregate for $type {
                fn set_version(&mut self, version: Version) {
                    self.version = version;
                }
            }
        )*
    };
}

aggregates! {
    Customer, "CUSTOMER#", id;
    Payment, "PAYMENT#", id;
    Invoice, "INVOICE#", id;
    Account, "USER#", user;
}

stored!(LedgerEntry, "EVENT#", event);

fn key_of<T: Stored>(id: &str) -> String {
    format!("{}{id}", T::PREFIX)
}

/// The key of a customer.
pub(super) fn customer_key(customer: &CustomerId) -> String {
    key_of::<Customer>(customer.as_str())
}

/// The key of a payment.
pub(super) fn payment_key(payment: &PaymentId) -> String {
    key_of::<Payment>(payment.as_str())
}

/// The key of an invoice.
pub(super) fn invoice_key(invoice: &InvoiceId) -> String {
    key_of::<Invoice>(invoice.as_str())
}

/// The key of a user's account.
pub(super) fn account_key(user: &UserId) -> String {
    key_of::<Account>(user.as_str())
}

/// The key of an event's ledger row.
pub(crate) fn ledger_key(event: &EventId) -> String {
    key_of::<LedgerEntry>(event.as_str())
}

/// The user whose account has a key.
pub(super) fn user_from_key(key: &str) -> Option<UserId> {
    UserId::new(key.strip_prefix(Account::PREFIX)?).ok()
}

/// The customer that has a key.
pub(super) fn customer_from_key(key: &str) -> Option<CustomerId> {
    CustomerId::new(key.strip_prefix(Customer::PREFIX)?).ok()
}

/// The id of the customer or payment that has a key, and what it waits for.
pub(super) fn waiting_from_key(key: &str) -> Option<(&str, Code)> {
    let customer = key.strip_prefix(Customer::PREFIX).map(|id| (id, Code::OwnerUnknown));
    customer.or_else(|| Some((key.strip_prefix(Payment::PREFIX)?, Code::PaymentUnlinked)))
}

/// The item that a commit writes for a customer.
pub(super) fn customer_item(customer: &Customer) -> Result<Item, Error> {
    let mut item = versioned_item(customer, customer.version)?;
    let shard = shard(customer.id.as_str());
    insert_waiting_shard(&mut item, shard);
    if let Some(due) = customer.fetch_due {
        item.insert(FETCH_SHARD.to_owned(), number(shard));
        item.insert(FETCH_NOT_BEFORE.to_owned(), number(due.not_before.as_micros()));
    }
    Ok(item)
}

/// The item that a commit writes for a payment at a time.
pub(super) fn payment_item(payment: &Payment, now: Timestamp) -> Result<Item, Error> {
    let mut item = versioned_item(payment, payment.version)?;
    insert_waiting_shard(&mut item, SHARDS + shard(payment.id.as_str()));
    item.insert(TTL.to_owned(), number(now.plus_days(PAYMENT_KEPT_DAYS).as_secs()));
    Ok(item)
}

/// The item that a commit writes for an invoice at a time.
pub(super) fn invoice_item(invoice: &Invoice, now: Timestamp) -> Result<Item, Error> {
    let mut item = versioned_item(invoice, invoice.version)?;
    item.insert(TTL.to_owned(), number(now.plus_days(PAYMENT_KEPT_DAYS).as_secs()));
    Ok(item)
}

/// The item that a commit writes for an account. `change` is the JSON of its change record.
pub(super) fn account_item(account: &Account, change: Option<String>) -> Result<Item, Error> {
    let mut item = versioned_item(account, account.version)?;
    if let Some(change) = change {
        item.insert(CHANGE.to_owned(), AttributeValue::S(change));
    }
    if let Some(expires_at) = account.next_expiry_at {
        item.insert(EXPIRY_SHARD.to_owned(), number(shard(account.user.as_str())));
        item.insert(NEXT_EXPIRY_AT.to_owned(), number(expires_at.as_secs()));
    }
    Ok(item)
}

/// Has DynamoDB delete an item from a time on.
pub(super) fn insert_expiry(item: &mut Item, at: Option<Timestamp>) {
    if let Some(at) = at {
        item.insert(TTL.to_owned(), number(at.as_secs()));
    }
}

/// The item of a ledger row. One that somebody wrote by hand is in the index of what operators list.
pub(super) fn ledger_item(entry: &LedgerEntry) -> Result<Item, Error> {
    let mut item = to_item(entry)?;
    if entry.act.is_some() {
        Listed::Act.insert(&mut item, entry.processed_at);
    }
    item.insert(TTL.to_owned(), number(entry.expires_at.as_secs()));
    Ok(item)
}

/// The item of a record of which there is one, under its key.
pub(super) fn record_item<T: Serialize>(key: &str, record: &T) -> Result<Item, Error> {
    let key = key.to_owned();
    match serde_dynamo::to_item(record) {
        Ok(fields) => Ok(new_item(key, fields)),
        Err(error) => Err(Error::Malformed { key, error }),
    }
}

/// The item of an aggregate of that version: it gets the next one.
fn versioned_item<T: Aggregate>(value: &T, version: Version) -> Result<Item, Error> {
    let mut item = to_item(value)?;
    item.insert(VERSION.to_owned(), number(version.next().0));
    Ok(item)
}

/// Puts what waits into the waiting index: customers into its first shards, and payments into as many
/// more.
fn insert_waiting_shard(item: &mut Item, shard: u8) {
    if item.contains_key(WAITING_SINCE) {
        item.insert(WAITING_SHARD.to_owned(), number(shard));
    }
}

fn to_item<T: Stored>(value: &T) -> Result<Item, Error> {
    let key = key_of::<T>(value.id());
    let fields = serde_dynamo::to_item(value)
        .map_err(|error| Error::Malformed { key: key.clone(), error })?;
    Ok(new_item(key, fields))
}

/// An item with these attributes under a key, in the current shape.
pub(crate) fn new_item(key: String, mut attributes: Item) -> Item {
    attributes.insert(PK.to_owned(), AttributeValue::S(key));
    attributes.insert(SHAPE_ATTRIBUTE.to_owned(), number(SHAPE));
    attributes
}

/// Parses an aggregate.
pub(super) fn parse_aggregate<T: Aggregate>(item: Item, id: &str) -> Result<T, Error> {
    let version = version(&item, &key_of::<T>(id))?;
    let mut value: T = parse(item, id)?;
    value.set_version(version);
    Ok(value)
}

/// Parses an aggregate that was found by its kind.
pub(super) fn parse_found<T: Aggregate>(item: Item) -> Result<T, Error> {
    let key = text(&item, PK).unwrap_or_default();
    let unrecognized = || Error::Unrecognized { key: key.to_owned(), attribute: PK };
    let id = key.strip_prefix(T::PREFIX).ok_or_else(unrecognized)?.to_owned();
    parse_aggregate(item, &id)
}

/// Parses a record of which there is one.
pub(super) fn parse_record<T: DeserializeOwned>(item: Item, key: &str) -> Result<T, Error> {
    check_item(&item, key)?;
    serde_dynamo::from_item(item).map_err(|error| Error::Malformed { key: key.to_owned(), error })
}

#[cfg(feature = "operations")]
/// What the keys of all ledger rows begin with.
pub(super) fn ledger_prefix() -> String {
    LedgerEntry::PREFIX.to_owned()
}

#[cfg(feature = "operations")]
/// Parses a ledger row that was found in the table.
pub(crate) fn parse_found_ledger(item: Item) -> Result<LedgerEntry, Error> {
    let key = text(&item, PK).unwrap_or_default();
    let id = key.strip_prefix(LedgerEntry::PREFIX).unwrap_or_default().to_owned();
    parse(item, &id)
}

/// Parses a ledger row.
pub(super) fn parse_ledger(item: Item, event: &EventId) -> Result<LedgerEntry, Error> {
    parse(item, event.as_str())
}

fn parse<T: Stored>(item: Item, id: &str) -> Result<T, Error> {
    let key = key_of::<T>(id);
    check_item(&item, &key)?;
    match serde_dynamo::from_item::<_, T>(item) {
        Ok(value) if value.id() == id => Ok(value),
        Ok(_) => Err(Error::Unrecognized { key, attribute: "id" }),
        Err(error) => Err(Error::Malformed { key, error }),
    }
}

/// Checks that an item has that key and a known shape.
pub(crate) fn check_item(item: &Item, key: &str) -> Result<(), Error> {
    let unrecognized = |attribute| Error::Unrecognized { key: key.to_owned(), attribute };
    if text(item, PK) != Some(key) {
        return Err(unrecognized(PK));
    }
    match integer(item, SHAPE_ATTRIBUTE) {
        Some(SHAPE) => Ok(()),
        Some(found @ SHAPE..) => Err(Error::LaterShape { key: key.to_owned(), found }),
        Some(..SHAPE) | None => Err(unrecognized(SHAPE_ATTRIBUTE)),
    }
}

fn version(item: &Item, key: &str) -> Result<Version, Error> {
    check_item(item, key)?;
    match integer(item, VERSION) {
        Some(version @ 1..) => Ok(Version(version)),
        Some(0) | None => Err(Error::Unrecognized { key: key.to_owned(), attribute: VERSION }),
    }
}

/// The text of an attribute.
pub(crate) fn text<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    Some(item.get(attribute)?.as_s().ok()?.as_str())
}

/// The number of an attribute; `None` where it is not an integer of that type.
pub(crate) fn integer<T: std::str::FromStr>(item: &Item, attribute: &str) -> Option<T> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

/// A DynamoDB number.
pub(crate) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// The shard of a user, customer or payment, which never changes.
fn shard(id: &str) -> u8 {
    let digest: [u8; 32] = Sha256::digest(id).into();
    let [first, ..] = digest;
    first % SHARDS
}
