//! Whose a subscription or a purchase is: decided for each of them, never for the customer.

use std::collections::BTreeSet;

use super::Customer;
use crate::id::{PurchaseId, SubscriptionId, UserId};

/// Something that a user can own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownable<'a> {
    /// A subscription.
    Subscription(&'a SubscriptionId),
    /// A purchase.
    Purchase(&'a PurchaseId),
}

/// The users that the sources of one thing name.
struct Sources<'a> {
    link: Option<&'a UserId>,
    own: Option<&'a UserId>,
}

impl Customer {
    /// The user that owns a subscription or a purchase: the first source that names somebody counts,
    /// whenever it did.
    ///
    /// 1. a link by hand for it; 2. one for the customer; 3. its own metadata; 4. the Checkout Session
    ///    that made it; 5. the customer's metadata; 6. the one user whom everything else of the customer
    ///    names by its own sources, if there is exactly one.
    #[must_use]
    pub fn owner(&self, what: Ownable<'_>) -> Option<&UserId> {
        let Sources { link, own } = self.sources(what)?;
        link.or(self.links.manual.as_ref())
            .or(own)
            .or_else(|| self.user_by_metadata())
            .or_else(|| self.sole_user_beside(what))
    }

    /// All users that own something.
    #[must_use]
    pub fn owners(&self) -> BTreeSet<UserId> {
        self.ownables().filter_map(|what| self.owner(what).cloned()).collect()
    }

    /// The user that owns everything that has an owner, if there is exactly one.
    #[must_use]
    pub fn sole_owner(&self) -> Option<UserId> {
        let mut owners = self.owners();
        if owners.len() == 1 { owners.pop_first() } else { None }
    }

    /// The user to whom the customer's features belong: the owner of all that is not over. If nothing is,
    /// or nothing has an owner, the user that the customer itself is linked to.
    #[must_use]
    pub fn feature_owner(&self) -> Option<&UserId> {
        let live = self.ownables().filter(|what| self.is_live(*what));
        let owners: BTreeSet<&UserId> = live.filter_map(|what| self.owner(what)).collect();
        match owners.len() {
            0 => self.links.manual.as_ref().or_else(|| self.user_by_metadata()),
            1 => owners.into_iter().next(),
            _ => None,
        }
    }

    fn is_live(&self, what: Ownable<'_>) -> bool {
        match what {
            Ownable::Subscription(id) => {
                self.subscriptions.get(id).is_some_and(|known| !known.record.is_ended())
            }
            Ownable::Purchase(id) => {
                self.purchases.get(id).is_some_and(|known| known.paid_at_secs().is_some())
            }
        }
    }

    fn ownables(&self) -> impl Iterator<Item = Ownable<'_>> {
        let subscriptions = self.subscriptions.keys().map(Ownable::Subscription);
        subscriptions.chain(self.purchases.keys().map(Ownable::Purchase))
    }

    fn sources(&self, what: Ownable<'_>) -> Option<Sources<'_>> {
        match what {
            Ownable::Subscription(id) => {
                let known = self.subscriptions.get(id)?;
                Some(Sources { link: known.link.as_ref(), own: known.user() })
            }
            Ownable::Purchase(id) => {
                let known = self.purchases.get(id)?;
                let own = known.checkout.as_ref().map(|latest| &latest.value);
                Some(Sources { link: known.link.as_ref(), own })
            }
        }
    }

    fn user_by_metadata(&self) -> Option<&UserId> {
        self.links.customer.as_ref().and_then(|latest| latest.value.as_ref())
    }

    fn sole_user_beside(&self, what: Ownable<'_>) -> Option<&UserId> {
        let others = self.ownables().filter(|other| *other != what);
        let mut named = others.filter_map(|other| {
            let Sources { link, own } = self.sources(other)?;
            link.or(own)
        });
        let first = named.next()?;
        named.all(|user| user == first).then_some(first)
    }
}
