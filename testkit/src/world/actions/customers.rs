//! Actions on customers: metadata, entitlements and links; and events that concern no role.

use serde_json::{Value, json};

use super::super::account::World;
use super::super::objects::{LinkTarget, Subject};
use super::super::render;

impl World {
    pub(super) fn act_create_customer(&mut self) -> bool {
        if self.customers.len() >= 4 {
            return false;
        }
        let own = self.customers.is_empty() || self.rng.chance(75);
        let account = if own { None } else { self.rng.pick(&["acct_good", "acct_evil"]) };
        let metadata = self.some_metadata(25);
        self.add_customer(metadata, account);
        true
    }

    pub(super) fn act_name_customer(&mut self) -> bool {
        let Some(id) = self.a_customer() else {
            return false;
        };
        let (key, user) = (self.a_key(), self.a_user());
        let events = self.events.len();
        self.set_customer_metadata(&id, key, &user);
        self.events.len() > events
    }

    pub(super) fn act_delete_customer(&mut self) -> bool {
        let Some(id) = self.a_customer() else {
            return false;
        };
        self.delete_customer(&id);
        true
    }

    pub(super) fn act_summarize(&mut self, has_more: bool) -> bool {
        let Some(id) = self.a_customer() else {
            return false;
        };
        let all = ["export", "team", "audit-log"];
        let keys = all.into_iter().filter(|_| self.rng.chance(50)).collect::<Vec<_>>();
        self.summarize(&id, &keys, has_more);
        true
    }

    pub(super) fn act_link(&mut self) -> bool {
        if !self.options.links {
            return false;
        }
        let user = self.a_user();
        let target = if self.rng.chance(50) {
            self.a_subscription(|_| true).map(LinkTarget::Subscription)
        } else {
            self.a_customer().map(LinkTarget::Customer)
        };
        let Some(target) = target else { return false };
        self.link(target, &user);
        true
    }

    /// A connected account that does not count sends an event about the account's own objects.
    pub(super) fn act_foreign_twin(&mut self) -> bool {
        let told = match self.rng.below(4) {
            0 => self.twin_customer("customer.updated"),
            1 => self.twin_customer("customer.deleted"),
            2 => self.twin_subscription("customer.subscription.updated"),
            _ => self.twin_subscription("customer.subscription.deleted"),
        };
        let Some((kind, mut object)) = told else {
            return false;
        };
        let (key, user) = (self.a_key(), self.a_user());
        object["metadata"] = json!({ key: user });
        self.emit(kind, Subject::Nothing, Some("acct_evil".to_owned()), object, Some(json!({})));
        true
    }

    fn twin_customer(&mut self, kind: &'static str) -> Option<(&'static str, Value)> {
        let id = self.a_customer()?;
        let customer = self.customers.get(&id)?;
        Some((kind, render::customer(self, customer)))
    }

    fn twin_subscription(&mut self, kind: &'static str) -> Option<(&'static str, Value)> {
        let id = self.a_subscription(|_| true)?;
        let subscription = self.subscriptions.get(&id)?;
        let mut node = subscription.node().clone();
        for item in &mut node.items {
            "price_max".clone_into(&mut item.price);
        }
        let mut object = render::subscription(self, subscription, &node);
        if kind.ends_with("deleted") {
            object["status"] = json!("canceled");
        }
        Some((kind, object))
    }

    /// An event that concerns nobody's access.
    pub(super) fn act_noise(&mut self) -> bool {
        let kinds = ["product.updated", "setup_intent.succeeded", "billing_portal.session.created"];
        let kind = self.rng.pick_or(&kinds, kinds[0]);
        let name = kind.rsplit_once('.').map_or("", |(object, _)| object);
        let object = json!({ "id": format!("{name}_1"), "object": name, "customer": "cus_1" });
        self.emit(kind, Subject::Nothing, None, object, None);
        true
    }
}
