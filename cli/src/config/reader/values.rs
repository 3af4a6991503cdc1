//! Values by their type, and the faults of those that have another one. Which values of a type are
//! allowed is core's to say.

use std::{borrow::Cow, fmt::Display, ops::Range, str::FromStr};

use tierlift_core::config::{Key, ValueError};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Part, Reader};
use crate::config::Fault;

pub(super) type TomlKey<'a, 'i> = &'a Spanned<Cow<'i, str>>;
pub(super) type TomlValue<'a, 'i> = &'a Spanned<DeValue<'i>>;
/// A text and its position.
pub(super) type Text = (String, Range<usize>);

impl Reader<'_> {
    /// A text that is parsed. `path` names it in faults, as in all functions here.
    pub(super) fn text<T: FromStr<Err = ValueError>>(
        &mut self,
        path: &dyn Display,
        expected: &str,
        value: TomlValue<'_, '_>,
        to: &mut T,
    ) {
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(path, expected, value);
        };
        match text.parse() {
            Ok(parsed) => *to = parsed,
            Err(error) => self.invalid(&value.span(), path, &error),
        }
    }

    /// A number of days; `error` is for one that no limit allows.
    pub(super) fn days(
        &mut self,
        path: &dyn Display,
        key: &Key,
        error: fn(String) -> ValueError,
        value: TomlValue<'_, '_>,
    ) -> Option<u32> {
        let DeValue::Integer(_) = value.get_ref() else {
            self.wrong_type(path, "a whole number of days", value);
            return None;
        };
        self.number(key, "a whole number of days", error, value)
    }

    /// A number that is not negative; `error` is for one that no limit allows.
    pub(super) fn number(
        &mut self,
        key: &Key,
        expected: &str,
        error: fn(String) -> ValueError,
        value: TomlValue<'_, '_>,
    ) -> Option<u32> {
        let DeValue::Integer(written) = value.get_ref() else {
            self.wrong_type(key, expected, value);
            return None;
        };
        let number = u32::from_str_radix(written.as_str(), written.radix()).ok();
        if number.is_none() {
            self.invalid(&value.span(), key, &error(written.to_string()));
        }
        number
    }

    /// A list of strings that core checks one by one.
    pub(super) fn list(
        &mut self,
        key: &Key,
        element_key: fn(usize) -> Key,
        expected: &str,
        value: TomlValue<'_, '_>,
        to: &mut Vec<String>,
    ) {
        let Some(strings) = self.strings(key, expected, value) else { return };
        to.clear();
        for (index, element) in strings.into_iter().enumerate() {
            // An empty text keeps the place of an element that is no string. Without a position, core's
            // fault of it is not shown.
            to.push(element.map_or_else(String::new, |(text, span)| {
                self.place(element_key(index), Part::Value, span);
                text
            }));
        }
    }

    /// The strings of a list with their positions, and `None` for each element that is no string.
    pub(super) fn strings(
        &mut self,
        path: &dyn Display,
        expected: &str,
        value: TomlValue<'_, '_>,
    ) -> Option<Vec<Option<Text>>> {
        let expected = format!("a list of {expected}");
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong_type(path, &expected, value);
            return None;
        };
        let mut strings = Vec::with_capacity(list.len());
        for (index, element) in list.iter().enumerate() {
            let text = element.get_ref().as_str();
            if text.is_none() {
                self.wrong_type(&format_args!("{path}[{index}]"), &expected, element);
            }
            strings.push(text.map(|text| (text.to_owned(), element.span())));
        }
        Some(strings)
    }

    pub(super) fn table<'a, 'i>(
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

    /// Remembers the position of a value that core checks.
    pub(super) fn place(&mut self, key: Key, part: Part, span: Range<usize>) {
        self.spans.insert((key, part), span);
    }

    pub(super) fn unknown(&mut self, key: TomlKey<'_, '_>, table: &str, allowed: &[&str]) {
        let message =
            format!("unknown key {:?} {table}; allowed: {}", key.get_ref(), allowed.join(", "));
        self.fault(&key.span(), message);
    }

    pub(super) fn wrong_type(
        &mut self,
        path: &dyn Display,
        expected: &str,
        value: TomlValue<'_, '_>,
    ) {
        let found = value.get_ref().type_str();
        self.fault(&value.span(), format!("{path} is of type {found}; allowed: {expected}"));
    }

    pub(super) fn invalid(&mut self, span: &Range<usize>, path: &dyn Display, error: &ValueError) {
        self.fault(span, format!("{path} {error}"));
    }

    pub(super) fn fault(&mut self, span: &Range<usize>, message: String) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        self.faults.push(Fault { file: self.file.to_owned(), line, column, message });
    }
}
