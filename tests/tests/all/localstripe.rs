//! Real input: localstripe, a Stripe-shaped server, tells a running `tierlift serve` what its
//! customers do. What it does not send (`customer.subscription.updated`) is sent for it, around the
//! object that its API returns.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tierlift_core::{
    ledger::Outcome,
    ports::{DeadLetters as _, Depth, Store as _},
};
use tierlift_testkit::{
    facts::{customer_id, event_id, user_id},
    harness::{
        eventually,
        localstripe::{CARD_DECLINED, CARD_PAYS, Localstripe, customer_of},
        socket::Socket,
    },
};
use tokio::sync::Mutex;

use crate::tierlift::{Home, Tierlift};

/// One plan is known by its price, the other by its product.
const CONFIG: &str = "roles = [\"free\", \"paid\", \"team\"]
[plans]
price_pro = \"paid\"
prod_team = \"team\"
";

/// localstripe with the server as its webhook endpoint.
async fn start(home: &Home, tierlift: &Tierlift) -> Localstripe {
    let url = format!("http://{}/webhooks/stripe", tierlift.address());
    Localstripe::start(&home.log(), &url).await
}

type Life = Pin<Box<dyn Future<Output = Person> + Send>>;

/// A user in front of their screen, while something happens at Stripe.
struct Person {
    user: &'static str,
    socket: Socket,
    stripe: Arc<Localstripe>,
    tierlift: Arc<Tierlift>,
    /// What was sent for localstripe.
    sent: Arc<Mutex<Vec<Value>>>,
    role: String,
    changes: u64,
    customers: Vec<String>,
}

impl Person {
    async fn customer(&mut self, named: bool, card: &str) -> String {
        let user = named.then_some(self.user);
        self.customers.push(self.stripe.customer(user, card).await);
        self.customers.last().unwrap().clone()
    }

    async fn subscribe(&self, customer: &str, plan: &str) -> String {
        self.stripe.subscribe(customer, plan, &[("metadata[user_id]", self.user)]).await
    }

    /// The next frame says that the role is now this one, and counts it.
    async fn becomes(&mut self, role: &str) {
        let notice = self.socket.hear_of_role().await;
        self.changes += 1;
        let upgraded = ["free", "paid", "team"].map(|known| (known == role, known == self.role));
        let rank = |of: fn(&(bool, bool)) -> bool| upgraded.iter().position(of).unwrap();
        let kind =
            if rank(|is| is.0) > rank(|is| is.1) { "ROLE_UPGRADED" } else { "ROLE_DOWNGRADED" };
        assert_eq!(notice["type"], kind, "{notice}");
        assert_eq!(notice["userId"], self.user);
        assert_eq!((&notice["previousRole"], &notice["role"]), (&json!(self.role), &json!(role)));
        assert_eq!(notice["revocationId"], self.changes, "{notice}");
        assert_eq!(notice["subscriptionActive"], role != "free");
        role.clone_into(&mut self.role);
    }

    /// Sends the `updated` that localstripe does not.
    async fn updated(&self, object: &Value, previous: &Value) {
        let event = self.stripe.updated(object, previous);
        self.tierlift.accepts(&event).await;
        self.sent.lock().await.push(event);
    }

    async fn upgrade(&mut self) -> (String, String) {
        let customer = self.customer(true, CARD_PAYS).await;
        let subscription = self.subscribe(&customer, "price_pro").await;
        self.becomes("paid").await;
        (customer, subscription)
    }

    async fn changes_plan_and_cancels(mut self) -> Self {
        let (_, subscription) = self.upgrade().await;
        for (plan, role) in [("plan_team_monthly", "team"), ("price_pro", "paid")] {
            let before = self.stripe.subscription(&subscription).await;
            let path = format!("/v1/subscriptions/{subscription}");
            let after = self.stripe.ask("POST", &path, &[("items[0][plan]", plan)]).await;
            assert_eq!(after["items"]["data"][0]["plan"]["id"], plan);
            self.updated(&after, &json!({ "items": before["items"], "plan": before["plan"] }))
                .await;
            self.becomes(role).await;
        }
        let path = format!("/v1/subscriptions/{subscription}");
        let ends = self.stripe.ask("POST", &path, &[("cancel_at_period_end", "true")]).await;
        // It stays until its end, and the role does not change.
        self.updated(&ends, &json!({ "cancel_at_period_end": false })).await;
        self.stripe.cancel(&subscription).await;
        self.becomes("free").await;
        self
    }

    async fn tries_and_stays(mut self) -> Self {
        let customer = self.customer(false, CARD_PAYS).await;
        let trial = [("metadata[user_id]", self.user), ("trial_period_days", "14")];
        let subscription = self.stripe.subscribe(&customer, "price_pro", &trial).await;
        let mut object = self.stripe.subscription(&subscription).await;
        let incomplete = object["status"].take();
        object["status"] = "trialing".into();
        self.updated(&object, &json!({ "status": incomplete })).await;
        self.becomes("paid").await;
        object["status"] = "active".into();
        self.updated(&object, &json!({ "status": "trialing" })).await;
        self
    }

    async fn goes_away(mut self) -> Self {
        let (customer, _) = self.upgrade().await;
        self.stripe.ask("DELETE", &format!("/v1/customers/{customer}"), &[]).await;
        self.becomes("free").await;
        self
    }

    async fn has_two_customers(mut self) -> Self {
        let (_, first) = self.upgrade().await;
        let customer = self.customer(false, CARD_PAYS).await;
        let second = self.subscribe(&customer, "plan_team_monthly").await;
        self.becomes("team").await;
        self.stripe.cancel(&second).await;
        self.becomes("paid").await;
        self.stripe.cancel(&first).await;
        self.becomes("free").await;
        self
    }

    async fn leaves_it_to_the_customer(mut self) -> Self {
        let customer = self.customer(true, CARD_PAYS).await;
        self.stripe.subscribe(&customer, "plan_team_monthly", &[]).await;
        self.becomes("team").await;
        self
    }

    async fn cannot_pay(mut self) -> Self {
        let customer = self.customer(true, CARD_DECLINED).await;
        self.subscribe(&customer, "price_pro").await;
        self
    }

    /// Created and deleted within one second, as localstripe often does it: which comes first is
    /// up to the network.
    async fn changes_their_mind(mut self) -> Self {
        let customer = self.customer(true, CARD_PAYS).await;
        for _ in 0..3 {
            let subscription = self.subscribe(&customer, "price_pro").await;
            self.stripe.cancel(&subscription).await;
        }
        self
    }
}

#[tokio::test]
async fn what_happens_at_stripe_reaches_the_screen_the_session_and_the_ledger() {
    let home = Home::new(CONFIG);
    let tierlift = Arc::new(home.serve());
    let stripe = Arc::new(start(&home, &tierlift).await);
    let sent = Arc::default();
    let person = async |user: &'static str| {
        let (socket, snapshot) = tierlift.socket(user).await;
        assert_eq!((&snapshot["role"], &snapshot["revocationId"]), (&json!("free"), &json!(0)));
        let (stripe, tierlift, sent) = (stripe.clone(), tierlift.clone(), Arc::clone(&sent));
        let (role, customers) = ("free".to_owned(), Vec::new());
        Person { user, socket, stripe, tierlift, sent, role, changes: 0, customers }
    };
    let lives: [Life; 7] = [
        Box::pin(person("ada").await.changes_plan_and_cancels()),
        Box::pin(person("bob").await.tries_and_stays()),
        Box::pin(person("cyd").await.goes_away()),
        Box::pin(person("dan").await.has_two_customers()),
        Box::pin(person("eve").await.leaves_it_to_the_customer()),
        Box::pin(person("fay").await.cannot_pay()),
        Box::pin(person("gil").await.changes_their_mind()),
    ];
    let mut people = join_all(lives).await;

    let sent: Vec<Value> = std::mem::take(&mut *sent.lock().await);
    eventually("everything that localstripe lists was processed", async || {
        let events = stripe.events().await.len() + sent.len();
        tierlift.processed().await == u64::try_from(events).unwrap()
    })
    .await;
    for person in &mut people {
        person.ends_where(&tierlift).await;
    }
    let events: Vec<Value> = stripe.events().await.into_iter().chain(sent).collect();
    let owners: BTreeMap<String, &'static str> = people
        .iter()
        .flat_map(|person| person.customers.iter().map(|customer| (customer.clone(), person.user)))
        .collect();
    let roles: Vec<_> = people.iter().map(|person| (person.user, person.role.clone())).collect();
    drop(people);
    drop(stripe);
    Arc::into_inner(tierlift).unwrap().finish().await;
    check_ledger(&home, &events, &owners, &roles).await;
    check_any_order(&home, &events, &owners, &roles).await;
}

impl Person {
    /// Nothing more was said on the socket, and socket and session agree.
    async fn ends_where(&mut self, tierlift: &Tierlift) {
        let session = tierlift.session(self.user).await;
        if self.user == "gil" {
            // Up and down for each purchase that came before its end.
            let changes = session["revocationId"].as_u64().unwrap();
            assert!(changes <= 6 && changes % 2 == 0, "{session}");
            for turn in 0..changes {
                self.becomes(if turn % 2 == 0 { "paid" } else { "free" }).await;
            }
        }
        self.socket.say(r#"{"action":"sync"}"#).await;
        let snapshot = self.socket.hear_of_role().await;
        assert_eq!(snapshot["type"], "SNAPSHOT", "a change too many: {snapshot}");
        for said in [&snapshot, &session] {
            assert_eq!(said["role"], self.role, "{}: {said}", self.user);
            assert_eq!(said["revocationId"], self.changes, "{}: {said}", self.user);
            assert_eq!(said["subscriptionActive"], self.role != "free");
        }
        assert_eq!(session["subscriptionExpiresAt"].is_null(), self.role == "free");
    }
}

/// Every event is in the ledger, at its user, and the account counts the changes that the rows show.
async fn check_ledger(
    home: &Home,
    events: &[Value],
    owners: &BTreeMap<String, &'static str>,
    roles: &[(&'static str, String)],
) {
    let db = home.db();
    assert_eq!(db.depth().await.unwrap(), Depth::default());
    let mut changes: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events {
        let row = db.ledger(&event_id(event["id"].as_str().unwrap())).await.unwrap();
        let row = row.unwrap_or_else(|| panic!("not in the ledger: {event}"));
        let owner = owners[customer_of(event)];
        assert_eq!(row.created.as_secs(), event["created"].as_i64().unwrap());
        assert!(!row.ambiguous, "{row:?}");
        if let [known] = &row.owners[..] {
            assert_eq!(known.user.as_str(), owner);
            *changes.entry(owner).or_default() += u64::from(row.changes_role());
        } else {
            assert_eq!(row.outcome, Outcome::Waiting, "{row:?}");
        }
    }
    for (user, role) in roles {
        let account = db.account(&user_id(user)).await.unwrap().unwrap();
        assert_eq!(account.role.as_str(), role);
        assert_eq!(account.revocation_id.0, changes[user], "{user}");
    }
}

/// The same events in any other order, to an empty server, end the same.
async fn check_any_order(
    first: &Home,
    events: &[Value],
    owners: &BTreeMap<String, &'static str>,
    roles: &[(&'static str, String)],
) {
    let home = Home::new(CONFIG);
    let tierlift = home.serve();
    for event in events.iter().rev() {
        tierlift.accepts(event).await;
    }
    tierlift.finish().await;
    let (db, first) = (home.db(), first.db());
    for (user, role) in roles {
        let account = db.account(&user_id(user)).await.unwrap().unwrap();
        let known = first.account(&user_id(user)).await.unwrap().unwrap();
        assert_eq!((account.role.as_str(), &account.grants), (&**role, &known.grants), "{user}");
    }
    for customer in owners.keys() {
        let customer = customer_id(customer);
        let [mut one, other] = [db.customer(&customer).await, first.customer(&customer).await]
            .map(|c| c.unwrap().unwrap());
        one.version = other.version;
        assert_eq!(one, other);
    }
}

#[tokio::test]
async fn a_purchase_waits_for_its_user() {
    let home = Home::new(CONFIG);
    let tierlift = home.serve();
    let stripe = start(&home, &tierlift).await;
    let (mut socket, _) = tierlift.socket("ada").await;
    let customer = stripe.customer(None, CARD_PAYS).await;
    stripe.subscribe(&customer, "price_pro", &[]).await;
    eventually("both wait", async || tierlift.processed().await == 2).await;
    assert_eq!(tierlift.session("ada").await["role"], "free");
    let path = format!("/v1/customers/{customer}");
    stripe.ask("POST", &path, &[("metadata[user_id]", "ada")]).await;
    let notice = socket.hear().await;
    assert_eq!((&notice["role"], &notice["revocationId"]), (&json!("paid"), &json!(1)));
    let events = stripe.events().await;
    assert_eq!(notice["eventId"], events.last().unwrap()["id"]);
    drop(socket);
    tierlift.finish().await;
    let db = home.db();
    let expected = [Outcome::Waiting, Outcome::Waiting, Outcome::Applied];
    assert_eq!(events.len(), expected.len());
    for (event, outcome) in events.iter().zip(expected) {
        let row = db.ledger(&event_id(event["id"].as_str().unwrap())).await.unwrap().unwrap();
        assert_eq!(row.outcome, outcome, "{row:?}");
    }
}
