//! The account: its clock, its objects, and the events that report their changes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::action_kind::ActionKind;
use super::objects::{
    Customer, Dated, Invoice, Link, LinkTarget, Payment, Price, Session, Subject, Subscription,
};
use super::rng::{Rng, mix};
use super::rules::Rules;
use super::shape::ApiShape;

/// An event, and what the simulation knows about it.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub created: i64,
    pub account: Option<String>,
    pub subject: Subject,
    /// The body of the webhook.
    pub body: Value,
}

/// An entry of the action log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub kind: ActionKind,
    /// The number of events that were sent before it.
    pub events: usize,
}

/// What a generated world may contain.
#[derive(Clone, Debug)]
pub struct Options {
    /// The maximum number of actions.
    pub actions_max: usize,
    /// The maximum number of states of a subscription.
    pub changes_max: usize,
    /// Whether operators link by hand. The test applies [`World::links`] itself.
    pub links: bool,
    /// The configuration; `None` generates one.
    pub rules: Option<Rules>,
}

impl Default for Options {
    fn default() -> Self {
        Self { actions_max: 28, changes_max: 12, links: false, rules: None }
    }
}

/// A simulated Stripe account.
#[derive(Clone, Debug)]
pub struct World {
    pub seed: u64,
    pub rules: Rules,
    pub shape: ApiShape,
    /// The clock; after generation, the time at which the oracle judges.
    pub now: i64,
    pub prices: BTreeMap<String, Price>,
    pub customers: BTreeMap<String, Customer>,
    pub subscriptions: BTreeMap<String, Subscription>,
    pub sessions: BTreeMap<String, Session>,
    pub invoices: BTreeMap<String, Invoice>,
    /// Payments by their charge.
    pub payments: BTreeMap<String, Payment>,
    pub links: Vec<Link>,
    /// Events in the order in which they happened.
    pub events: Vec<Event>,
    pub log: Vec<Dated<Action>>,
    pub(super) rng: Rng,
    pub(super) options: Options,
    ids: u64,
}

impl World {
    /// An account that has prices and nothing else, for histories written by hand.
    pub fn empty(rules: Rules, shape: ApiShape, now: i64) -> Self {
        Self {
            seed: 0,
            rules,
            shape,
            now,
            prices: catalogue(),
            customers: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            sessions: BTreeMap::new(),
            invoices: BTreeMap::new(),
            payments: BTreeMap::new(),
            links: vec![],
            events: vec![],
            log: vec![],
            rng: Rng::new(0),
            options: Options::default(),
            ids: 0,
        }
    }

    /// Advances the clock.
    pub fn advance(&mut self, seconds: i64) {
        self.now += seconds.max(0);
    }

    /// Returns a new id, such as `sub_0007`. Ids sort by age.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!("{prefix}_{:04}", self.ids)
    }

    /// Emits an event about an object. Event ids do not sort by age.
    pub(super) fn emit(
        &mut self,
        kind: &str,
        subject: Subject,
        account: Option<String>,
        object: Value,
        previous: Option<Value>,
    ) {
        let number = self.events.len() as u64;
        let id = format!("evt_{:016x}", mix(number.wrapping_add(mix(self.seed))));
        let mut data = json!({ "object": object });
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        let mut body = json!({
            "id": id, "object": "event", "type": kind, "created": self.now,
            "livemode": self.rules.livemode, "api_version": self.shape.api_version(),
            "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null }, "data": data,
        });
        if let Some(account) = &account {
            body["account"] = json!(account);
        }
        let kind = kind.to_owned();
        self.events.push(Event { id, kind, created: self.now, account, subject, body });
    }

    /// The connected account of a customer.
    pub(super) fn account_of(&self, customer: Option<&str>) -> Option<String> {
        customer.and_then(|id| self.customers.get(id)).and_then(|customer| customer.account.clone())
    }

    /// Links an object to a user by hand. Each link of an object has a second of its own.
    pub fn link(&mut self, target: LinkTarget, user: &str) {
        let same = |link: &Link| link.at == self.now && link.target == target;
        let taken = self.links.iter().any(same);
        self.advance(i64::from(taken));
        self.links.push(Link { at: self.now, target, user: user.to_owned() });
    }

    /// Moves the lookup key `team_monthly` from its price to a newer one.
    pub fn transfer_lookup_key(&mut self) {
        if let Some(old) = self.prices.get_mut("price_key") {
            old.lookup_key = None;
        }
        if let Some(new) = self.prices.get_mut("price_key_new") {
            new.lookup_key = Some("team_monthly".into());
        }
        let object = json!({ "id": "price_key_new", "object": "price", "product": "prod_key",
            "lookup_key": "team_monthly", "active": true });
        self.emit("price.updated", Subject::Nothing, None, object, None);
    }

    /// Ids of all subscriptions of a customer.
    pub fn subscriptions_of(&self, customer: &str) -> Vec<String> {
        let all = self.subscriptions.values();
        let own = all.filter(|subscription| subscription.customer == customer);
        own.map(|subscription| subscription.id.clone()).collect()
    }
}

fn catalogue() -> BTreeMap<String, Price> {
    let misc = (1..=10).map(|n| (format!("price_misc_{n:02}"), "prod_misc", None));
    [
        ("price_pro", "prod_pro", None),
        ("price_max", "prod_max", None),
        ("price_team", "prod_team", None),
        ("price_key", "prod_key", Some("team_monthly")),
        ("price_key_new", "prod_key", None),
        ("price_pass", "prod_pass", None),
        ("price_book", "prod_book", None),
        ("price_credits", "prod_misc", None),
    ]
    .into_iter()
    .map(|(id, product, key)| (id.to_owned(), product, key))
    .chain(misc)
    .map(|(id, product, key)| {
        (id, Price { product: product.to_owned(), lookup_key: key.map(String::from) })
    })
    .collect()
}
