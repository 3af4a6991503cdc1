//! The demo: a page to play with, logins without a password, and a Stripe that is made up.
//!
//! It exists with `--demo` alone, on loopback. Its webhooks are really signed and really posted to
//! this server's own endpoint; no route here writes a role.

mod assets;
mod play;
mod routes;

use std::net::SocketAddr;

use tierlift_core::policy::PolicyConfig;
use tierlift_embedded::Server;

use crate::{credentials::DEMO_WEBHOOK_SECRET, simulate::send::Target};
use play::Stage;

const PRICE: &str = "price_pro";
const ROLE: &str = "paid";

/// What the demo sells, and what that earns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    price: String,
    role: String,
}

impl Offer {
    /// The plan that earns most; where there is none, `price_pro` becomes one.
    pub(crate) fn of(draft: &mut PolicyConfig) -> Result<Self, String> {
        if draft.plans.is_empty() {
            let usual = draft.roles.iter().find(|role| *role == ROLE);
            let role = usual.or(draft.roles.last()).cloned().unwrap_or_default();
            draft.plans.push((PRICE.to_owned(), role));
        }
        let rank = |role: &String| draft.roles.iter().position(|known| known == role);
        let best = draft.plans.iter().max_by_key(|(_, role)| rank(role));
        let offer = best.map(|(price, role)| Self { price: price.clone(), role: role.clone() });
        offer.filter(|offer| rank(&offer.role) > Some(0)).ok_or_else(|| {
            "a demo needs a plan that earns more than the lowest role; see roles and [plans]"
                .to_owned()
        })
    }
}

/// Adds the demo's routes to a server that will listen on that address.
pub(crate) fn add_to(server: Server, offer: &Offer, address: SocketAddr) -> anyhow::Result<Server> {
    let guard = server.guard(&offer.role)?;
    let target = Target {
        url: format!("http://{address}/webhooks/stripe"),
        secret: DEMO_WEBHOOK_SECRET.to_owned(),
    };
    let stage = Stage::new(server.access().clone(), target, offer.price.clone());
    if !assets::is_built() {
        tracing::info!("client/demo/dist is not built: /demo is the plain page");
    }
    Ok(server.with_routes(routes::router(stage, guard)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn offer(roles: &[&str], plans: &[(&str, &str)]) -> Result<(String, String), String> {
        let mut draft = Config::default().draft;
        draft.roles = roles.iter().map(ToString::to_string).collect();
        draft.plans = plans.iter().map(|(p, r)| ((*p).to_owned(), (*r).to_owned())).collect();
        let offer = Offer::of(&mut draft)?;
        assert!(draft.plans.contains(&(offer.price.clone(), offer.role.clone())));
        Ok((offer.price, offer.role))
    }

    #[test]
    fn the_demo_sells_what_earns_most() {
        let sells = |roles: &[&str], plans: &[(&str, &str)]| offer(roles, plans).unwrap();
        let pair = |price: &str, role: &str| (price.to_owned(), role.to_owned());
        assert_eq!(sells(&["free", "paid"], &[]), pair("price_pro", "paid"));
        assert_eq!(sells(&["free", "paid", "pro"], &[]), pair("price_pro", "paid"));
        assert_eq!(sells(&["a", "b"], &[]), pair("price_pro", "b"));
        assert_eq!(sells(&["a", "b", "c"], &[("x", "c"), ("y", "b")]), pair("x", "c"));
        assert!(offer(&["free"], &[]).is_err());
        assert!(offer(&["free", "paid"], &[("x", "free")]).is_err());
    }
}
