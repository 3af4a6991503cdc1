//! Grants by services: what somebody earned elsewhere, by another provider or by support, as a service of the
//! host says. Each has an id, so that it happens once, and counts like a purchase: until its end, without grace.
//!
//! What was withdrawn, or has ended, stays for as long as its row of the ledger: its id is known, and nothing
//! else can have it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    grant::{Entitlement, Shown},
    id::ServiceGrantId,
    limits::{LEDGER_KEPT_DAYS, SERVICE_GRANTS_PER_USER_MAX},
    policy::{Policy, Role},
    time::Timestamp,
};

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceGrant {
    /// The role.
    pub role: Role,
    /// Time until which it holds; `None` if it has no end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
    /// Time at which it was granted.
    pub granted_at: Timestamp,
    /// Time at which it was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub withdrawn_at: Option<Timestamp>,
}

impl ServiceGrant {
    /// Whether it gives access at that time.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.ended_at().is_none_or(|at| at > now)
    }

    /// When it ends, or ended; `None` if it has no end.
    fn ended_at(&self) -> Option<Timestamp> {
        self.withdrawn_at.into_iter().chain(self.until).min()
    }

    fn entitlement(&self) -> Entitlement {
        let (role, until) = (self.role.clone(), self.until);
        Entitlement { role, expires_at: until, access_until: until, shown: Shown::default() }
    }
}

/// There is no room for another grant.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the user has {SERVICE_GRANTS_PER_USER_MAX} grants by services")]
pub struct Full;

/// All grants of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceGrants(BTreeMap<ServiceGrantId, ServiceGrant>);

impl ServiceGrants {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The grant of that id.
    #[must_use]
    pub fn get(&self, id: &ServiceGrantId) -> Option<&ServiceGrant> {
        self.0.get(id)
    }

    /// Those that give access at that time.
    pub fn active(&self, now: Timestamp) -> impl Iterator<Item = (&ServiceGrantId, &ServiceGrant)> {
        self.0.iter().filter(move |(_, grant)| grant.is_active(now))
    }

    /// Adds a grant. If there is no room, it takes the place of the one that ended first, once that is no longer
    /// in the ledger either.
    pub(crate) fn add(
        &mut self,
        id: ServiceGrantId,
        grant: ServiceGrant,
        now: Timestamp,
    ) -> Result<(), Full> {
        if self.0.len() >= SERVICE_GRANTS_PER_USER_MAX {
            let forgotten = |grant: &ServiceGrant| {
                let at = grant.ended_at()?.max(grant.granted_at);
                (at.plus_days(LEDGER_KEPT_DAYS) < now).then_some(at)
            };
            let ended = self.0.iter().filter_map(|(id, grant)| Some((forgotten(grant)?, id)));
            let first = ended.min().map(|(_, id)| id.clone()).ok_or(Full)?;
            self.0.remove(&first);
        }
        self.0.insert(id, grant);
        Ok(())
    }

    /// Withdraws a grant; returns it, or `None` if there is none of that id.
    pub(crate) fn withdraw(
        &mut self,
        id: &ServiceGrantId,
        now: Timestamp,
    ) -> Option<&ServiceGrant> {
        let grant = self.0.get_mut(id)?;
        grant.withdrawn_at = grant.withdrawn_at.or(Some(now));
        Some(grant)
    }

    /// What they earn, of the roles that the policy has.
    pub(crate) fn entitlements(&self, policy: &Policy) -> impl Iterator<Item = Entitlement> {
        let known = |grant: &&ServiceGrant| {
            grant.withdrawn_at.is_none() && policy.role(grant.role.as_str()).is_some()
        };
        self.0.values().filter(known).map(ServiceGrant::entitlement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ServiceGrantId;

    fn grant(granted_at: i64, until: Option<i64>) -> ServiceGrant {
        let at = Timestamp::from_secs;
        ServiceGrant {
            role: Role::new("paid"),
            until: until.map(at),
            granted_at: at(granted_at),
            withdrawn_at: None,
        }
    }

    fn id(n: usize) -> ServiceGrantId {
        ServiceGrantId::new(&format!("web:{n}")).unwrap()
    }

    #[test]
    fn what_ended_makes_room_once_its_id_is_forgotten() {
        let day = |n: i64| n * 86_400;
        let now = |n| Timestamp::from_secs(day(n));
        let mut grants = ServiceGrants::default();
        for n in 0..SERVICE_GRANTS_PER_USER_MAX {
            let until = if n == 3 { Some(day(5)) } else { None };
            grants.add(id(n), grant(0, until), now(0)).unwrap();
        }
        grants.withdraw(&id(7), now(2)).unwrap();
        let add = |n, at| grants.clone().add(id(n), grant(at, None), now(at)).map(|()| n);
        assert_eq!(add(99, 2 + LEDGER_KEPT_DAYS), Err(Full), "the ledger has it for that long");
        assert_eq!(add(99, 3 + LEDGER_KEPT_DAYS), Ok(99));
        grants.add(id(99), grant(0, None), now(9 + LEDGER_KEPT_DAYS)).unwrap();
        assert_eq!((grants.get(&id(7)), grants.get(&id(3)).is_some()), (None, true));
        grants.add(id(100), grant(0, None), now(9 + LEDGER_KEPT_DAYS)).unwrap();
        assert_eq!(grants.get(&id(3)), None, "then the one that ended next");
        assert_eq!(
            grants.add(id(101), grant(0, None), now(9_999)),
            Err(Full),
            "no other has ended"
        );
    }
}
