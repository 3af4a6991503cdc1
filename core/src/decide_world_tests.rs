//! The world around `decide` in its tests: a Stripe that sends webhooks, and a store.

use serde_json::{Value, json};

use super::*;
use crate::stripe::event::Head;

/// A subscription as Stripe has it.
#[derive(Clone)]
pub(super) struct Sub {
    pub(super) id: String,
    pub(super) customer: String,
    pub(super) status: &'static str,
    pub(super) price: &'static str,
    pub(super) ends: i64,
    pub(super) quantity: u64,
    pub(super) cancels: bool,
    pub(super) collection: Value,
    pub(super) user: Value,
    /// Whether periods stand on items (from 2025-03-31 on) or on top.
    pub(super) basil: bool,
}

impl Sub {
    pub(super) fn new(id: &str, customer: &str, status: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            customer: customer.to_owned(),
            status,
            price: "price_paid",
            ends: START + 30 * DAY,
            quantity: 1,
            cancels: false,
            collection: Value::Null,
            user: Value::Null,
            basil: true,
        }
    }

    pub(super) fn object(&self) -> Value {
        let mut item = json!({"id": "si_1", "quantity": self.quantity,
            "price": {"id": self.price, "product": "prod_x", "lookup_key": null}});
        let mut metadata = json!({"colour": "red"});
        if !self.user.is_null() {
            metadata["user_id"] = self.user.clone();
        }
        if self.basil {
            item["current_period_end"] = self.ends.into();
        }
        let mut object = json!({"id": self.id, "object": "subscription", "customer": self.customer,
            "status": self.status, "cancel_at_period_end": self.cancels, "metadata": metadata,
            "pause_collection": self.collection, "items": {"object": "list", "data": [item]}});
        if !self.basil {
            object["current_period_end"] = self.ends.into();
            object["quantity"] = self.quantity.into();
        }
        object
    }
}

/// What `previous_attributes` says of a change: whole fields, but of metadata the keys alone.
pub(super) fn previous(before: &Value, after: &Value) -> Value {
    let mut changed = json!({});
    for (key, old) in before.as_object().unwrap() {
        if key == "metadata" && old["user_id"] != after[key]["user_id"] {
            changed[key] = json!({"user_id": old["user_id"]});
        } else if key != "metadata" && *old != after[key] {
            changed[key] = old.clone();
        }
    }
    changed
}

/// Stripe: the true state, and every webhook that it sent, in order.
#[derive(Default)]
pub(super) struct Stripe {
    pub(super) at: i64,
    pub(super) subs: BTreeMap<String, Sub>,
    pub(super) sent: Vec<String>,
}

impl Stripe {
    pub(super) fn send(&mut self, kind: &str, object: &Value, previous: &Value) {
        let id = format!("evt_{}", self.sent.len());
        let mut data = json!({"object": object});
        if !previous.is_null() {
            data["previous_attributes"] = previous.clone();
        }
        let body = json!({"id": id, "object": "event", "type": kind, "created": START + self.at,
                          "livemode": false, "data": data});
        self.sent.push(body.to_string());
    }

    pub(super) fn create(&mut self, sub: Sub) {
        self.send("customer.subscription.created", &sub.object(), &Value::Null);
        self.subs.insert(sub.id.clone(), sub);
    }

    pub(super) fn update(&mut self, id: &str, change: impl FnOnce(&mut Sub)) {
        let sub = self.subs.get_mut(id).unwrap();
        let before = sub.object();
        change(sub);
        let after = sub.object();
        self.send("customer.subscription.updated", &after, &previous(&before, &after));
    }

    pub(super) fn says(&mut self, id: &str, kind: &str) {
        let object = self.subs[id].object();
        self.send(kind, &object, &Value::Null);
    }

    pub(super) fn end(&mut self, id: &str) {
        self.subs.get_mut(id).unwrap().status = "canceled";
        self.says(id, "customer.subscription.deleted");
    }

    pub(super) fn checkout(
        &mut self,
        kind: &str,
        customer: &str,
        sub: &str,
        user: Option<&str>,
        paid: &str,
    ) {
        let object = json!({"id": "cs_1", "customer": customer, "subscription": sub,
                            "client_reference_id": user, "payment_status": paid});
        self.send(&format!("checkout.session.{kind}"), &object, &Value::Null);
    }

    pub(super) fn customer(&mut self, kind: &str, customer: &str, user: Option<&str>) {
        let object = json!({"id": customer, "object": "customer", "metadata": {"user_id": user}});
        self.send(&format!("customer.{kind}"), &object, &Value::Null);
    }

    /// Some seconds later.
    pub(super) fn later(&mut self, secs: i64) {
        self.at += secs;
    }
}

/// What a delivery came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    To(Outcome),
    Again,
    Parked(Code),
    Ignored,
}

/// A store that keeps text, as the real ones do, and asserts what every commit must keep.
#[derive(Clone, Default)]
pub(super) struct Store {
    pub(super) customers: BTreeMap<CustomerId, (Version, String)>,
    pub(super) accounts: BTreeMap<UserId, (Version, String)>,
    pub(super) ledger: BTreeMap<EventId, LedgerEntry>,
}

impl Store {
    pub(super) fn customer(&self, id: &CustomerId) -> Customer {
        self.customers.get(id).map_or_else(
            || Customer::new(id.clone()),
            |(version, text)| Customer { version: *version, ..serde_json::from_str(text).unwrap() },
        )
    }

    pub(super) fn account(&self, user: &UserId) -> Option<Account> {
        self.accounts.get(user).map(|(version, text)| Account {
            version: *version,
            ..serde_json::from_str(text).unwrap()
        })
    }

    pub(super) fn deliver(&mut self, body: &str, policy: &Policy, now: Timestamp) -> Came {
        let Head::Wanted { id, kind, customer } = Head::parse(body.as_bytes()).unwrap() else {
            return Came::Ignored;
        };
        let Ok(event) = Event::parse(id, kind, body.as_bytes()) else {
            return Came::Parked(Code::PayloadMalformed);
        };
        assert_eq!(customer.as_ref(), Some(&event.customer));
        let mut accounts = BTreeMap::new();
        // The user before and the user after: no decision needs more.
        for _ in 0..3 {
            let loaded = Loaded {
                processed: self.ledger.contains_key(&event.id),
                customer: self.customer(&event.customer),
                accounts: BTreeMap::clone(&accounts),
            };
            match decide(loaded, &event, policy, now) {
                Decision::Load(user) => {
                    let account = self.account(&user);
                    assert!(accounts.insert(user, account).is_none(), "asked twice");
                }
                Decision::Duplicate => return Came::Again,
                Decision::Park(failure) => return Came::Parked(failure.cause),
                Decision::Commit(commit) => return Came::To(self.commit(*commit, policy, now)),
            }
        }
        panic!("decide never stops asking");
    }

    pub(super) fn commit(&mut self, commit: Commit, policy: &Policy, now: Timestamp) -> Outcome {
        let Commit { ledger, customer, accounts, changes, context: _ } = commit;
        let outcome = ledger.outcome;
        assert_eq!((ledger.processed_at, ledger.expires_at), (now, now.plus_days(90)));
        let mut expected_changes = Vec::new();
        for account in accounts {
            let before = self.account(&account.user);
            assert_eq!(before.as_ref().map(|b| b.version).unwrap_or_default(), account.version);
            let before = before.unwrap_or_else(|| Account::new(account.user.clone(), policy));
            expected_changes.extend(check_step(&before, &account, &ledger));
            let text = serde_json::to_string(&account).unwrap();
            self.accounts.insert(account.user.clone(), (account.version.next(), text));
        }
        let told: Vec<_> = changes.into_iter().map(|change| (change.user, change.role)).collect();
        assert_eq!(told, expected_changes, "each change of role is told, and nothing else");
        if let Some(customer) = customer {
            assert_eq!(self.customer(&customer.id).version, customer.version);
            let text = serde_json::to_string(&customer).unwrap();
            self.customers.insert(customer.id.clone(), (customer.version.next(), text));
        }
        let row: LedgerEntry =
            serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
        assert_eq!(row, ledger);
        assert!(self.ledger.insert(ledger.event.clone(), ledger).is_none());
        outcome
    }

    /// The stored role of a user and their revocation id.
    pub(super) fn role(&self, user: &str) -> (String, u64) {
        self.account(&UserId::new(user).unwrap()).map_or_else(
            || ("free".to_owned(), 0),
            |account| (account.role.to_string(), account.revocation_id.0),
        )
    }

    pub(super) fn row(&self, event: usize) -> &LedgerEntry {
        &self.ledger[format!("evt_{event}").as_str()]
    }
}

/// The revocation id goes up by one exactly when the role changes, by the event that changed it.
pub(super) fn check_step(
    before: &Account,
    after: &Account,
    ledger: &LedgerEntry,
) -> Option<(UserId, Role)> {
    let changed = before.role != after.role;
    assert_eq!(after.revocation_id.0 - before.revocation_id.0, u64::from(changed));
    if changed {
        assert_eq!(after.role_assigned_by.as_ref(), Some(&ledger.event));
        assert_eq!(after.role_assigned_at, Some(ledger.processed_at));
    } else {
        assert_eq!(after.role_assigned_by, before.role_assigned_by);
        assert_eq!(after.role_assigned_at, before.role_assigned_at);
    }
    if ledger.kind != crate::ledger::EntryKind::System(SystemEvent::RoleAssigned) {
        assert_eq!(after.manual_role, before.manual_role, "not a webhook's business");
    }
    if ledger.user.as_ref() == Some(&after.user) {
        assert_eq!(ledger.from_role.as_ref(), Some(&before.role));
        assert_eq!(ledger.to_role.as_ref(), Some(&after.role));
        assert_eq!(ledger.revocation_id, Some(after.revocation_id));
    }
    changed.then(|| (after.user.clone(), after.role.clone()))
}
