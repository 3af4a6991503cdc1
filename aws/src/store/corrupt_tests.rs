//! Items that cannot be read are errors.

use aws_sdk_dynamodb::types::AttributeValue;
use tierlift_core::{
    account::Account,
    customer::Customer,
    invoice::Invoice,
    ledger::SystemEvent,
    payment::Payment,
    ports::{PolicyState, Progress, StoreError},
};

use super::{
    item::{self, Item, POLICY_KEY},
    tests::{AT, refund, upgrade},
};

/// An item with one attribute replaced, or removed where the value is `None`.
fn altered(item: &Item, attribute: &str, value: Option<AttributeValue>) -> Item {
    let mut item = item.clone();
    match value {
        Some(value) => item.insert(attribute.to_owned(), value),
        None => item.remove(attribute),
    };
    item
}

/// Every alteration that makes any kind of item unreadable, with the error's message.
fn common_alterations() -> Vec<(&'static str, Option<AttributeValue>, &'static str)> {
    vec![
        ("pk", None, "its pk is missing or wrong"),
        ("pk", Some(text("USER#eve")), "its pk is missing or wrong"),
        ("shape", None, "its shape is missing or wrong"),
        ("shape", Some(number(0)), "its shape is missing or wrong"),
        ("shape", Some(text("1")), "its shape is missing or wrong"),
        ("shape", Some(number(2)), "has shape 2"),
    ]
}

fn number(number: u8) -> AttributeValue {
    item::number(number)
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Alterations of the version that customers and accounts have.
fn version_alterations() -> [(&'static str, Option<AttributeValue>, &'static str); 3] {
    let message = "its version is missing or wrong";
    [None, Some(number(0)), Some(text("1"))].map(|value| ("version", value, message))
}

/// Checks that each alteration of an item is an error, which names the key, and that the port reports
/// it as a corrupt row.
fn check_corrupt<T: std::fmt::Debug>(
    item: &Item,
    parse: impl Fn(Item) -> Result<T, item::Error>,
    alterations: impl IntoIterator<Item = (&'static str, Option<AttributeValue>, &'static str)>,
) {
    let key = item::text(item, "pk").unwrap();
    parse(item.clone()).unwrap();
    for (attribute, value, message) in common_alterations().into_iter().chain(alterations) {
        let error = parse(altered(item, attribute, value.clone())).unwrap_err();
        let error = StoreError::from(error);
        assert!(matches!(error, StoreError::Corrupt(_)), "{attribute}: {value:?}: {error:?}");
        let error = error.to_string();
        assert!(error.contains(key) && error.contains(message), "{attribute}: {value:?}: {error}");
    }
}

#[test]
fn an_altered_ledger_row_is_corrupt() {
    let ledger = upgrade("evt_1").ledger;
    let row = item::ledger_item(&ledger).unwrap();
    let parse = |item| item::parse_ledger(item, &ledger.event);
    check_corrupt(
        &row,
        parse,
        vec![
            ("event", Some(text("evt_2")), "its id is missing or wrong"),
            ("outcome", None, "cannot be read"),
            ("kind", Some(number(1)), "cannot be read"),
            ("processed_at", Some(text("1")), "cannot be read"),
        ],
    );
}

#[test]
fn an_altered_customer_is_corrupt() {
    let customer = upgrade("evt_1").customer.unwrap();
    let item = item::customer_item(&customer).unwrap();
    let record = AttributeValue::M(Item::from([("sub_1".to_owned(), text("active"))]));
    check_corrupt(
        &item,
        |item| item::parse_aggregate::<Customer>(item, "cus_1"),
        version_alterations().into_iter().chain([
            ("id", Some(text("cus_2")), "its id is missing or wrong"),
            ("id", Some(text("")), "cannot be read"),
            ("subscriptions", Some(text("")), "cannot be read"),
            ("subscriptions", Some(record), "cannot be read"),
        ]),
    );
}

#[test]
fn an_altered_payment_or_invoice_is_corrupt() {
    let commit = refund("evt_1");
    check_corrupt(
        &item::payment_item(&commit.payments[0], AT).unwrap(),
        |item| item::parse_aggregate::<Payment>(item, "pi_1"),
        version_alterations().into_iter().chain([
            ("id", Some(text("pi_2")), "its id is missing or wrong"),
            ("reversal", Some(text("full")), "cannot be read"),
            ("subject", Some(text("in_1")), "cannot be read"),
        ]),
    );
    check_corrupt(
        &item::invoice_item(&commit.invoices[0], AT).unwrap(),
        |item| item::parse_aggregate::<Invoice>(item, "in_1"),
        version_alterations().into_iter().chain([
            ("id", Some(text("in_2")), "its id is missing or wrong"),
            ("paid", Some(text("true")), "cannot be read"),
            ("payments", Some(text("pi_1")), "cannot be read"),
        ]),
    );
}

#[test]
fn an_altered_account_is_corrupt() {
    let commit = upgrade("evt_1");
    let item = item::account_item(&commit.accounts[0], None).unwrap();
    check_corrupt(
        &item,
        |item| item::parse_aggregate::<Account>(item, "ada"),
        version_alterations().into_iter().chain([
            ("user", Some(text("eve")), "its id is missing or wrong"),
            ("role", None, "cannot be read"),
            ("revocation_id", Some(text("1")), "cannot be read"),
            ("grants", Some(number(1)), "cannot be read"),
        ]),
    );
}

/// What a scan finds is checked like everything else.
#[test]
fn an_item_that_is_found_has_the_key_of_its_kind() {
    let customer = upgrade("evt_1").customer.unwrap();
    let item = item::customer_item(&customer).unwrap();
    assert_eq!(item::parse_found::<Customer>(item.clone()).unwrap().id, customer.id);
    let error = item::parse_found::<Account>(item.clone()).unwrap_err().to_string();
    assert!(error.contains("its pk is missing or wrong"), "{error}");
    let moved = altered(&item, "pk", Some(text("CUSTOMER#cus_2")));
    let error = item::parse_found::<Customer>(moved).unwrap_err().to_string();
    assert!(error.contains("CUSTOMER#cus_2") && error.contains("its id is"), "{error}");
}

#[test]
fn the_policy_of_the_table_is_read_back() {
    for progress in [
        None,
        Some(Progress::Customers(None)),
        Some(Progress::Customers(Some("CUSTOMER#cus_☂".to_owned()))),
        Some(Progress::Accounts(None)),
    ] {
        let state = PolicyState {
            generation: u64::MAX,
            because: SystemEvent::ClockCorrected,
            fingerprint: "f00d".to_owned(),
            progress,
        };
        let item = item::record_item(POLICY_KEY, &state).unwrap();
        assert_eq!(item::text(&item, "pk"), Some("POLICY"));
        assert_eq!(item::parse_record::<PolicyState>(item.clone(), POLICY_KEY).unwrap(), state);
        let later = altered(&item, "shape", Some(number(2)));
        let error = item::parse_record::<PolicyState>(later, POLICY_KEY).unwrap_err().to_string();
        assert!(error.contains("POLICY has shape 2"), "{error}");
    }
}
