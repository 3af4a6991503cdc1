//! What may happen in an account. Each action returns whether it was possible.

mod customers;
mod items;
mod money;
mod sales;
mod statuses;

use super::account::World;
use super::action_kind::ActionKind;
use super::objects::{Metadata, Node};
use super::shape::ApiShape;

const USERS: [&str; 4] = ["ada", "bob", "org-7", "zoe"];

impl World {
    /// Does an action on random objects. Returns whether it was possible.
    pub(super) fn act(&mut self, kind: ActionKind) -> bool {
        use ActionKind::*;
        match kind {
            CreateCustomer => self.act_create_customer(),
            NameCustomer => self.act_name_customer(),
            DeleteCustomer => self.act_delete_customer(),
            Summarize => self.act_summarize(false),
            SummarizeCutShort => self.act_summarize(true),
            LinkByHand => self.act_link(),
            Subscribe => self.act_subscribe(),
            CheckoutSubscription => self.act_checkout_subscription(),
            MoveOwner => self.act_move_owner(),
            Cancel => self.act_cancel(),
            Renew => self.act_renew(),
            ChangePrice => self.act_change_price(),
            AddItem => self.act_add_item(),
            RemoveItem => self.act_remove_item(),
            ChangeQuantity => self.act_change_quantity(),
            Grow => self.act_grow(),
            Shrink => self.act_shrink(),
            TransferLookupKey => self.act_transfer_lookup_key(),
            CancelAt => self.act_cancel_at(),
            CancelAtPeriodEnd => self.act_cancel_at_period_end(),
            UndoCancel => self.act_undo_cancel(),
            PauseCollection => self.act_pause_collection(),
            ResumeCollection => self.act_resume_collection(),
            EndTrial => self.act_end_trial(),
            PauseStatus => self.act_pause_status(),
            BecomePastDue => self.act_become_past_due(),
            BecomeUnpaid => self.act_become_unpaid(),
            Recover => self.act_recover(),
            Activate => self.act_activate(),
            ExpireIncomplete => self.act_expire_incomplete(),
            Purchase => self.act_purchase(false),
            GuestPurchase => self.act_purchase(true),
            BuyCredits => self.act_buy_credits(),
            SetUpCard => self.act_set_up_card(),
            AsyncSucceeded => self.act_finish_payment(true),
            AsyncFailed => self.act_finish_payment(false),
            PayInvoice => self.act_pay_invoice(),
            RefundPartly => self.act_refund(false),
            RefundFully => self.act_refund(true),
            FailRefund => self.act_fail_refund(),
            OpenDispute => self.act_open_dispute("needs_response"),
            OpenInquiry => self.act_open_dispute("warning_needs_response"),
            MoveDispute => self.act_move_dispute(),
            ForeignTwin => self.act_foreign_twin(),
            Noise => self.act_noise(),
            UpgradeApi => self.act_upgrade_api(),
        }
    }

    fn act_upgrade_api(&mut self) -> bool {
        let old = self.shape == ApiShape::Old;
        self.shape = ApiShape::Basil;
        old
    }

    fn a_user(&mut self) -> String {
        self.rng.pick_or(&USERS, USERS[0]).to_owned()
    }

    /// A metadata key that names a user under some configuration.
    fn a_key(&mut self) -> &'static str {
        self.rng.pick_or(&["user_id", "userId"], "user_id")
    }

    /// Metadata that names a user with this probability, and otherwise has nothing or another key.
    fn some_metadata(&mut self, percent: usize) -> Metadata {
        let (key, user) = (self.a_key(), self.a_user());
        if self.rng.chance(percent) {
            return Metadata::from([(key.to_owned(), user)]);
        }
        let other = Metadata::from([("campaign".to_owned(), "spring".to_owned())]);
        self.rng.pick_or(&[Metadata::new(), other], Metadata::new())
    }

    fn a_customer(&mut self) -> Option<String> {
        let all = self.customers.values().filter(|customer| customer.deleted_at.is_none());
        let ids = all.map(|customer| customer.id.clone()).collect::<Vec<_>>();
        self.rng.pick(&ids)
    }

    /// A subscription that is not over, can still change, and meets the condition.
    fn a_subscription(&mut self, wanted: impl Fn(&Node) -> bool) -> Option<String> {
        let max = self.options.changes_max;
        let all = self.subscriptions.values().filter(|subscription| {
            let node = subscription.node();
            subscription.history.len() < max && !node.status.is_terminal() && wanted(node)
        });
        let ids = all.map(|subscription| subscription.id.clone()).collect::<Vec<_>>();
        self.rng.pick(&ids)
    }

    fn node_of(&self, id: &str) -> Option<Node> {
        self.subscriptions.get(id).map(|subscription| subscription.node().clone())
    }
}

/// Whether an event shows all items.
fn shows_all(node: &Node) -> bool {
    node.items.len() <= node.shown
}
