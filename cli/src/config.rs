//! The configuration file: read once, refused as a whole where anything in it cannot be meant.
//!
//! Every fault is told with file, line, column and what is allowed, and all of them at once. An
//! unknown key is a fault: a misspelt `grace_days` must not mean the default.

use std::{fmt, ops::Range};

use tierlift_core::{
    limits::{GRACE_DAYS_MAX, ROLE_NAME_BYTES_MAX, ROLES_MAX},
    policy::{OPERATOR, PastDue, PolicyConfig, UnmappedPrice},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What a configuration says. Whether it is enough to serve with is another question.
#[derive(Clone, Debug)]
pub struct Config {
    /// Roles, plans and what lateness means.
    pub draft: PolicyConfig,
    /// Origins whose pages may use the session routes and sockets.
    pub allowed_origins: Vec<String>,
    /// Where the issuer of access tokens publishes its keys.
    pub jwks_url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            draft: PolicyConfig {
                roles: vec!["free".to_owned(), "paid".to_owned()],
                plans: Vec::new(),
                livemode: false,
                past_due: PastDue::Keep,
                grace_days: 3,
                unmapped_price: UnmappedPrice::Park,
            },
            allowed_origins: Vec::new(),
            jwks_url: None,
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    file: String,
    line: usize,
    column: usize,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)
    }
}

/// Everything that is wrong with a file, in its order. Never empty.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Error(pub Vec<Fault>);

impl Config {
    /// Reads a file's text; `file` is its name in faults.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let mut reader = Reader { file, text, faults: Vec::new() };
        let mut config = Self::default();
        match DeTable::parse(text) {
            Ok(table) => reader.root(table.get_ref(), &mut config),
            Err(error) => reader.fault(&error.span().unwrap_or(0..0), error.message().to_owned()),
        }
        if reader.faults.is_empty() {
            return Ok(config);
        }
        reader.faults.sort_by_key(|fault| (fault.line, fault.column));
        Err(Error(reader.faults))
    }
}

type Key<'a, 'i> = &'a Spanned<std::borrow::Cow<'i, str>>;
type Value<'a, 'i> = &'a Spanned<DeValue<'i>>;

const ROOT_KEYS: &[&str] = &["roles", "livemode", "allowed_origins", "jwks_url", "plans", "policy"];
const POLICY_KEYS: &[&str] = &["past_due", "grace_days", "unmapped_price"];

struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn root(&mut self, table: &DeTable<'_>, config: &mut Config) {
        let mut plans = None;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "roles" => config.draft.roles = self.roles(value),
                "livemode" => self.boolean("livemode", value, &mut config.draft.livemode),
                "allowed_origins" => config.allowed_origins = self.origins(value),
                "jwks_url" => config.jwks_url = self.jwks_url(value),
                "plans" => plans = self.table("plans", "price_pro = \"paid\"", value),
                "policy" => self.policy(value, &mut config.draft),
                _ => self.unknown(key, "at the top level", ROOT_KEYS),
            }
        }
        // Plans name roles, wherever in the file the roles stand.
        if let Some(plans) = plans {
            config.draft.plans = self.plans(plans, &config.draft.roles);
        }
    }

    fn policy(&mut self, value: Value<'_, '_>, draft: &mut PolicyConfig) {
        let Some(table) = self.table("policy", "past_due = \"keep\"", value) else { return };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "past_due" => {
                    let words = [("keep", PastDue::Keep), ("revoke", PastDue::Revoke)];
                    self.word("past_due", value, words, &mut draft.past_due);
                }
                "grace_days" => self.grace_days(value, &mut draft.grace_days),
                "unmapped_price" => {
                    let words = [("park", UnmappedPrice::Park), ("ignore", UnmappedPrice::Ignore)];
                    self.word("unmapped_price", value, words, &mut draft.unmapped_price);
                }
                _ => self.unknown(key, "in [policy]", POLICY_KEYS),
            }
        }
    }

    fn roles(&mut self, value: Value<'_, '_>) -> Vec<String> {
        let mut roles: Vec<String> = Vec::new();
        let list = self.strings("roles", "role names, lowest first", value);
        if value.get_ref().is_array() && !(1..=ROLES_MAX).contains(&list.len()) {
            let what = format!("roles has {} names; allowed: 1 to {ROLES_MAX}", list.len());
            self.fault(&value.span(), what);
        }
        for (name, span) in list {
            if roles.contains(&name) {
                self.fault(&span, format!("role {name:?} is listed twice; allowed: once each"));
            } else if name == OPERATOR {
                let what = format!(
                    "role {OPERATOR:?} always exists, above all others, and is given by hand; \
                     allowed: any other name"
                );
                self.fault(&span, what);
            } else if !(1..=ROLE_NAME_BYTES_MAX).contains(&name.len()) {
                let what =
                    format!("role {name:?}; allowed: names of 1 to {ROLE_NAME_BYTES_MAX} bytes");
                self.fault(&span, what);
            } else {
                roles.push(name);
            }
        }
        roles
    }

    fn plans(&mut self, table: &DeTable<'_>, roles: &[String]) -> Vec<(String, String)> {
        let mut plans = Vec::with_capacity(table.len());
        for (key, value) in table {
            let plan = key.get_ref().as_ref();
            let allowed = roles.join(", ");
            let DeValue::String(role) = value.get_ref() else {
                let name = format!("plan {plan:?}");
                self.wrong_type(&name, &format!("a role's name: {allowed}"), value);
                continue;
            };
            if roles.iter().any(|known| known == role) {
                plans.push((plan.to_owned(), role.to_string()));
            } else {
                let what = format!(
                    "plan {plan:?} earns role {role:?}, which is not in roles; allowed: {allowed}"
                );
                self.fault(&value.span(), what);
            }
        }
        plans
    }

    fn origins(&mut self, value: Value<'_, '_>) -> Vec<String> {
        let expected = "origins such as \"https://app.example.com\"";
        let list = self.strings("allowed_origins", expected, value);
        for (origin, span) in &list {
            if !is_origin(origin) {
                let what = format!(
                    "allowed_origins has {origin:?}; allowed: scheme and host, with a port where \
                     it is not the usual one, and nothing after it, such as \
                     \"https://app.example.com\" or \"http://127.0.0.1:8787\""
                );
                self.fault(span, what);
            }
        }
        list.into_iter().map(|(origin, _)| origin).collect()
    }

    fn jwks_url(&mut self, value: Value<'_, '_>) -> Option<String> {
        let expected = "the address of a key set, such as \"https://issuer/.well-known/jwks.json\"";
        let DeValue::String(url) = value.get_ref() else {
            self.wrong_type("jwks_url", expected, value);
            return None;
        };
        if !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) {
            self.fault(&value.span(), format!("jwks_url is {url:?}; allowed: {expected}"));
        }
        Some(url.to_string())
    }

    fn grace_days(&mut self, value: Value<'_, '_>, into: &mut u32) {
        let expected = format!("a whole number of days from 0 to {GRACE_DAYS_MAX}");
        let DeValue::Integer(days) = value.get_ref() else {
            return self.wrong_type("grace_days", &expected, value);
        };
        match u32::from_str_radix(days.as_str(), days.radix()) {
            Ok(days) if days <= GRACE_DAYS_MAX => *into = days,
            _ => self.fault(&value.span(), format!("grace_days is {days}; allowed: {expected}")),
        }
    }

    fn boolean(&mut self, name: &str, value: Value<'_, '_>, into: &mut bool) {
        match value.get_ref().as_bool() {
            Some(flag) => *into = flag,
            None => self.wrong_type(name, "true or false", value),
        }
    }

    fn word<T: Copy>(
        &mut self,
        name: &str,
        value: Value<'_, '_>,
        words: [(&str, T); 2],
        into: &mut T,
    ) {
        let allowed = words.map(|(word, _)| format!("{word:?}")).join(" or ");
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(name, &allowed, value);
        };
        match words.iter().find(|(word, _)| word == text) {
            Some((_, meaning)) => *into = *meaning,
            None => self.fault(&value.span(), format!("{name} is {text:?}; allowed: {allowed}")),
        }
    }

    fn strings(
        &mut self,
        name: &str,
        expected: &str,
        value: Value<'_, '_>,
    ) -> Vec<(String, Range<usize>)> {
        let expected = format!("a list of {expected}");
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong_type(name, &expected, value);
            return Vec::new();
        };
        let mut strings = Vec::with_capacity(list.len());
        for element in list {
            match element.get_ref().as_str() {
                Some(text) => strings.push((text.to_owned(), element.span())),
                None => self.wrong_type(&format!("an element of {name}"), &expected, element),
            }
        }
        strings
    }

    fn table<'a, 'i>(
        &mut self,
        name: &str,
        example: &str,
        value: Value<'a, 'i>,
    ) -> Option<&'a DeTable<'i>> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(table);
        }
        self.wrong_type(name, &format!("a table: [{name}], then lines such as {example}"), value);
        None
    }

    fn unknown(&mut self, key: Key<'_, '_>, place: &str, allowed: &[&str]) {
        let what =
            format!("unknown key {:?} {place}; allowed: {}", key.get_ref(), allowed.join(", "));
        self.fault(&key.span(), what);
    }

    fn wrong_type(&mut self, name: &str, expected: &str, value: Value<'_, '_>) {
        let found = value.get_ref().type_str();
        self.fault(&value.span(), format!("{name} is of type {found}; allowed: {expected}"));
    }

    fn fault(&mut self, span: &Range<usize>, what: String) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        self.faults.push(Fault { file: self.file.to_owned(), line, column, what });
    }
}

/// `scheme://host[:port]` and nothing after it, as browsers write it (RFC 6454, section 6.2).
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let forbidden = |c: char| c.is_whitespace() || c.is_uppercase() || "/?#@*,".contains(c);
    host.is_some_and(|host| !host.is_empty() && !host.contains(forbidden))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
