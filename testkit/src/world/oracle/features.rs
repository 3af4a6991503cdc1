//! Features: those of the role, and those of Stripe's entitlements.

use std::collections::BTreeSet;

use super::{Oracle, Thing};

impl Oracle<'_> {
    /// The features of the role and of all lower roles, and those of the customers whose
    /// entitlements go to this user.
    pub(super) fn features(&self, user: &str, rank: usize) -> BTreeSet<String> {
        let rules = &self.world.rules;
        let roles = rules.roles.iter().take(rank + 1);
        let of_roles = roles.filter_map(|role| rules.features.get(role)).flatten().cloned();
        let mut features = of_roles.collect::<BTreeSet<_>>();
        for customer in self.world.customers.keys() {
            if self.entitled_user(customer).as_deref() == Some(user) {
                features.extend(self.entitlements(customer));
            }
        }
        features
    }

    /// The users to whom the entitlements of some customer go.
    pub(super) fn entitled_users(&self) -> BTreeSet<String> {
        let customers = self.world.customers.keys();
        let entitled = customers.filter(|customer| !self.entitlements(customer).is_empty());
        entitled.filter_map(|customer| self.entitled_user(customer)).collect()
    }

    /// The entitlements of a customer: the lists of its latest second together. A truncated list
    /// removes nothing.
    fn entitlements(&self, customer: &str) -> BTreeSet<String> {
        let Some(customer) = self.world.customers.get(customer) else {
            return BTreeSet::new();
        };
        let is_deleted = customer.deleted_at.is_some_and(|at| at <= self.at);
        if is_deleted && !self.readings.deleted_customers_keep_entitlements {
            return BTreeSet::new();
        }
        let known = customer.summaries.iter().filter(|summary| summary.at <= self.at);
        let known = known.collect::<Vec<_>>();
        let seconds = known.iter().map(|summary| summary.at).collect::<BTreeSet<_>>();
        let mut keys = BTreeSet::new();
        for second in seconds {
            let said = known.iter().filter(|summary| summary.at == second).collect::<Vec<_>>();
            if !said.iter().any(|summary| summary.value.has_more) {
                keys.clear();
            }
            keys.extend(said.iter().flat_map(|summary| summary.value.lookup_keys.clone()));
        }
        keys
    }

    /// The one owner of everything live. If nothing live has an owner, the user of the customer
    /// itself; if there are several owners, nobody.
    fn entitled_user(&self, customer: &str) -> Option<String> {
        if !self.world.rules.counts(self.world.account_of(Some(customer)).as_deref()) {
            return None;
        }
        let own = self
            .things()
            .into_iter()
            .filter(|it| self.customer_of(it).as_deref() == Some(customer));
        let live = own.filter(|thing| self.is_live_thing(thing));
        let owners = live.filter_map(|thing| self.owner(&thing)).collect::<BTreeSet<_>>();
        match owners.len() {
            0 => {
                self.customer_linked_by_hand(customer).or_else(|| self.customer_metadata(customer))
            }
            1 => owners.into_iter().next(),
            _ => None,
        }
    }

    fn is_live_thing(&self, thing: &Thing) -> bool {
        let readings = self.readings;
        match thing {
            Thing::Subscription(id) => {
                self.is_live(id)
                    && (readings.unmapped_subscriptions_count || self.is_mapped(id))
                    && (readings.idle_subscriptions_are_live
                        || !self.earned_by_subscription(id).is_empty())
            }
            Thing::Purchase(id) => {
                !self.is_purchase_reversed(id)
                    && (readings.run_out_purchases_are_live || !self.has_run_out(id))
            }
        }
    }
}
