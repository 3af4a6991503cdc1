//! Delivers the webhooks of a story to a store, in one order or in every order.

use super::*;

/// The usual policy with a change.
pub(super) fn policy_with(change: impl FnOnce(&mut PolicyConfig)) -> Policy {
    let mut config = config();
    change(&mut config);
    Policy::new(config).unwrap()
}

pub(super) fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

/// The store after some webhooks.
pub(super) fn after<'a>(
    bodies: impl IntoIterator<Item = &'a String>,
    policy: &Policy,
    now: Timestamp,
) -> ReferenceModel {
    let mut store = ReferenceModel::default();
    for body in bodies {
        store.deliver(body.as_bytes(), policy, now);
    }
    store
}

/// Delivers a story to a new store. Returns the store, and what the last webhook came to.
pub(super) fn tell(
    policy: &Policy,
    happens: impl FnOnce(&mut Stripe),
) -> (ReferenceModel, Option<Delivered>) {
    let mut stripe = Stripe::default();
    happens(&mut stripe);
    let mut store = ReferenceModel::default();
    let mut came = None;
    for body in &stripe.sent {
        came = Some(store.deliver(body.as_bytes(), policy, NOW));
    }
    (store, came)
}

/// Checks the roles of users, such as `ada:paid bob:free`, after a story, in every order of its webhooks,
/// and that everything else that is stored does not depend on the order either.
pub(super) fn check_orders(
    what: &str,
    policy: &Policy,
    happens: impl FnOnce(&mut Stripe),
    expected: &str,
) {
    let mut stripe = Stripe::default();
    happens(&mut stripe);
    assert!(stripe.sent.len() <= 6, "{what}: too many orders");
    let mut first = None;
    for order in orders(&stripe.sent) {
        let store = after(order, policy, NOW);
        assert_eq!(roles(&store, expected), expected, "{what}: {:#?}", rows(&store));
        let end = end_of(&store, policy);
        assert_eq!(first.get_or_insert_with(|| end.clone()), &end, "{what}");
    }
}

fn rows(store: &ReferenceModel) -> Vec<String> {
    store.ledger.values().map(|row| format!("{} {:?}", row.kind.as_str(), row.outcome)).collect()
}

/// The roles of the users that a text such as `ada:paid bob:free` names.
pub(super) fn roles(store: &ReferenceModel, names: &str) -> String {
    let names = names.split(' ').filter_map(|one| one.split_once(':'));
    let roles = names.map(|(name, _)| format!("{name}:{}", store.role(name).0));
    roles.collect::<Vec<_>>().join(" ")
}

/// Returns every order of the items.
pub(super) fn orders<T>(items: &[T]) -> Vec<Vec<&T>> {
    let mut orders = vec![Vec::new()];
    for item in items {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<&T>| {
                (0..=order.len()).map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, item);
                    order
                })
            })
            .collect();
    }
    orders
}

/// What must not depend on the order: everything except how often something changed, when, and by which
/// event.
pub(super) fn end_of(store: &ReferenceModel, policy: &Policy) -> End {
    let customers =
        store.customers().map(|customer| Customer { version: Version::default(), ..customer });
    let accounts = ["ada", "bob"].map(|name| {
        let known = store.account(&user(name));
        Account {
            revocation_id: crate::id::RevocationId::default(),
            changed_at: None,
            role_assigned_at: None,
            role_assigned_by: None,
            version: Version::default(),
            ..known.unwrap_or_else(|| Account::new(user(name), policy))
        }
    });
    let payments = PAYMENTS.map(|id| Payment {
        version: Version::default(),
        ..store.payment(&PaymentId::new(id).unwrap())
    });
    let invoices = INVOICES.map(|id| Invoice {
        version: Version::default(),
        ..store.invoice(&InvoiceId::new(id).unwrap())
    });
    (customers.collect(), accounts.into(), payments.into(), invoices.into())
}

pub(super) type End = (Vec<Customer>, Vec<Account>, Vec<Payment>, Vec<Invoice>);

/// The payments and invoices of the stories.
pub(super) const PAYMENTS: [&str; 15] = [
    "pi_0", "pi_1", "pi_2", "pi_3", "pi_4", "pi_5", "pi_6", "pi_7", "pi_8", "pi_9", "pi_10",
    "pi_11", "pi_12", "pi_13", "pi_14",
];
pub(super) const INVOICES: [&str; 6] = ["in_0", "in_1", "in_2", "in_3", "in_4", "in_5"];
