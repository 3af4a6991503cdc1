//! What happens to customers: metadata, deletion, entitlements.

use serde_json::{Value, json};

use super::account::World;
use super::objects::{Customer, Dated, Metadata, Subject, Summary};
use super::render;

impl World {
    /// Creates a customer.
    pub fn add_customer(&mut self, metadata: Metadata, account: Option<&str>) -> String {
        let id = format!("cus_{}", self.customers.len() + 1);
        let customer = Customer {
            id: id.clone(),
            account: account.map(String::from),
            metadata: vec![Dated { at: self.now, value: metadata }],
            deleted_at: None,
            summaries: vec![],
        };
        let object = render::customer(self, &customer);
        self.customers.insert(id.clone(), customer);
        self.tell_customer("customer.created", &id, object, None);
        id
    }

    /// Sets a key of a customer's metadata.
    pub fn set_customer_metadata(&mut self, id: &str, key: &str, value: &str) {
        let Some(customer) = self.customers.get(id) else {
            return;
        };
        let old = customer.metadata[customer.metadata.len() - 1].value.clone();
        let mut new = old.clone();
        new.insert(key.to_owned(), value.to_owned());
        if new == old {
            return;
        }
        let said = customer.metadata.iter().filter(|said| said.at == self.now);
        let said = said.map(|said| &said.value).collect::<Vec<_>>();
        if !self.may_rename(&said, &old, &new) {
            self.advance(1);
        }
        let at = self.now;
        if let Some(customer) = self.customers.get_mut(id) {
            customer.metadata.push(Dated { at, value: new.clone() });
        }
        let object = self.customers.get(id).map(|customer| render::customer(self, customer));
        let previous = json!({ "metadata": render::previous_metadata(&old, &new) });
        self.tell_customer("customer.updated", id, object.unwrap_or_default(), Some(previous));
    }

    /// Whether metadata may become `new` in a second in which it already was each of `said`.
    pub(super) fn may_rename(&self, said: &[&Metadata], old: &Metadata, new: &Metadata) -> bool {
        let name = self.rules.named(new);
        name == self.rules.named(old) || said.iter().all(|other| self.rules.named(other) < name)
    }

    /// Deletes a customer. Its entitlements and subscriptions end first.
    pub fn delete_customer(&mut self, id: &str) {
        let last = self.customers.get(id).and_then(|customer| customer.summaries.last().cloned());
        if let Some(last) = last.filter(|last| !last.value.lookup_keys.is_empty()) {
            self.advance(i64::from(last.at == self.now));
            self.summarize(id, &[], false);
        }
        for subscription in self.subscriptions_of(id) {
            self.cancel(&subscription);
        }
        let at = self.now;
        let Some(customer) = self.customers.get_mut(id) else {
            return;
        };
        customer.deleted_at = Some(at);
        let object = self.customers.get(id).map(|customer| render::customer(self, customer));
        self.tell_customer("customer.deleted", id, object.unwrap_or_default(), None);
    }

    /// Reports what a customer is entitled to. A truncated summary has a second of its own.
    pub fn summarize(&mut self, id: &str, lookup_keys: &[&str], has_more: bool) {
        let Some(customer) = self.customers.get(id) else {
            return;
        };
        let last = customer.summaries.last().filter(|last| last.at == self.now);
        if last.is_some_and(|last| last.value.has_more || has_more) {
            self.advance(1);
        }
        let lookup_keys = lookup_keys.iter().map(|key| (*key).to_owned()).collect();
        let summary = Summary { lookup_keys, has_more };
        let object = render::summary(self, id, &summary);
        let at = self.now;
        if let Some(customer) = self.customers.get_mut(id) {
            customer.summaries.push(Dated { at, value: summary });
        }
        self.tell_customer("entitlements.active_entitlement_summary.updated", id, object, None);
    }

    fn tell_customer(&mut self, kind: &str, id: &str, object: Value, previous: Option<Value>) {
        let account = self.account_of(Some(id));
        self.emit(kind, Subject::Customer(id.to_owned()), account, object, previous);
    }
}
