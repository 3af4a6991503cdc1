//! A customer as it is now: what it has, and whose that is.

use serde::Serialize;
use tierlift_core::{
    customer::{Customer, Ownable},
    id::{CustomerId, UserId},
    owners::Owners,
    policy::Policy,
};

/// One subscription or purchase of a customer.
#[derive(Debug, Serialize)]
pub struct Thing {
    /// Its id.
    pub id: String,
    /// Stripe's status of a subscription.
    pub status: Option<String>,
    /// Whose it is.
    pub owner: Option<UserId>,
}

/// A customer as it is now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerState {
    /// The customer.
    pub customer: CustomerId,
    /// Whether it was deleted at Stripe.
    pub deleted: bool,
    /// Time since which something that was paid for has no owner.
    pub waiting_since: Option<String>,
    /// The user that it was linked to by hand.
    pub linked_to: Option<UserId>,
    /// Its subscriptions and purchases.
    pub things: Vec<Thing>,
}

impl CustomerState {
    pub(crate) fn new(customer: &Customer, policy: &Policy) -> Self {
        let owners = Owners::new(customer, policy);
        Self {
            customer: customer.id.clone(),
            deleted: customer.deleted,
            waiting_since: customer.waiting_since.map(|at| at.to_string()),
            linked_to: customer.links.manual.clone(),
            things: customer.ownables().map(|what| thing(&owners, what)).collect(),
        }
    }
}

fn thing(owners: &Owners<'_>, what: Ownable<'_>) -> Thing {
    let owner = owners.of(what).cloned();
    match what {
        Ownable::Subscription(id) => {
            let status = owners.state(id).map(|state| state.node.status.as_str().to_owned());
            Thing { id: id.to_string(), status, owner }
        }
        Ownable::Purchase(id) => Thing { id: id.to_string(), status: None, owner },
    }
}
