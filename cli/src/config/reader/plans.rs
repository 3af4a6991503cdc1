//! What can be bought, and what it brings: `[plans]` and `[features]`.

use std::{fmt::Display, ops::Range};

use tierlift_core::{
    config::{Key, ValueError},
    policy::PlanConfig,
};
use toml::de::{DeTable, DeValue};

use super::{
    Part, Reader,
    values::{Text, TomlKey, TomlValue},
};
use crate::config::PLAN_KEYS;

const ROLE: &str = "the name of a role";
const PLAN: &str = "the name of a role, or a table such as { role = \"paid\", days = 30 }";

impl Reader<'_> {
    pub(super) fn plans(&mut self, value: TomlValue<'_, '_>, to: &mut Vec<PlanConfig>) {
        let Some(table) = self.table(&Key::Plans, "price_pro = \"paid\"", value) else { return };
        for (name, value) in table {
            // Without a role that could be read, the plan has no position for one, and what core says
            // about the role is not shown.
            let mut plan = PlanConfig::new(name.get_ref(), "");
            let key = Key::Plan(plan.key.clone());
            match value.get_ref().as_table() {
                Some(table) => self.plan(&key, &value.span(), table, &mut plan),
                None => self.plan_role(&key, PLAN, value, &mut plan),
            }
            to.push(plan);
        }
    }

    fn plan(&mut self, key: &Key, span: &Range<usize>, table: &DeTable<'_>, to: &mut PlanConfig) {
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "role" => self.plan_role(&format_args!("{key}.role"), ROLE, value, to),
                "days" => {
                    let path = format_args!("{key}.days");
                    to.days = self.days(&path, key, ValueError::PlanDays, value);
                    self.place(key.clone(), Part::Days, value.span());
                }
                _ => self.unknown(name, &format!("in {key}"), PLAN_KEYS),
            }
        }
        if !table.contains_key("role") {
            self.fault(span, format!("{key} has no role; allowed: {PLAN}"));
        }
    }

    fn plan_role(
        &mut self,
        path: &dyn Display,
        expected: &str,
        value: TomlValue<'_, '_>,
        to: &mut PlanConfig,
    ) {
        let DeValue::String(role) = value.get_ref() else {
            return self.wrong_type(path, expected, value);
        };
        to.role = role.to_string();
        self.place(Key::Plan(to.key.clone()), Part::Value, value.span());
    }

    pub(super) fn features(
        &mut self,
        value: TomlValue<'_, '_>,
        to: &mut Vec<(String, Vec<String>)>,
    ) {
        let example = "paid = [\"export\"]";
        let Some(table) = self.table(&Key::AllFeatures, example, value) else { return };
        for (role, value) in table {
            to.push((role.get_ref().to_string(), self.features_of_role(role, value)));
        }
    }

    fn features_of_role(&mut self, role: TomlKey<'_, '_>, value: TomlValue<'_, '_>) -> Vec<String> {
        let key = Key::Features(role.get_ref().to_string());
        self.place(key.clone(), Part::Name, role.span());
        self.place(key.clone(), Part::Value, value.span());
        let features = self.strings(&key, "feature names", value).unwrap_or_default();
        let place = |(name, span): Text| {
            let part = Part::Feature(name.clone());
            self.spans.entry((key.clone(), part)).or_insert(span);
            name
        };
        features.into_iter().flatten().map(place).collect()
    }
}
