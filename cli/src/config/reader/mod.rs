//! From TOML to a [`Config`]: the keys at the top level, and the position of every fault that core
//! finds. The tables are read by the files beside this one.

mod plans;
mod policy;
mod stripe;
mod tokens;
mod values;
mod webhooks_out;

use std::{collections::HashMap, ops::Range};

use tierlift_core::config::{Key, Origin, ValueError};
use toml::de::DeTable;

use self::values::TomlValue;
use super::{Config, Error, Fault, ROOT_KEYS};

pub(super) fn read(file: &str, text: &str) -> Result<Config, Error> {
    let mut reader =
        Reader { file, text, faults: Vec::new(), spans: HashMap::new(), has_roles: true };
    let mut config = Config::default();
    match DeTable::parse(text) {
        Ok(table) => {
            reader.root(table.get_ref(), &mut config);
            reader.check_policy(&config);
            reader.check_tokens(&config);
        }
        Err(error) => reader.fault(&error.span().unwrap_or(0..0), error.message().to_owned()),
    }
    if reader.faults.is_empty() {
        return Ok(config);
    }
    reader.faults.sort_by_key(|fault| (fault.line, fault.column));
    Err(Error(reader.faults))
}

struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    faults: Vec<Fault>,
    /// The position of each value that could be read and is core's to check.
    spans: HashMap<(Key, Part), Range<usize>>,
    /// Whether the roles are known: those of the file, or the default ones.
    has_roles: bool,
}

/// What a fault concerns: core names a key, and some keys hold several values.
#[derive(PartialEq, Eq, Hash)]
enum Part {
    /// The value. That of a plan is its role.
    Value,
    /// The key itself.
    Name,
    /// The days of a plan.
    Days,
    /// The first feature of that name.
    Feature(String),
}

impl Part {
    fn for_error(error: &ValueError) -> Self {
        if let ValueError::FeatureName(name) = error {
            Self::Feature(name.clone())
        } else if matches!(error, ValueError::FeatureRole(_)) {
            Self::Name
        } else if matches!(error, ValueError::PlanDays(_)) {
            Self::Days
        } else {
            Self::Value
        }
    }
}

impl Reader<'_> {
    fn root(&mut self, table: &DeTable<'_>, config: &mut Config) {
        let policy = &mut config.policy;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "roles" => self.roles(value, &mut policy.roles),
                "livemode" => self.livemode(value, &mut policy.livemode),
                "user_id_keys" => self.list(
                    &Key::UserIdKeys,
                    Key::UserIdKey,
                    "metadata keys, best first",
                    value,
                    &mut policy.user_id_keys,
                ),
                "connected_accounts" => self.list(
                    &Key::ConnectedAccounts,
                    Key::ConnectedAccount,
                    "account ids, acct_…",
                    value,
                    &mut policy.connected_accounts,
                ),
                "allowed_origins" => self.allowed_origins(value, &mut config.allowed_origins),
                "jwks_url" => self.jwks_url(value, &mut config.tokens.jwks_url),
                "issuer" => self.issuers(value, &mut config.tokens.issuer),
                "audience" => self.audiences(value, &mut config.tokens.audience),
                "account_claims" => self.account_claims(value, &mut config.tokens.account_claims),
                "session_max_age_days" => {
                    self.session_max_age(value, &mut config.tokens.session_max_age_days);
                }
                "stale_ok_seconds" => self.stale_ok(value, &mut config.stale_ok_seconds),
                "authorize" => self.authorize(value, &mut config.authorize_cookie),
                "plans" => self.plans(value, &mut policy.plans),
                "features" => self.features(value, &mut policy.features),
                "policy" => self.policy(value, policy),
                "purchases" => self.purchases(value, policy),
                "stripe" => self.stripe(value, &mut config.stripe),
                "webhooks_out" => self.webhooks_out(value, &mut config.webhooks_out),
                _ => self.unknown(key, "at the top level", ROOT_KEYS),
            }
        }
    }

    /// Reports what core finds wrong with the values that could be read.
    fn check_policy(&mut self, config: &Config) {
        for fault in config.policy.faults() {
            let is_about_roles =
                matches!(fault.error, ValueError::PlanRole { .. } | ValueError::FeatureRole(_));
            if is_about_roles && !self.has_roles {
                continue;
            }
            let place = (fault.key.clone(), Part::for_error(&fault.error));
            // Only values of the file have a position; the defaults are without fault.
            if let Some(span) = self.spans.get(&place).cloned() {
                self.fault(&span, fault.to_string());
            }
        }
    }

    fn roles(&mut self, value: TomlValue<'_, '_>, to: &mut Vec<String>) {
        let strings = self.strings(&Key::Roles, "role names, lowest first", value);
        let Some(roles) = strings.and_then(|roles| roles.into_iter().collect::<Option<Vec<_>>>())
        else {
            self.has_roles = false;
            return;
        };
        self.place(Key::Roles, Part::Value, value.span());
        to.clear();
        for (index, (name, span)) in roles.into_iter().enumerate() {
            self.place(Key::Role(index), Part::Value, span);
            to.push(name);
        }
    }

    fn livemode(&mut self, value: TomlValue<'_, '_>, to: &mut bool) {
        match value.get_ref().as_bool() {
            Some(livemode) => *to = livemode,
            None => self.wrong_type(&Key::Livemode, "true or false", value),
        }
    }

    fn allowed_origins(&mut self, value: TomlValue<'_, '_>, to: &mut Vec<Origin>) {
        let expected = "origins such as \"https://app.example.com\"";
        let origins = self.strings(&Key::AllowedOrigins, expected, value).unwrap_or_default();
        for (index, origin) in origins.into_iter().enumerate() {
            let Some((text, span)) = origin else { continue };
            match text.parse() {
                Ok(origin) => to.push(origin),
                Err(error) => self.invalid(&span, &Key::AllowedOrigin(index), &error),
            }
        }
    }
}
