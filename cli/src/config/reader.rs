//! From TOML to a [`Config`]: types, unknown keys, and the position of every value.

use std::{borrow::Cow, collections::HashMap, ops::Range, str::FromStr};

use tierlift_core::{
    config::{JwksUrl, Key, Origin, ValueError},
    policy::{PastDue, UnmappedPrice},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Config, Error, Fault, POLICY_KEYS, ROOT_KEYS};

type TomlKey<'a, 'i> = &'a Spanned<Cow<'i, str>>;
type TomlValue<'a, 'i> = &'a Spanned<DeValue<'i>>;

pub(super) fn read(file: &str, text: &str) -> Result<Config, Error> {
    let mut reader =
        Reader { file, text, faults: Vec::new(), spans: HashMap::new(), has_roles: true };
    let mut config = Config::default();
    match DeTable::parse(text) {
        Ok(table) => {
            reader.root(table.get_ref(), &mut config);
            reader.check_policy(&config);
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
    /// The position of each value that could be read.
    spans: HashMap<Key, Range<usize>>,
    /// Whether the roles are known: those of the file, or the default ones.
    has_roles: bool,
}

impl Reader<'_> {
    fn root(&mut self, table: &DeTable<'_>, config: &mut Config) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "roles" => self.roles(value, config),
                "livemode" => self.livemode(value, config),
                "allowed_origins" => self.allowed_origins(value, config),
                "jwks_url" => self.jwks_url(value, config),
                "plans" => self.plans(value, config),
                "policy" => self.policy(value, config),
                _ => self.unknown(key, "at the top level", ROOT_KEYS),
            }
        }
    }

    fn policy(&mut self, value: TomlValue<'_, '_>, config: &mut Config) {
        let Some(table) = self.table(&Key::Policy, "past_due = \"keep\"", value) else { return };
        let policy = &mut config.policy;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "past_due" => {
                    self.text(Key::PastDue, PastDue::FORMAT, value, &mut policy.past_due);
                }
                "grace_days" => self.grace_days(value, &mut policy.grace_days),
                "unmapped_price" => {
                    let format = UnmappedPrice::FORMAT;
                    self.text(Key::UnmappedPrice, format, value, &mut policy.unmapped_price);
                }
                _ => self.unknown(key, "in [policy]", POLICY_KEYS),
            }
        }
    }

    /// Reports what core finds wrong with the values that could be read.
    fn check_policy(&mut self, config: &Config) {
        for fault in config.policy.faults() {
            let can_be_checked = self.has_roles || !matches!(fault.key, Key::Plan(_));
            // Only values of the file have a position; the defaults are without fault.
            if let Some(span) = self.spans.get(&fault.key).cloned().filter(|_| can_be_checked) {
                self.fault(&span, fault.to_string());
            }
        }
    }

    fn roles(&mut self, value: TomlValue<'_, '_>, config: &mut Config) {
        let Some(roles) = self.strings(&Key::Roles, Key::Role, "role names, lowest first", value)
        else {
            self.has_roles = false;
            return;
        };
        self.spans.insert(Key::Roles, value.span());
        config.policy.roles = roles.into_iter().map(|(name, _)| name).collect();
    }

    fn livemode(&mut self, value: TomlValue<'_, '_>, config: &mut Config) {
        match value.get_ref().as_bool() {
            Some(livemode) => config.policy.livemode = livemode,
            None => self.wrong_type(&Key::Livemode, "true or false", value),
        }
    }

    fn plans(&mut self, value: TomlValue<'_, '_>, config: &mut Config) {
        let Some(table) = self.table(&Key::Plans, "price_pro = \"paid\"", value) else { return };
        for (name, value) in table {
            let (name, key) = (name.get_ref(), Key::Plan(name.get_ref().to_string()));
            let DeValue::String(role) = value.get_ref() else {
                self.wrong_type(&key, "the name of a role", value);
                continue;
            };
            config.policy.plans.push((name.to_string(), role.to_string()));
            self.spans.insert(key, value.span());
        }
    }

    fn allowed_origins(&mut self, value: TomlValue<'_, '_>, config: &mut Config) {
        let expected = "origins such as \"https://app.example.com\"";
        let origins = self.strings(&Key::AllowedOrigins, Key::AllowedOrigin, expected, value);
        for (index, (text, span)) in origins.unwrap_or_default().into_iter().enumerate() {
            match text.parse::<Origin>() {
                Ok(origin) => config.allowed_origins.push(origin),
                Err(error) => self.invalid(&span, Key::AllowedOrigin(index), error),
            }
        }
    }

    fn jwks_url(&mut self, value: TomlValue<'_, '_>, config: &mut Config) {
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(&Key::JwksUrl, JwksUrl::FORMAT, value);
        };
        match text.parse() {
            Ok(url) => config.jwks_url = Some(url),
            Err(error) => self.invalid(&value.span(), Key::JwksUrl, error),
        }
    }

    fn grace_days(&mut self, value: TomlValue<'_, '_>, to: &mut u32) {
        let DeValue::Integer(days) = value.get_ref() else {
            return self.wrong_type(&Key::GraceDays, "a whole number of days", value);
        };
        if let Ok(days) = u32::from_str_radix(days.as_str(), days.radix()) {
            *to = days;
            self.spans.insert(Key::GraceDays, value.span());
        } else {
            let error = ValueError::GraceDays(days.to_string());
            self.invalid(&value.span(), Key::GraceDays, error);
        }
    }

    fn text<T: FromStr<Err = ValueError>>(
        &mut self,
        key: Key,
        expected: &str,
        value: TomlValue<'_, '_>,
        to: &mut T,
    ) {
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(&key, expected, value);
        };
        match text.parse() {
            Ok(value) => *to = value,
            Err(error) => self.invalid(&value.span(), key, error),
        }
    }

    /// The strings of a list with their positions; `None` if the list is none of strings.
    fn strings(
        &mut self,
        key: &Key,
        element_key: fn(usize) -> Key,
        expected: &str,
        value: TomlValue<'_, '_>,
    ) -> Option<Vec<(String, Range<usize>)>> {
        let expected = format!("a list of {expected}");
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong_type(key, &expected, value);
            return None;
        };
        let mut strings = Vec::with_capacity(list.len());
        for (index, element) in list.iter().enumerate() {
            match element.get_ref().as_str() {
                Some(text) => {
                    self.spans.insert(element_key(index), element.span());
                    strings.push((text.to_owned(), element.span()));
                }
                None => self.wrong_type(&element_key(index), &expected, element),
            }
        }
        (strings.len() == list.len()).then_some(strings)
    }

    fn table<'a, 'i>(
        &mut self,
        key: &Key,
        example: &str,
        value: TomlValue<'a, 'i>,
    ) -> Option<&'a DeTable<'i>> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(table);
        }
        let expected = format!("a table: [{key}], then lines such as {example}");
        self.wrong_type(key, &expected, value);
        None
    }

    fn unknown(&mut self, key: TomlKey<'_, '_>, table: &str, allowed: &[&str]) {
        let message =
            format!("unknown key {:?} {table}; allowed: {}", key.get_ref(), allowed.join(", "));
        self.fault(&key.span(), message);
    }

    fn wrong_type(&mut self, key: &Key, expected: &str, value: TomlValue<'_, '_>) {
        let found = value.get_ref().type_str();
        self.fault(&value.span(), format!("{key} is of type {found}; allowed: {expected}"));
    }

    fn invalid(&mut self, span: &Range<usize>, key: Key, error: ValueError) {
        self.fault(span, error.at(key).to_string());
    }

    fn fault(&mut self, span: &Range<usize>, message: String) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        self.faults.push(Fault { file: self.file.to_owned(), line, column, message });
    }
}
