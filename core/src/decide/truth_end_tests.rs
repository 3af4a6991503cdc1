//! What is true at the end of a story.

use super::*;

impl Truth<'_> {
    fn customer_of(id: &str) -> Option<&'static str> {
        match SUBS.iter().position(|sub| *sub == id) {
            Some(place) => Some(CUSTOMERS[place / 2]),
            None => PURCHASES.iter().find(|known| known.0 == id)?.1,
        }
    }

    /// The user that its own link, its metadata or its checkout names.
    fn own_user(&self, id: &str) -> Option<&str> {
        let linked = match self.by_hand {
            ByHand::Subscription => id == SUBS[0],
            ByHand::Purchase => id == PURCHASES[0].0,
            ByHand::Nothing | ByHand::Customer => false,
        };
        let by_hand = linked.then_some(ByHand::USER);
        let metadata = self.stripe.subs.get(id).and_then(|sub| sub.user.as_str());
        by_hand.or(metadata).or(self.known.get(id).and_then(|known| known.checkout))
    }

    fn owner(&self, id: &str) -> Option<&str> {
        let customer = Self::customer_of(id);
        if let (Some("cus_a"), ByHand::Customer) = (customer, self.by_hand) {
            return Some(ByHand::USER);
        }
        let sold = PURCHASES.iter().map(|known| &known.0).filter(|id| self.known.contains_key(*id));
        let others = SUBS.iter().chain(sold);
        let others = others.filter(|other| **other != id && Self::customer_of(other) == customer);
        let named: BTreeSet<_> = others.filter_map(|other| self.own_user(other)).collect();
        let only = || named.first().copied().filter(|_| named.len() == 1 && customer.is_some());
        self.own_user(id).or_else(|| self.metadata_of(customer?)).or_else(only)
    }

    fn metadata_of(&self, customer: &str) -> Option<&str> {
        self.metadata.get(customer).copied().flatten()
    }

    fn is_deleted(&self, id: &str) -> bool {
        Self::customer_of(id).is_some_and(|customer| self.deleted.contains(&customer))
    }

    pub(in super::super) fn role(&self, user: &str) -> &'static str {
        let owned = |id: &&str| self.owner(id) == Some(user);
        let subs = self.stripe.subs.values().filter(|sub| owned(&sub.id.as_str()));
        // Purchases outlast a deleted customer.
        let subs = subs.filter(|sub| !self.is_deleted(&sub.id));
        let subscribed = subs.filter(|sub| self.has_access(sub)).map(|sub| sub.price);
        let bought = PURCHASES.iter().filter(|(id, ..)| owned(id) && self.is_bought(id));
        let plans = subscribed.chain(bought.map(|(.., plan)| *plan));
        // The names of these roles sort by rank.
        plans.map(|plan| if plan == "pro_monthly" { "pro" } else { "paid" }).max().unwrap_or("free")
    }

    fn has_access(&self, sub: &Sub) -> bool {
        let (since, known) = (self.since(&sub.id), &self.known[sub.id.as_str()]);
        let is_unpaid = match known.payment {
            None | Some((_, _, PaymentState::Paid)) => false,
            Some((_, at, PaymentState::Pending | PaymentState::Failed)) => {
                let later_standing = known.became_active_at > Some(at);
                let later_period = known.active_ends > Some(FIRST_ENDS);
                let later_invoice = known.invoices.iter().any(|(created, _)| *created > at);
                !(later_invoice || later_standing || later_period)
            }
        };
        let given_back = known.invoices.last().map(|(_, payments)| payments.as_slice());
        let pauses = self.policy.pause_collection.void == Access::Revoke;
        let ends = sub.cancel_at.as_i64().unwrap_or(i64::MAX).min(sub.ends);
        let grace = i64::from(self.policy.grace_days) * DAY;
        let in_time = |end: i64| self.now < Timestamp::from_secs(end + grace);
        let is_kept = self.policy.past_due == PastDue::Keep;
        let is_paused = pauses && !sub.collection.is_null();
        let on = self.policy.subscription_reversal;
        let is_taken_back = self.is_taken_back(given_back.unwrap_or_default(), on);
        if sub.quantity == 0 || is_unpaid || is_paused || is_taken_back {
            return false;
        }
        match sub.status {
            "active" | "trialing" => in_time(ends),
            "past_due" => is_kept && in_time(ends.min(START + since)),
            _ => false,
        }
    }

    /// Time at which the current status began.
    fn since(&self, id: &str) -> i64 {
        let known = &self.known[id];
        let now = self.stripe.subs[id].status;
        let latest = known.statuses.iter().rev().take_while(|(_, status)| **status == now);
        known.ended_at.unwrap_or_else(|| latest.last().map_or(0, |s| *s.0))
    }

    fn is_paid(&self, id: &str) -> bool {
        let payment = self.known.get(id).and_then(|known| known.payment);
        matches!(payment, Some((_, _, PaymentState::Paid)))
    }

    fn is_bought(&self, id: &str) -> bool {
        self.is_paid(id) && !self.is_taken_back(&[id], self.policy.purchase_reversal)
    }

    fn is_taken_back(&self, payments: &[&str], on: OnReversal) -> bool {
        let linked: Vec<_> =
            payments.iter().map(|id| &self.payments[id]).filter(|p| p.is_linked).collect();
        let has = |statuses: &[&str]| {
            linked.iter().any(|payment| payment.disputes.values().any(|s| statuses.contains(s)))
        };
        let is_refunded = !linked.is_empty() && linked.iter().all(|payment| payment.is_refunded);
        let by_refund = on.refund == Access::Revoke && is_refunded;
        by_refund
            || match on.dispute {
                OnDispute::Keep => false,
                OnDispute::RevokeWhenLost => has(&["lost"]),
                OnDispute::Revoke => has(&["lost", "needs_response", "under_review"]),
            }
    }

    /// The features of a role, and those of Stripe's entitlements.
    pub(in super::super) fn features(&self, user: &str, role: &str) -> BTreeSet<Box<str>> {
        let mut features = self.policy.features(&Role::new(role));
        for (customer, names) in &self.entitlements {
            if !self.deleted.contains(customer) && self.feature_owner(customer) == Some(user) {
                features.extend(names.iter().cloned());
            }
        }
        features
    }

    fn feature_owner(&self, customer: &str) -> Option<&str> {
        let is_live = |id: &&&str| {
            let status = self.stripe.subs.get(**id).map(|sub| sub.status);
            matches!(status, Some("active" | "trialing" | "past_due"))
        };
        let subs = SUBS.iter().filter(is_live);
        let paid = PURCHASES.iter().map(|known| &known.0).filter(|id| self.is_bought(id));
        let live = subs.chain(paid).filter(|id| Self::customer_of(id) == Some(customer));
        let owners: BTreeSet<_> = live.filter_map(|id| self.owner(id)).collect();
        let by_hand = self.by_hand == ByHand::Customer && customer == CUSTOMERS[0];
        match owners.len() {
            0 if by_hand => Some(ByHand::USER),
            0 => self.metadata_of(customer),
            1 => owners.first().copied(),
            _ => None,
        }
    }
}
