//! A commit as one DynamoDB transaction: its items, and the version that each must have.

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tierlift_core::{
    account::Account,
    change::{Change, ChangeRecord, DeliveryContext},
    codes::Code,
    customer::Customer,
    decide::Commit,
    id::Version,
    invoice::Invoice,
    ledger::LedgerEntry,
    limits::{ITEM_BYTES_MAX, TRANSACTION_ITEMS_MAX},
    payment::Payment,
    ports::StoreError,
};

use super::{
    error::unavailable,
    item::{self, Item, ItemKind},
    size,
};

/// Bytes of the digest that is a transaction's token. In hexadecimal it has 36 characters, the most that
/// a token may have
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const TOKEN_DIGEST_BYTES: usize = 18;

/// A commit as a DynamoDB transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    /// Its idempotency token, see [`token`].
    pub(super) token: String,
    /// The items that are put, the ledger row first.
    pub(super) puts: Vec<TransactWriteItem>,
    /// The kind and the size in bytes of each item.
    pub(super) items: Vec<(ItemKind, usize)>,
}

/// The `change` attribute of an account. The table's stream is the outbox: what is pushed commits with
/// the account, in the same item, and nothing else is written.
pub(super) fn change_json(record: &ChangeRecord) -> String {
    // Strings, numbers and booleans always have a JSON text.
    serde_json::to_string(record).unwrap_or_default()
}

impl Transaction {
    /// The transaction of a commit, for the call of that number. An error where an item is larger than
    /// a table can hold, or where there are more items than a transaction can have.
    pub(super) fn new(commit: &Commit, table: &str, call: u64) -> Result<Self, StoreError> {
        let token = token(commit, table, call);
        let mut this = Self { token, puts: Vec::new(), items: Vec::new() };
        let (new, now) = (Version::default(), commit.ledger.processed_at);
        this.put(table, ItemKind::Ledger, item::ledger_item(&commit.ledger)?, new)?;
        if let Some(customer) = &commit.customer {
            let mut item = item::customer_item(customer)?;
            item::insert_expiry(&mut item, commit.customer_expires_at(customer));
            this.put(table, ItemKind::Customer, item, customer.version)?;
        }
        for payment in &commit.payments {
            let item = item::payment_item(payment, now)?;
            this.put(table, ItemKind::Payment, item, payment.version)?;
        }
        for invoice in &commit.invoices {
            let item = item::invoice_item(invoice, now)?;
            this.put(table, ItemKind::Invoice, item, invoice.version)?;
        }
        for account in &commit.accounts {
            let change = commit.changes.iter().find(|change| change.user == account.user);
            let record = change.map(|change| ChangeRecord {
                change: change.clone(),
                context: commit.context.clone(),
            });
            let json = record.as_ref().map(change_json);
            let mut item = item::account_item(account, json)?;
            item::insert_expiry(&mut item, commit.account_expires_at(account));
            this.put(table, ItemKind::Account, item, account.version)?;
        }
        // A customer concerns as many accounts as users own something of it: nearly always one.
        if this.items.len() > TRANSACTION_ITEMS_MAX {
            return Err(StoreError::TooLarge(Code::CustomerTooLarge));
        }
        Ok(this)
    }

    fn put(
        &mut self,
        table: &str,
        kind: ItemKind,
        item: Item,
        expected: Version,
    ) -> Result<(), StoreError> {
        let bytes = size::bytes(&item);
        if bytes > ITEM_BYTES_MAX
            && let Some(cause) = kind.too_large_cause()
        {
            return Err(StoreError::TooLarge(cause));
        }
        let put = put(table, kind, item, expected).map_err(|error| unavailable(&error))?;
        self.puts.push(TransactWriteItem::builder().put(put).build());
        self.items.push((kind, bytes));
        Ok(())
    }
}

/// A put that requires the stored item to have that version; version 0 requires that there is none.
fn put(table: &str, kind: ItemKind, item: Item, expected: Version) -> Result<Put, BuildError> {
    let put = Put::builder().table_name(table).set_item(Some(item));
    let put = if expected == Version::default() {
        put.condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", item::PK)
    } else {
        put.condition_expression("#version = :version")
            .expression_attribute_names("#version", item::VERSION)
            .expression_attribute_values(":version", item::number(expected.0))
    };
    match kind {
        // An existing item may be another than this event's row, so DynamoDB has to return it.
        ItemKind::Ledger => put
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld),
        ItemKind::Customer | ItemKind::Payment | ItemKind::Invoice | ItemKind::Account => put,
    }
    .build()
}

/// The idempotency token of a call: a digest of its content and number. A request that the SDK repeats
/// after a lost response has the same token and is no second commit. Different commits have different
/// tokens. A commit that is made again is another call, and finds the ledger row.
fn token(commit: &Commit, table: &str, call: u64) -> String {
    let content = Content {
        call,
        table,
        ledger: &commit.ledger,
        customer: commit.customer.as_ref().map(|customer| (customer.version, customer)),
        payments: commit.payments.iter().map(|payment| (payment.version, payment)).collect(),
        invoices: commit.invoices.iter().map(|invoice| (invoice.version, invoice)).collect(),
        accounts: commit.accounts.iter().map(|account| (account.version, account)).collect(),
        changes: &commit.changes,
        context: commit.context.as_ref(),
    };
    let mut digest = Sha256::new();
    // Neither can fail: these types always have a JSON text, and a digest accepts every write.
    let _ = serde_json::to_writer(&mut digest, &content);
    let digest: Vec<u8> = digest.finalize().into_iter().take(TOKEN_DIGEST_BYTES).collect();
    hex::encode(digest)
}

/// What a call's token covers. The aggregates' own JSON does not have their versions.
#[derive(Serialize)]
struct Content<'a> {
    call: u64,
    table: &'a str,
    ledger: &'a LedgerEntry,
    customer: Option<(Version, &'a Customer)>,
    payments: Vec<(Version, &'a Payment)>,
    invoices: Vec<(Version, &'a Invoice)>,
    accounts: Vec<(Version, &'a Account)>,
    changes: &'a [Change],
    context: Option<&'a DeliveryContext>,
}
