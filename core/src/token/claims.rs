//! The claims of a token whose signature is right: whom they name, and whether they are meant for us.
//!
//! | claim | of an issuer with a key set | signed with the shared secret, or by tierlift's own key |
//! | --- | --- | --- |
//! | `iss` | required, one of `issuer` | one of `issuer`, if both are there |
//! | `aud`, or without it `azp`, or else `client_id` | required, one of `audience` | `aud` is one of `audience`, if both are there |
//! | `token_use` | `access`, if it is there | not read |
//!
//! Several issuers write no `aud` into their access tokens: Clerk says `azp`, Cognito `client_id`. Cognito's ID
//! tokens differ from its access tokens by `token_use` alone.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::{Claims, Error, SUBJECT, accounts, config::Rules};
use crate::{id::UserId, limits::TOKEN_CLOCK_SKEW_SECS, time::Timestamp};

/// Who signed a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    /// Somebody who knows the shared secret, the host or tierlift; or tierlift by a key of its own.
    Own,
    /// An issuer with a key set.
    Issuer,
}

/// All claims of a token, each of which stands there once (RFC 7519, section 4).
pub(super) struct ClaimSet(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for ClaimSet {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Unique;
        impl<'de> de::Visitor<'de> for Unique {
            type Value = ClaimSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose names are unique")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<ClaimSet, A::Error> {
                let mut claims = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if claims.insert(name, value).is_some() {
                        return Err(de::Error::custom("a claim stands there twice"));
                    }
                }
                Ok(ClaimSet(claims))
            }
        }
        from.deserialize_map(Unique)
    }
}

impl ClaimSet {
    /// Checks the claims at a time.
    pub(super) fn check(
        self,
        signer: Signer,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Claims, Error> {
        let expires_at = self.time("exp")?.ok_or(Error::Invalid)?;
        let not_before = self.time("nbf")?;
        self.check_recipient(signer, rules)?;
        let session_ends_at = match signer {
            Signer::Own => rules.session_end(self.time("auth_time").ok().flatten(), now),
            // How long a session of another issuer lasts is that issuer's business.
            Signer::Issuer => None,
        };
        if session_ends_at.is_some_and(|end| end <= now) {
            return Err(Error::SessionExpired);
        }
        let ends_at = expires_at.plus_secs(TOKEN_CLOCK_SKEW_SECS);
        if ends_at <= now {
            return Err(Error::Expired);
        }
        if not_before.is_some_and(|nbf| nbf > now.plus_secs(TOKEN_CLOCK_SKEW_SECS)) {
            return Err(Error::NotYetValid);
        }
        let user = self.user()?;
        Ok(Claims {
            others: accounts::others(&self.0, &rules.account_claims, &user)?,
            known: accounts::known(self.get("rev"), self.get("epoch"), &user)?,
            user,
            issued_at: self.time("iat").ok().flatten(),
            expires_at,
            valid_until: session_ends_at.map_or(ends_at, |end| end.min(ends_at)),
            own: (signer == Signer::Own).then_some(self.0),
        })
    }

    fn check_recipient(&self, signer: Signer, rules: &Rules) -> Result<(), Error> {
        let (issuer, mut audience) = (self.get("iss"), self.get("aud"));
        if signer == Signer::Issuer {
            audience = audience.or_else(|| self.get("azp")).or_else(|| self.get("client_id"));
        }
        // Whoever knows the shared secret may leave both out.
        let is_optional = |listed: &[String]| signer == Signer::Own && listed.is_empty();
        let may_be_missing = signer == Signer::Own;
        let (issuers, audiences) = (&rules.issuer, &rules.audience);
        let is_ours = is_optional(issuers)
            || issuer.map_or(may_be_missing, |issuer| is_listed(issuer, issuers));
        let is_for_us = is_optional(audiences)
            || audience.map_or(may_be_missing, |audience| names(audience, audiences));
        let is_access = signer == Signer::Own
            || self.get("token_use").is_none_or(|token_use| token_use == "access");
        match (is_ours, is_for_us, is_access) {
            (false, _, _) => Err(Error::Issuer),
            (_, false, _) => Err(Error::Audience),
            (_, _, false) => Err(Error::Type),
            (true, true, true) => Ok(()),
        }
    }

    fn user(&self) -> Result<UserId, Error> {
        let subject = self.get(SUBJECT).and_then(Value::as_str).ok_or(Error::Subject)?;
        UserId::new(subject).map_err(|_| Error::Subject)
    }

    /// A claim; `null` is as good as none.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn number<T>(&self, name: &str, parse: fn(&Value) -> Option<T>) -> Result<Option<T>, Error> {
        self.get(name).map(|value| parse(value).ok_or(Error::Invalid)).transpose()
    }

    /// A time in seconds, which may have a fraction (`NumericDate` of RFC 7519).
    fn time(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        let secs = self.number(name, Value::as_f64)?;
        secs.map(|secs| numeric_date(secs).ok_or(Error::Invalid)).transpose()
    }
}

/// Whether a claim is a text that is listed.
fn is_listed(claim: &Value, listed: &[String]) -> bool {
    claim.as_str().is_some_and(|text| listed.iter().any(|known| known == text))
}

/// Whether a claim, a text or a list of texts, names an audience that is listed.
fn names(claim: &Value, listed: &[String]) -> bool {
    match claim.as_array() {
        Some(audiences) => audiences.iter().any(|audience| is_listed(audience, listed)),
        None => is_listed(claim, listed),
    }
}

/// The time of a `NumericDate`.
pub(super) fn numeric_date(secs: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "bounded to years that RFC 3339 can write")]
    (0.0..=253_402_300_799.0).contains(&secs).then(|| Timestamp::from_secs(secs as i64))
}
