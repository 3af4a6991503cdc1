//! Refunds and disputes.

use super::super::objects::{Payment, Purpose};
use super::super::rules::{DisputePolicy, Keep};
use super::Oracle;

impl Oracle<'_> {
    /// Whether a refund or a dispute ends a purchase.
    pub(super) fn is_purchase_reversed(&self, session: &str) -> bool {
        let purpose = Purpose::Session(session.to_owned());
        let rules = &self.world.rules;
        self.world.payments.values().filter(|payment| payment.purpose == purpose).any(|payment| {
            (rules.purchase_refund == Keep::Revoke && self.is_refunded(payment))
                || self.is_disputed(payment, rules.purchase_dispute)
        })
    }

    /// Whether a refund or a dispute of the latest paid invoice ends a subscription.
    pub(super) fn is_subscription_reversed(&self, id: &str) -> bool {
        let invoices = self.world.invoices.values().filter(|invoice| {
            invoice.subscription == id
                && invoice.amount > 0
                && invoice.paid_at.is_some_and(|at| at <= self.at)
        });
        let latest = invoices.max_by_key(|invoice| (invoice.created, invoice.id.clone()));
        let Some(latest) = latest else { return false };
        let payments = latest.charges.iter().filter_map(|charge| self.world.payments.get(charge));
        let payments = payments.collect::<Vec<_>>();
        let rules = &self.world.rules;
        let refunded = !payments.is_empty() && payments.iter().all(|it| self.is_refunded(it));
        let disputed = payments.iter().any(|it| self.is_disputed(it, rules.dispute));
        (rules.refund == Keep::Revoke && refunded) || disputed
    }

    /// Whether a payment is refunded in full, and no refund failed in a later second. Within one
    /// second the refund counts.
    fn is_refunded(&self, payment: &Payment) -> bool {
        let last = |seconds: &[i64]| seconds.iter().filter(|at| **at <= self.at).max().copied();
        last(&payment.refunded)
            .is_some_and(|refunded| last(&payment.undone).is_none_or(|undone| undone <= refunded))
    }

    fn is_disputed(&self, payment: &Payment, policy: DisputePolicy) -> bool {
        let statuses = payment.dispute.iter().flat_map(|dispute| &dispute.statuses);
        let known = statuses.filter(|status| status.at <= self.at).map(|status| status.value);
        let known = known.collect::<Vec<_>>();
        let lost = known.contains(&"lost");
        let won = known.contains(&"won");
        let opened =
            known.iter().any(|status| matches!(*status, "needs_response" | "under_review"));
        match policy {
            DisputePolicy::Keep => false,
            DisputePolicy::RevokeWhenLost => lost,
            DisputePolicy::Revoke => lost || (opened && !won),
        }
    }
}
