//! The policy in variables: lists are separated by commas, and each part of a table is a pair with `=`.

use tierlift_core::{
    config::{Fault, Key, ValueError, parse_grace_days, parse_livemode},
    policy::{Access, PauseCollection, PlanConfig, Policy, PolicyConfig},
};

use super::{Environment, Error, list, variable};

/// Between the names of a role's features.
const FEATURE_SEPARATOR: char = '|';
/// Between a plan's role and its days.
const DAYS_SEPARATOR: char = ':';
/// The names of behaviors, for error messages.
const BEHAVIORS: &str = "\"keep\", \"revoke\", or a list such as \
                         keep_as_draft=keep,mark_uncollectible=keep,void=revoke";

/// The policy: what is not set has its default.
pub(super) fn policy(environment: &Environment) -> Result<Policy, Error> {
    let mut faults = Vec::new();
    let mut config = PolicyConfig {
        plans: plans(environment, &mut faults)?,
        features: features(environment)?,
        ..PolicyConfig::default()
    };
    for (key, to) in [
        (Key::Roles, &mut config.roles),
        (Key::UserIdKeys, &mut config.user_id_keys),
        (Key::IgnorePrices, &mut config.ignore_prices),
    ] {
        if let Some(parts) = environment.list(&key) {
            *to = parts;
        }
    }
    faults.extend(words(environment, &mut config));
    faults.extend(config.faults());
    if !faults.is_empty() {
        return Err(Error::Values(faults));
    }
    Policy::new(config).map_err(|faults| Error::Values(faults.0))
}

/// Connected accounts whose events count. Ingest needs them, and nothing else of the policy.
pub(super) fn connected_accounts(environment: &Environment) -> Result<Vec<String>, Error> {
    let connected_accounts = environment.list(&Key::ConnectedAccounts).unwrap_or_default();
    let config = PolicyConfig { connected_accounts, ..PolicyConfig::default() };
    let faults = config.faults();
    if faults.is_empty() { Ok(config.connected_accounts) } else { Err(Error::Values(faults)) }
}

/// Sets everything that has one word or number; returns what is wrong.
fn words(environment: &Environment, config: &mut PolicyConfig) -> Vec<Fault> {
    let pause = config.pause_collection;
    let parse_pause = |text: &str| pause_collection(text, pause);
    let (subscription, purchase) =
        (&mut config.subscription_reversal, &mut config.purchase_reversal);
    [
        environment.set(Key::Livemode, &mut config.livemode, parse_livemode),
        environment.set(Key::PastDue, &mut config.past_due, str::parse),
        environment.set(Key::GraceDays, &mut config.grace_days, parse_grace_days),
        environment.set(Key::UnmappedPrice, &mut config.unmapped_price, str::parse),
        environment.set(Key::PauseCollection, &mut config.pause_collection, parse_pause),
        environment.set(Key::Refund, &mut subscription.refund, str::parse),
        environment.set(Key::Dispute, &mut subscription.dispute, str::parse),
        environment.set(Key::PurchaseRefund, &mut purchase.refund, str::parse),
        environment.set(Key::PurchaseDispute, &mut purchase.dispute, str::parse),
        environment.set(Key::Stack, &mut config.stack, str::parse),
        environment.set(Key::Fetch, &mut config.fetch, str::parse),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `price_a=paid,month_pass=paid:30`
fn plans(environment: &Environment, faults: &mut Vec<Fault>) -> Result<Vec<PlanConfig>, Error> {
    let pairs = pairs(environment, &Key::Plans, "a list such as price_a=paid,month_pass=paid:30")?;
    let plan = |(key, value): (String, String)| {
        let (role, days) = match value.split_once(DAYS_SEPARATOR) {
            Some((role, days)) => (role.trim_end(), Some(days.trim_start())),
            None => (&*value, None),
        };
        let days = days.map(|text| (text, text.parse().ok()));
        if let Some((text, None)) = days {
            faults.push(ValueError::PlanDays(text.to_owned()).at(Key::Plan(key.clone())));
        }
        let days = days.and_then(|(_, days)| days);
        PlanConfig { days, ..PlanConfig::new(&key, role) }
    };
    Ok(pairs.into_iter().map(plan).collect())
}

/// `paid=export|api,pro=sso`
fn features(environment: &Environment) -> Result<Vec<(String, Vec<String>)>, Error> {
    let pairs = pairs(environment, &Key::AllFeatures, "a list such as paid=export|api,pro=sso")?;
    let of_role = |(role, names): (String, String)| {
        (role, names.split(FEATURE_SEPARATOR).map(|name| name.trim().to_owned()).collect())
    };
    Ok(pairs.into_iter().map(of_role).collect())
}

/// The pairs of a list, neither side of which is empty.
fn pairs(
    environment: &Environment,
    key: &Key,
    allowed: &'static str,
) -> Result<Vec<(String, String)>, Error> {
    let name = variable(key);
    let pair = |text: &str| {
        let (left, right) = text.split_once('=')?;
        let (left, right) = (left.trim(), right.trim());
        (!left.is_empty() && !right.is_empty()).then(|| (left.to_owned(), right.to_owned()))
    };
    let invalid = |text: &str| Error::Invalid { name, value: text.to_owned(), allowed };
    list(environment.get(name).unwrap_or_default())
        .map(|text| pair(text).ok_or_else(|| invalid(text)))
        .collect()
}

/// One word for every behavior, or pairs of a behavior and a word. What is not named stays as it is.
fn pause_collection(text: &str, mut to: PauseCollection) -> Result<PauseCollection, ValueError> {
    if let Ok(access) = text.parse::<Access>() {
        return Ok(PauseCollection::all(access));
    }
    for part in list(text) {
        let unknown = || ValueError::Word { value: part.to_owned(), allowed: BEHAVIORS };
        let (behavior, access) = part.split_once('=').ok_or_else(unknown)?;
        let access = access.trim().parse::<Access>().map_err(|_| unknown())?;
        *match behavior.trim() {
            "keep_as_draft" => &mut to.keep_as_draft,
            "mark_uncollectible" => &mut to.mark_uncollectible,
            "void" => &mut to.void,
            _ => return Err(unknown()),
        } = access;
    }
    Ok(to)
}
