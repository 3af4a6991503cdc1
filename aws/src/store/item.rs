//! Customers, accounts and ledger rows as items of the table.
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
    id::{CustomerId, EventId, UserId, Version},
    ledger::LedgerEntry,
    ports::StoreError,
    time::Timestamp,
};

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The kind of an item in a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    Ledger,
    Customer,
    Account,
}

impl ItemKind {
    /// The cause where the item is too large. A ledger row consists of a few ids and never is.
    pub(super) const fn too_large_cause(self) -> Option<Code> {
        match self {
            Self::Ledger => None,
            Self::Customer => Some(Code::CustomerTooLarge),
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
/// JSON of the [`ChangeRecord`](tierlift_core::change::ChangeRecord) of a write that changed the role.
const CHANGE: &str = "change";
/// The account's shard of the expiry index.
pub(super) const EXPIRY_SHARD: &str = "expiry_shard";
/// Time at which an access of the account expires next, in seconds since the epoch.
pub(super) const NEXT_EXPIRY_AT: &str = "next_expiry_at";
/// Shards of the expiry index, so that writes are spread over several partitions.
pub(super) const EXPIRY_SHARDS: u8 = 16;

/// Version of the item layout. It increases when an older program would misread an item.
const SHAPE: u64 = 1;
const SHAPE_ATTRIBUTE: &str = "shape";

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

impl Stored for Customer {
    const PREFIX: &'static str = "CUSTOMER#";

    fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl Stored for Account {
    const PREFIX: &'static str = "USER#";

    fn id(&self) -> &str {
        self.user.as_str()
    }
}

impl Stored for LedgerEntry {
    const PREFIX: &'static str = "EVENT#";

    fn id(&self) -> &str {
        self.event.as_str()
    }
}

fn key_of<T: Stored>(id: &str) -> String {
    format!("{}{id}", T::PREFIX)
}

/// The key of a customer.
pub(super) fn customer_key(customer: &CustomerId) -> String {
    key_of::<Customer>(customer.as_str())
}

/// The key of a user's account.
pub(super) fn account_key(user: &UserId) -> String {
    key_of::<Account>(user.as_str())
}

/// The key of an event's ledger row.
pub(super) fn ledger_key(event: &EventId) -> String {
    key_of::<LedgerEntry>(event.as_str())
}

/// The user whose account has a key.
pub(super) fn user_from_key(key: &str) -> Option<UserId> {
    UserId::new(key.strip_prefix(Account::PREFIX)?).ok()
}

/// The item that a commit writes for a customer.
pub(super) fn customer_item(customer: &Customer) -> Result<Item, Error> {
    let mut item = to_item(customer)?;
    item.insert(VERSION.to_owned(), number(customer.version.next().0));
    Ok(item)
}

/// The item that a commit writes for an account at a time. `change` is the JSON of its change record.
pub(super) fn account_item(
    account: &Account,
    change: Option<String>,
    now: Timestamp,
) -> Result<Item, Error> {
    let mut item = to_item(account)?;
    item.insert(VERSION.to_owned(), number(account.version.next().0));
    if let Some(change) = change {
        item.insert(CHANGE.to_owned(), AttributeValue::S(change));
    }
    if let Some(expires_at) = account.next_expiry(now) {
        item.insert(EXPIRY_SHARD.to_owned(), number(expiry_shard(&account.user)));
        item.insert(NEXT_EXPIRY_AT.to_owned(), number(expires_at.as_secs()));
    }
    Ok(item)
}

/// The item of a ledger row.
pub(super) fn ledger_item(entry: &LedgerEntry) -> Result<Item, Error> {
    let mut item = to_item(entry)?;
    item.insert(TTL.to_owned(), number(entry.expires_at.as_secs()));
    Ok(item)
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

/// Parses a customer.
pub(super) fn parse_customer(item: Item, id: &CustomerId) -> Result<Customer, Error> {
    let version = version(&item, &customer_key(id))?;
    Ok(Customer { version, ..parse(item, id.as_str())? })
}

/// Parses an account.
pub(super) fn parse_account(item: Item, user: &UserId) -> Result<Account, Error> {
    let version = version(&item, &account_key(user))?;
    Ok(Account { version, ..parse(item, user.as_str())? })
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

/// The shard of a user, which never changes.
fn expiry_shard(user: &UserId) -> u8 {
    let digest: [u8; 32] = Sha256::digest(user.as_str()).into();
    let [first, ..] = digest;
    first % EXPIRY_SHARDS
}
