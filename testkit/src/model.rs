//! The reference model for generated events: one policy, one moment.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "generated events are well-formed"
)]

use tierlift_core::{
    id::EventId, model, policy::Policy, stripe::event::Event as Read, time::Timestamp,
};

pub use crate::facts::policy;
use crate::lifecycle::Event;

/// Reads an event as the server does.
#[must_use]
pub fn read(event: &Event) -> Read {
    let keys = &policy().user_id_keys;
    Read::parse(EventId::new(&event.id).unwrap(), event.kind, &event.body, keys).unwrap()
}

/// Customers, accounts and the ledger, at one moment.
#[derive(Debug)]
pub struct ReferenceModel {
    /// What is stored.
    pub stored: model::ReferenceModel,
    policy: Policy,
    now: Timestamp,
}

impl ReferenceModel {
    /// An empty model that decides at that time.
    #[must_use]
    pub fn new(policy: Policy, now_secs: i64) -> Self {
        let (stored, now) = (model::ReferenceModel::default(), Timestamp::from_secs(now_secs));
        Self { stored, policy, now }
    }

    /// The user's role now.
    #[must_use]
    pub fn role(&self, user: &str) -> String {
        let account = self.stored.account(&crate::facts::user_id(user)).unwrap();
        account.effective(&self.policy, self.now).role.to_string()
    }

    /// Decides on an event and writes the decision. A second delivery changes nothing.
    pub fn deliver(&mut self, event: &Event) {
        let delivered = self.stored.deliver(&event.body, &self.policy, self.now);
        let parked = matches!(delivered, model::Delivered::Parked(_) | model::Delivered::Ignored);
        assert!(!parked, "{delivered:?}: {event:?}");
    }
}
