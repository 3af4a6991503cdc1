//! The kinds of action, and how often each is tried.

/// The kinds of action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[rustfmt::skip]
pub enum ActionKind {
    CreateCustomer, NameCustomer, DeleteCustomer, Summarize, SummarizeCutShort, LinkByHand,
    Subscribe, CheckoutSubscription, MoveOwner, Cancel,
    Renew, ChangePrice, AddItem, RemoveItem, ChangeQuantity, Grow, Shrink, TransferLookupKey,
    CancelAt, CancelAtPeriodEnd, UndoCancel, PauseCollection, ResumeCollection,
    EndTrial, PauseStatus, BecomePastDue, BecomeUnpaid, Recover, Activate, ExpireIncomplete,
    Purchase, GuestPurchase, BuyCredits, SetUpCard, AsyncSucceeded, AsyncFailed,
    PayInvoice, RefundPartly, RefundFully, FailRefund, OpenDispute, OpenInquiry, MoveDispute,
    ForeignTwin, Noise, UpgradeApi,
}

impl ActionKind {
    /// Every kind.
    #[rustfmt::skip]
    pub const ALL: &[Self] = {
        use ActionKind::*;
        &[
            CreateCustomer, NameCustomer, DeleteCustomer, Summarize, SummarizeCutShort, LinkByHand,
            Subscribe, CheckoutSubscription, MoveOwner, Cancel,
            Renew, ChangePrice, AddItem, RemoveItem, ChangeQuantity, Grow, Shrink, TransferLookupKey,
            CancelAt, CancelAtPeriodEnd, UndoCancel, PauseCollection, ResumeCollection,
            EndTrial, PauseStatus, BecomePastDue, BecomeUnpaid, Recover, Activate, ExpireIncomplete,
            Purchase, GuestPurchase, BuyCredits, SetUpCard, AsyncSucceeded, AsyncFailed,
            PayInvoice, RefundPartly, RefundFully, FailRefund, OpenDispute, OpenInquiry, MoveDispute,
            ForeignTwin, Noise, UpgradeApi,
        ]
    };

    /// The percentage of picks that are tried.
    pub(super) fn percent(self) -> usize {
        use ActionKind::*;
        match self {
            DeleteCustomer | Noise | UpgradeApi | TransferLookupKey => 15,
            CreateCustomer => 20,
            Cancel | ForeignTwin | SetUpCard | BuyCredits | SummarizeCutShort => 30,
            NameCustomer | LinkByHand => 40,
            Subscribe | CheckoutSubscription | MoveOwner | AsyncSucceeded => 100,
            _ => 70,
        }
    }
}
