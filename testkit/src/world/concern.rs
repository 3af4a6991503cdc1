//! The users whom an event may concern. A test checks that it changes nobody else.

use std::collections::BTreeSet;

use super::account::{Event, World};
use super::objects::{LinkTarget, Metadata, Mode, Subject};
use super::oracle::Oracle;

/// The users whom an event may concern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concern {
    /// Every user whom any source ever names for the subject itself. Only these may gain or lose
    /// what the subject earns.
    pub own: BTreeSet<String>,
    /// In addition, every user of the customer. An event about one subject may move another one that
    /// has no source of its own (source 6), or the entitlements, which go to the one owner of
    /// everything live.
    pub customer: BTreeSet<String>,
}

impl World {
    /// The users whom an event may concern: none if its account does not count, or if it is not
    /// about access.
    pub fn concern(&self, event: &Event) -> Concern {
        if !self.rules.counts(event.account.as_deref()) {
            return Concern::default();
        }
        if let Subject::Purchase(id) = &event.subject
            && self.sessions.get(id).is_none_or(|it| Oracle::new(self).plan_of(it).is_none())
        {
            return Concern::default();
        }
        let customer = self.customer_of_subject(&event.subject);
        let mut own = self.named_for(&event.subject);
        let all = customer.as_deref().map(|id| self.users_of(id)).unwrap_or_default();
        if let Some(id) = &customer {
            own.extend(self.named_for(&Subject::Customer(id.clone())));
        }
        let indirect = customer.as_deref().is_some_and(|id| self.is_indirect(id));
        let about_customer = matches!(event.subject, Subject::Customer(_));
        if about_customer || self.names(&event.subject).is_empty() {
            own.extend(all.clone());
        }
        let customer = if indirect { all } else { BTreeSet::new() };
        Concern { own, customer }
    }

    fn customer_of_subject(&self, subject: &Subject) -> Option<String> {
        match subject {
            Subject::Customer(id) => Some(id.clone()),
            Subject::Subscription(id) => self.subscriptions.get(id).map(|it| it.customer.clone()),
            Subject::Purchase(id) => self.sessions.get(id).and_then(|it| it.customer.clone()),
            Subject::Nothing => None,
        }
    }

    /// Every user who is ever named for a customer or for anything that it has.
    fn users_of(&self, customer: &str) -> BTreeSet<String> {
        let subjects = self.subjects_of(customer).into_iter();
        let named = subjects.flat_map(|subject| self.named_for(&subject));
        named.chain(self.named_for(&Subject::Customer(customer.to_owned()))).collect()
    }

    fn subjects_of(&self, customer: &str) -> Vec<Subject> {
        let subscriptions = self.subscriptions_of(customer).into_iter().map(Subject::Subscription);
        let sessions = self.sessions.values().filter(|session| {
            session.mode == Mode::Payment
                && session.customer.as_deref() == Some(customer)
                && Oracle::new(self).plan_of(session).is_some()
        });
        subscriptions.chain(sessions.map(|it| Subject::Purchase(it.id.clone()))).collect()
    }

    /// Whether the customer has entitlements, or a subject without a source of its own.
    fn is_indirect(&self, customer: &str) -> bool {
        let entitled = self.customers.get(customer).is_some_and(|it| !it.summaries.is_empty());
        entitled || self.subjects_of(customer).iter().any(|subject| self.late_word(subject))
    }

    /// Whether a subject does not name a user from its first event on.
    fn late_word(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Subscription(id) => self
                .subscriptions
                .get(id)
                .is_none_or(|it| self.rules.named(&it.history[0].value.metadata).is_none()),
            Subject::Purchase(_) | Subject::Customer(_) | Subject::Nothing => {
                self.names(subject).is_empty()
            }
        }
    }

    fn named_for(&self, subject: &Subject) -> BTreeSet<String> {
        let mut names = self.names(subject);
        let target = match subject {
            Subject::Subscription(id) => Some(LinkTarget::Subscription(id.clone())),
            Subject::Customer(id) => Some(LinkTarget::Customer(id.clone())),
            Subject::Purchase(_) | Subject::Nothing => None,
        };
        let links = self.links.iter().filter(|link| Some(&link.target) == target.as_ref());
        names.extend(links.map(|link| link.user.clone()));
        names
    }

    /// The users whom the subject itself names: by metadata, or by its session, paid or not.
    fn names(&self, subject: &Subject) -> BTreeSet<String> {
        let named = |metadata: &Metadata| self.rules.named(metadata);
        match subject {
            Subject::Customer(id) => {
                let said = self.customers.get(id).into_iter().flat_map(|it| &it.metadata);
                said.filter_map(|said| named(&said.value)).collect()
            }
            Subject::Subscription(id) => {
                let states = self.subscriptions.get(id).into_iter().flat_map(|it| &it.history);
                let own = states.filter_map(|state| named(&state.value.metadata));
                own.chain(self.session_names(|it| it.subscription.as_ref() == Some(id))).collect()
            }
            Subject::Purchase(id) => self.session_names(|it| it.id == *id).collect(),
            Subject::Nothing => BTreeSet::new(),
        }
    }

    fn session_names<'w>(
        &'w self,
        chosen: impl Fn(&super::objects::Session) -> bool + 'w,
    ) -> impl Iterator<Item = String> + 'w {
        let sessions = self.sessions.values().filter(move |session| chosen(session));
        sessions.flat_map(|it| {
            let named = self.rules.named(&it.metadata);
            it.client_reference_id.clone().into_iter().chain(named)
        })
    }
}
