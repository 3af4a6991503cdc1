//! What purchases earn.

use std::collections::{BTreeMap, BTreeSet};

use super::super::objects::{Dated, Mode, Report, Session};
use super::super::rules::{Plan, Stack};
use super::subscription::Earned;
use super::{Oracle, Thing};

const DAY: i64 = 86_400;

impl Oracle<'_> {
    /// Whether a session is a purchase: of mode payment, paid, mapped, and of an account that
    /// counts.
    pub(super) fn is_purchase(&self, session: &Session) -> bool {
        session.mode == Mode::Payment
            && self.world.rules.counts(session.account.as_deref())
            && self.plan_of(session).is_some()
            && self.paid_since(session).is_some()
    }

    /// The report that counts: a final one over a pending one, and the later of two final ones.
    fn last_report(&self, session: &Session) -> Option<Dated<Report>> {
        let known = session.reports.iter().filter(|report| report.at <= self.at);
        known.max_by_key(|report| (report.value != Report::Unpaid, report.at)).cloned()
    }

    fn paid_since(&self, session: &Session) -> Option<i64> {
        self.last_report(session).filter(|report| report.value.is_paid()).map(|report| report.at)
    }

    /// The plan: the first one that is mapped of the metadata, the payment link, and the best of
    /// the line items.
    pub(crate) fn plan_of(&self, session: &Session) -> Option<Plan> {
        let plans = &self.world.rules.plans;
        let named = session.metadata.get("plan").and_then(|name| plans.get(name));
        let linked = session.payment_link.as_ref().and_then(|link| plans.get(link));
        let bought = session.line_items.iter().filter_map(|id| {
            let price = self.world.prices.get(id)?;
            let key = price.lookup_key.as_ref();
            plans.get(id).or_else(|| plans.get(&price.product)).or_else(|| plans.get(key?))
        });
        let best = bought.max_by_key(|plan| self.world.rules.rank(&plan.role));
        named.or(linked).or(best).cloned()
    }

    /// `sub_…`, `pi_…`, or `cs_…` if nothing had to be paid.
    pub(super) fn public_id(&self, thing: &Thing) -> String {
        match thing {
            Thing::Subscription(id) => id.clone(),
            Thing::Purchase(id) => {
                let session = self.world.sessions.get(id);
                session.and_then(|it| it.payment_intent.clone()).unwrap_or_else(|| id.clone())
            }
        }
    }

    /// The end of a purchase taken by itself.
    fn own_end(&self, id: &str) -> Option<i64> {
        let session = self.world.sessions.get(id)?;
        let days = self.plan_of(session)?.days?;
        Some(self.paid_since(session)? + i64::from(days) * DAY)
    }

    /// Whether its days, taken by themselves, are over.
    pub(super) fn has_run_out(&self, id: &str) -> bool {
        self.own_end(id).is_some_and(|end| end <= self.at)
    }

    /// The seconds in which purchases end, by themselves or stacked, for any user.
    pub(crate) fn purchase_ends(&self) -> Vec<i64> {
        let things = self.things();
        let ids = things.iter().filter_map(|thing| match thing {
            Thing::Purchase(id) => Some(id),
            Thing::Subscription(_) => None,
        });
        let own = ids.filter_map(|id| self.own_end(id)).collect::<Vec<_>>();
        let owners = things.iter().filter_map(|thing| self.owner(thing));
        let owners = owners.collect::<BTreeSet<_>>();
        let earned = owners.into_iter().flat_map(|user| self.earned_by(&user));
        own.into_iter().chain(earned.filter_map(|earned| earned.until)).collect()
    }

    /// Everything that a user earns, including what is over.
    pub(super) fn earned_by(&self, user: &str) -> Vec<Earned> {
        let own = self.things().into_iter().filter(|it| self.owner(it).as_deref() == Some(user));
        let own = own.collect::<Vec<_>>();
        let mut earned = vec![];
        for thing in &own {
            if let Thing::Subscription(id) = thing {
                earned.extend(self.earned_by_subscription(id));
            }
        }
        earned.extend(self.earned_by_purchases(&own));
        earned
    }

    fn earned_by_purchases(&self, own: &[Thing]) -> Vec<Earned> {
        let mut earned = vec![];
        // Start and length of each purchase, by role.
        let mut passes: BTreeMap<usize, Vec<(i64, i64, Thing)>> = BTreeMap::new();
        for thing in own {
            let Thing::Purchase(id) = thing else { continue };
            let Some(session) = self.world.sessions.get(id) else {
                continue;
            };
            let (Some(start), Some(plan)) = (self.paid_since(session), self.plan_of(session))
            else {
                continue;
            };
            if self.is_purchase_reversed(id) {
                continue;
            }
            let rank = self.world.rules.rank(&plan.role);
            match plan.days {
                None => earned.push(Earned { rank, end: None, until: None, by: thing.clone() }),
                Some(days) => {
                    let pass = (start, i64::from(days) * DAY, thing.clone());
                    passes.entry(rank).or_default().push(pass);
                }
            }
        }
        for (rank, mut passes) in passes {
            passes.sort();
            let by = passes[0].2.clone();
            let end = Some(self.stacked_end(&passes));
            earned.push(Earned { rank, end, until: end, by });
        }
        earned
    }

    fn stacked_end(&self, passes: &[(i64, i64, Thing)]) -> i64 {
        let mut end = 0;
        for (start, length, _) in passes {
            end = match self.world.rules.stack {
                Stack::Extend => end.max(*start) + length,
                Stack::Longest => end.max(start + length),
            };
        }
        end
    }
}
