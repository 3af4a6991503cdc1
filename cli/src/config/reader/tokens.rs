//! Access tokens: who issues them, for whom, and how long a session lasts.

use tierlift_core::{
    config::{CookieName, JwksUrl, Key, ValueError},
    limits::STALE_OK_SECS_MAX,
};
use toml::de::DeValue;

use super::{Part, Reader, values::TomlValue};
use crate::config::{AUTHORIZE_KEYS, Config};

impl Reader<'_> {
    pub(super) fn jwks_url(&mut self, value: TomlValue<'_, '_>, to: &mut Option<JwksUrl>) {
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(&Key::JwksUrl, JwksUrl::FORMAT, value);
        };
        self.place(Key::JwksUrl, Part::Value, value.span());
        match text.parse() {
            Ok(url) => *to = Some(url),
            Err(error) => self.invalid(&value.span(), &Key::JwksUrl, &error),
        }
    }

    pub(super) fn issuers(&mut self, value: TomlValue<'_, '_>, to: &mut Vec<String>) {
        self.list(&Key::Issuers, Key::Issuer, "values of iss", value, to);
        self.place(Key::Issuers, Part::Value, value.span());
    }

    pub(super) fn audiences(&mut self, value: TomlValue<'_, '_>, to: &mut Vec<String>) {
        self.list(&Key::Audiences, Key::Audience, "values of aud", value, to);
        self.place(Key::Audiences, Part::Value, value.span());
    }

    pub(super) fn account_claims(&mut self, value: TomlValue<'_, '_>, to: &mut Vec<String>) {
        let key = Key::AccountClaims;
        if let Some(names) = self.strings(&key, "names of claims, of which the first is sub", value)
        {
            // What is no text is reported already.
            *to = names.into_iter().flatten().map(|(name, _)| name).collect();
            self.place(key, Part::Value, value.span());
        }
    }

    pub(super) fn session_max_age(&mut self, value: TomlValue<'_, '_>, to: &mut u32) {
        let key = Key::SessionMaxAgeDays;
        if let Some(days) = self.days(&key, &key, ValueError::SessionDays, value) {
            *to = days;
            self.place(key, Part::Value, value.span());
        }
    }

    pub(super) fn stale_ok(&mut self, value: TomlValue<'_, '_>, to: &mut u32) {
        let (key, error) = (Key::StaleOkSeconds, ValueError::StaleOkSeconds);
        match self.number(&key, "a whole number of seconds", error, value) {
            Some(secs) if secs <= STALE_OK_SECS_MAX => *to = secs,
            Some(secs) => self.invalid(&value.span(), &key, &error(secs.to_string())),
            // Reported already.
            None => {}
        }
    }

    pub(super) fn authorize(&mut self, value: TomlValue<'_, '_>, to: &mut Option<CookieName>) {
        let Some(table) = self.table(&Key::Authorize, "cookie = \"token\"", value) else { return };
        for (name, value) in table {
            if name.get_ref() != "cookie" {
                self.unknown(name, "in [authorize]", AUTHORIZE_KEYS);
                continue;
            }
            let DeValue::String(text) = value.get_ref() else {
                self.wrong_type(&Key::AuthorizeCookie, CookieName::FORMAT, value);
                continue;
            };
            match text.parse() {
                Ok(name) => *to = Some(name),
                Err(error) => self.invalid(&value.span(), &Key::AuthorizeCookie, &error),
            }
        }
    }

    /// Reports what core finds wrong. What is missing is reported where the key set is named.
    pub(super) fn check_tokens(&mut self, config: &Config) {
        for fault in config.tokens.faults() {
            let place = |key| self.spans.get(&(key, Part::Value)).cloned();
            if let Some(span) = place(fault.key.clone()).or_else(|| place(Key::JwksUrl)) {
                self.fault(&span, fault.to_string());
            }
        }
    }
}
