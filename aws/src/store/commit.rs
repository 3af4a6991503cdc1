//! A decision as one transaction: what is put where, and onto what.

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tierlift_core::{
    account::Account,
    change::{Change, DeliveryContext},
    codes::Code,
    customer::Customer,
    decide::Commit,
    id::Version,
    ledger::LedgerEntry,
    limits::ITEM_BYTES_MAX,
    ports::StoreError,
};

use super::{
    item::{self, Item},
    size, told, unavailable,
};

/// Bytes of the digest that names a commit: in hexadecimal they are the 36 characters that a token
/// may have (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const TOKEN_DIGEST_BYTES: usize = 18;

/// What an item of a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Ledger,
    Customer,
    Account,
}

impl Place {
    /// The cause where its item is too large. A ledger row cannot be: it consists of a few ids.
    pub(super) const fn too_large(self) -> Option<Code> {
        match self {
            Self::Ledger => None,
            Self::Customer => Some(Code::CustomerTooLarge),
            Self::Account => Some(Code::AccountTooLarge),
        }
    }
}

/// A commit as DynamoDB takes it.
#[derive(Debug)]
pub(super) struct Transaction {
    /// Names it, see [`token`].
    pub(super) token: String,
    /// What is put, the ledger row first.
    pub(super) puts: Vec<TransactWriteItem>,
    /// What each of them is, and its size in bytes.
    pub(super) parts: Vec<(Place, usize)>,
}

impl Transaction {
    /// Everything that a commit writes, for the call of that number; refused where an item is larger
    /// than a table can hold.
    pub(super) fn of(commit: &Commit, table: &str, call: u64) -> Result<Self, StoreError> {
        let token = token(commit, table, call);
        let mut this = Self { token, puts: Vec::new(), parts: Vec::new() };
        let new = Version::default();
        this.put(table, Place::Ledger, item::of_ledger(&commit.ledger)?, new)?;
        if let Some(customer) = &commit.customer {
            let item = item::of_customer(customer)?;
            this.put(table, Place::Customer, item, customer.version)?;
        }
        for account in &commit.accounts {
            let change = commit.changes.iter().find(|change| change.user == account.user);
            let change = change.map(|change| told::text(change, commit.context.as_ref()));
            let item = item::of_account(account, change, commit.ledger.processed_at)?;
            this.put(table, Place::Account, item, account.version)?;
        }
        Ok(this)
    }

    fn put(
        &mut self,
        table: &str,
        place: Place,
        item: Item,
        onto: Version,
    ) -> Result<(), StoreError> {
        let bytes = size::bytes(&item);
        if bytes > ITEM_BYTES_MAX
            && let Some(cause) = place.too_large()
        {
            return Err(StoreError::TooLarge(cause));
        }
        let put = put(table, place, item, onto).map_err(|error| unavailable(&error))?;
        self.puts.push(TransactWriteItem::builder().put(put).build());
        self.parts.push((place, bytes));
        Ok(())
    }
}

/// A put onto that version alone; version 0 means that there must be nothing yet.
fn put(table: &str, place: Place, item: Item, onto: Version) -> Result<Put, BuildError> {
    let put = Put::builder().table_name(table).set_item(Some(item));
    let put = if onto == Version::default() {
        put.condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", item::PK)
    } else {
        put.condition_expression("#version = :version")
            .expression_attribute_names("#version", item::VERSION)
            .expression_attribute_values(":version", item::number(onto.0))
    };
    match place {
        // Whether what is there is this event's row is looked at, not assumed.
        Place::Ledger => put
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld),
        Place::Customer | Place::Account => put,
    }
    .build()
}

/// Names one call by all that is in it, and its number. A request that is repeated because its
/// answer was lost is then no second commit; no two different commits ever share a name, as they might
/// by chance; and a commit that is made once more is another call, which finds the ledger's row.
fn token(commit: &Commit, table: &str, call: u64) -> String {
    let content = Content {
        call,
        table,
        ledger: &commit.ledger,
        customer: commit.customer.as_ref().map(|customer| (customer.version, customer)),
        accounts: commit.accounts.iter().map(|account| (account.version, account)).collect(),
        changes: &commit.changes,
        context: commit.context.as_ref(),
    };
    let mut digest = Sha256::new();
    // Our own types always have a JSON text, and a digest takes everything.
    let _ = serde_json::to_writer(&mut digest, &content);
    let digest: Vec<u8> = digest.finalize().into_iter().take(TOKEN_DIGEST_BYTES).collect();
    hex::encode(digest)
}

/// What a call consists of; the versions are not part of the aggregates' own text.
#[derive(Serialize)]
struct Content<'a> {
    call: u64,
    table: &'a str,
    ledger: &'a LedgerEntry,
    customer: Option<(Version, &'a Customer)>,
    accounts: Vec<(Version, &'a Account)>,
    changes: &'a [Change],
    context: Option<&'a DeliveryContext>,
}
