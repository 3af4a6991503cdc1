//! Customers, accounts and ledger entries as items of the one table.
//!
//! Their fields are top-level attributes, so that an operator can read them in the console. Beside
//! them stand our own: the key, the shape, the version, and what the indexes and the stream go by.
//! An item that this program does not understand is refused; nothing is guessed of it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tierlift_core::{
    account::Account,
    customer::Customer,
    id::{CustomerId, EventId, UserId, Version},
    ledger::LedgerEntry,
    ports::StoreError,
    time::Timestamp,
};

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table's key.
pub(crate) const PK: &str = "pk";
/// When DynamoDB may forget an item, in seconds since the epoch.
pub(crate) const TTL: &str = "ttl";
/// How often an aggregate was written.
pub(super) const VERSION: &str = "version";
/// What the notifier is told of, in the stream: JSON, where the write changed the role.
const CHANGE: &str = "change";
/// Which part of the index of ends an account stands in.
pub(super) const EXPIRY_SHARD: &str = "expiry_shard";
/// When an access of the account ends next, in seconds since the epoch.
pub(super) const NEXT_EXPIRY_AT: &str = "next_expiry_at";
/// Parts of the index of ends, so that no part of it is written by everybody.
pub(super) const EXPIRY_SHARDS: u8 = 16;

/// How items are laid out. It goes up when an older program would misread them.
const SHAPE: u64 = 1;
const SHAPE_ATTRIBUTE: &str = "shape";

/// Why an item is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A later version of tierlift wrote it.
    #[error("{key} has shape {found}, and this version of tierlift knows shape {SHAPE} alone")]
    Later {
        /// The item's key.
        key: String,
        /// Its shape.
        found: u64,
    },
    /// Something that tierlift always writes is not there, or is something else.
    #[error("{key} was not written by tierlift: its {attribute} is missing or wrong")]
    Foreign {
        /// The item's key.
        key: String,
        /// What it should have.
        attribute: &'static str,
    },
    /// Its fields are not those of its kind.
    #[error("{key} cannot be read: {error}")]
    Malformed {
        /// The item's key.
        key: String,
        /// What is wrong.
        #[source]
        error: serde_dynamo::Error,
    },
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// What is kept as an item: by this prefix and its id.
pub(super) trait Kind: Serialize + DeserializeOwned {
    const PREFIX: &'static str;

    fn id(&self) -> &str;
}

impl Kind for Customer {
    const PREFIX: &'static str = "CUSTOMER#";

    fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl Kind for Account {
    const PREFIX: &'static str = "USER#";

    fn id(&self) -> &str {
        self.user.as_str()
    }
}

impl Kind for LedgerEntry {
    const PREFIX: &'static str = "EVENT#";

    fn id(&self) -> &str {
        self.event.as_str()
    }
}

fn key_of<T: Kind>(id: &str) -> String {
    format!("{}{id}", T::PREFIX)
}

/// Under which key a customer is.
pub(super) fn customer_key(customer: &CustomerId) -> String {
    key_of::<Customer>(customer.as_str())
}

/// Under which key a user's account is.
pub(super) fn account_key(user: &UserId) -> String {
    key_of::<Account>(user.as_str())
}

/// Under which key an event's ledger row is.
pub(super) fn ledger_key(event: &EventId) -> String {
    key_of::<LedgerEntry>(event.as_str())
}

/// Whose account is under a key.
pub(super) fn user_of(key: &str) -> Option<UserId> {
    UserId::new(key.strip_prefix(Account::PREFIX)?).ok()
}

/// A customer as the item that a commit writes.
pub(super) fn of_customer(customer: &Customer) -> Result<Item, Error> {
    let mut item = of(customer)?;
    item.insert(VERSION.to_owned(), number(customer.version.next().0));
    Ok(item)
}

/// An account as the item that a commit writes at that time, with what it tells.
pub(super) fn of_account(
    account: &Account,
    change: Option<String>,
    now: Timestamp,
) -> Result<Item, Error> {
    let mut item = of(account)?;
    item.insert(VERSION.to_owned(), number(account.version.next().0));
    if let Some(change) = change {
        item.insert(CHANGE.to_owned(), AttributeValue::S(change));
    }
    if let Some(ends) = account.next_expiry(now) {
        item.insert(EXPIRY_SHARD.to_owned(), number(expiry_shard(&account.user)));
        item.insert(NEXT_EXPIRY_AT.to_owned(), number(ends.as_secs()));
    }
    Ok(item)
}

/// A ledger row as an item.
pub(super) fn of_ledger(entry: &LedgerEntry) -> Result<Item, Error> {
    let mut item = of(entry)?;
    item.insert(TTL.to_owned(), number(entry.expires_at.as_secs()));
    Ok(item)
}

fn of<T: Kind>(value: &T) -> Result<Item, Error> {
    let key = key_of::<T>(value.id());
    let fields = serde_dynamo::to_item(value)
        .map_err(|error| Error::Malformed { key: key.clone(), error })?;
    Ok(framed(key, fields))
}

/// Attributes as an item of the shape that is written now.
pub(crate) fn framed(key: String, mut attributes: Item) -> Item {
    attributes.insert(PK.to_owned(), AttributeValue::S(key));
    attributes.insert(SHAPE_ATTRIBUTE.to_owned(), number(SHAPE));
    attributes
}

/// The customer in an item.
pub(super) fn to_customer(item: Item, id: &CustomerId) -> Result<Customer, Error> {
    let version = version(&item, &customer_key(id))?;
    Ok(Customer { version, ..to(item, id.as_str())? })
}

/// The account in an item.
pub(super) fn to_account(item: Item, user: &UserId) -> Result<Account, Error> {
    let version = version(&item, &account_key(user))?;
    Ok(Account { version, ..to(item, user.as_str())? })
}

/// The ledger row in an item.
pub(super) fn to_ledger(item: Item, event: &EventId) -> Result<LedgerEntry, Error> {
    to(item, event.as_str())
}

fn to<T: Kind>(item: Item, id: &str) -> Result<T, Error> {
    let key = key_of::<T>(id);
    check(&item, &key)?;
    match serde_dynamo::from_item::<_, T>(item) {
        Ok(value) if value.id() == id => Ok(value),
        Ok(_) => Err(Error::Foreign { key, attribute: "id" }),
        Err(error) => Err(Error::Malformed { key, error }),
    }
}

/// Whether it is an item of that key, and of a shape that is understood.
pub(crate) fn check(item: &Item, key: &str) -> Result<(), Error> {
    let foreign = |attribute| Error::Foreign { key: key.to_owned(), attribute };
    if text(item, PK) != Some(key) {
        return Err(foreign(PK));
    }
    match integer(item, SHAPE_ATTRIBUTE) {
        Some(SHAPE) => Ok(()),
        Some(found @ SHAPE..) => Err(Error::Later { key: key.to_owned(), found }),
        Some(..SHAPE) | None => Err(foreign(SHAPE_ATTRIBUTE)),
    }
}

fn version(item: &Item, key: &str) -> Result<Version, Error> {
    check(item, key)?;
    match integer(item, VERSION) {
        Some(version @ 1..) => Ok(Version(version)),
        Some(0) | None => Err(Error::Foreign { key: key.to_owned(), attribute: VERSION }),
    }
}

/// An attribute's text.
pub(crate) fn text<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    Some(item.get(attribute)?.as_s().ok()?.as_str())
}

/// An attribute's number, where it is such an integer.
pub(crate) fn integer<T: std::str::FromStr>(item: &Item, attribute: &str) -> Option<T> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

/// A number as DynamoDB takes it.
pub(crate) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// The same for a user everywhere and for ever.
fn expiry_shard(user: &UserId) -> u8 {
    let digest: [u8; 32] = Sha256::digest(user.as_str()).into();
    let [first, ..] = digest;
    first % EXPIRY_SHARDS
}
