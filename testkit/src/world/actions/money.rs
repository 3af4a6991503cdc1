//! Actions on invoices, refunds and disputes.

use super::super::account::World;
use super::super::objects::Payment;
use super::super::payments::RefundEnd;

impl World {
    fn a_payment(&mut self, wanted: impl Fn(&Payment) -> bool) -> Option<Payment> {
        let all = self.payments.values().filter(|payment| wanted(payment)).cloned();
        let all = all.collect::<Vec<_>>();
        self.rng.pick(&all)
    }

    /// Pays an invoice outside of the renewals, or one of amount 0.
    pub(super) fn act_pay_invoice(&mut self) -> bool {
        let Some(id) = self.a_subscription(|_| true) else {
            return false;
        };
        let amount = self.rng.pick_or(&[900, 300, 0], 900);
        let parts = self.rng.pick_or(&[1, 1, 2, 3], 1);
        self.pay_invoice(&id, amount, parts);
        true
    }

    pub(super) fn act_refund(&mut self, fully: bool) -> bool {
        let left = |payment: &Payment| payment.amount - payment.refunded_amount();
        let Some(payment) = self.a_payment(|payment| left(payment) > 1) else {
            return false;
        };
        let amount = if fully { left(&payment) } else { left(&payment) / 2 };
        self.refund(&payment.charge, amount).is_some()
    }

    pub(super) fn act_fail_refund(&mut self) -> bool {
        let standing = |payment: &Payment| payment.refunds.iter().any(|refund| !refund.failed);
        let Some(payment) = self.a_payment(standing) else {
            return false;
        };
        let refunds = payment.refunds.iter().filter(|refund| !refund.failed);
        let refunds = refunds.map(|refund| refund.id.clone()).collect::<Vec<_>>();
        let Some(refund) = self.rng.pick(&refunds) else {
            return false;
        };
        let ends = [RefundEnd::Failed, RefundEnd::UpdatedFailed, RefundEnd::UpdatedCanceled];
        let end = self.rng.pick_or(&ends, RefundEnd::Failed);
        self.fail_refund(&payment.charge, &refund, end);
        true
    }

    pub(super) fn act_open_dispute(&mut self, status: &'static str) -> bool {
        let Some(payment) = self.a_payment(|payment| payment.dispute.is_none()) else {
            return false;
        };
        let prevented = self.rng.chance(10);
        self.dispute(&payment.charge, if prevented { "prevented" } else { status });
        true
    }

    pub(super) fn act_move_dispute(&mut self) -> bool {
        let status = |payment: &Payment| {
            let last = payment.dispute.as_ref().and_then(|dispute| dispute.statuses.last());
            last.map(|last| last.value)
        };
        let open = |payment: &Payment| status(payment).is_some_and(|it| !next(it).is_empty());
        let Some(payment) = self.a_payment(open) else {
            return false;
        };
        let following = status(&payment).map(next).unwrap_or_default();
        let Some(following) = self.rng.pick(following) else {
            return false;
        };
        self.dispute(&payment.charge, following);
        true
    }
}

/// The statuses that may follow.
fn next(status: &str) -> &'static [&'static str] {
    match status {
        "warning_needs_response" => &["warning_under_review", "warning_closed", "needs_response"],
        "warning_under_review" => &["warning_closed", "needs_response"],
        "needs_response" => &["under_review", "won", "lost"],
        "under_review" => &["won", "lost"],
        _ => &[],
    }
}
