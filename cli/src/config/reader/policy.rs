//! What events mean for access: `[policy]` and `[purchases]`.

use tierlift_core::{
    config::{Key, ValueError},
    policy::{Access, OnDispute, PastDue, PauseCollection, PolicyConfig, Stack, UnmappedPrice},
};
use toml::de::DeTable;

use super::{Part, Reader, values::TomlValue};
use crate::config::{PAUSE_COLLECTION_KEYS, POLICY_KEYS, PURCHASES_KEYS};

const PAUSE_COLLECTION: &str =
    "\"keep\" or \"revoke\", or a table such as { mark_uncollectible = \"revoke\" }";

impl Reader<'_> {
    pub(super) fn policy(&mut self, value: TomlValue<'_, '_>, to: &mut PolicyConfig) {
        let Some(table) = self.table(&Key::Policy, "past_due = \"keep\"", value) else { return };
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "past_due" => {
                    self.text(&Key::PastDue, PastDue::FORMAT, value, &mut to.past_due);
                }
                "grace_days" => self.grace_days(value, &mut to.grace_days),
                "unmapped_price" => {
                    let format = UnmappedPrice::FORMAT;
                    self.text(&Key::UnmappedPrice, format, value, &mut to.unmapped_price);
                }
                "ignore_prices" => self.ignore_prices(value, &mut to.ignore_prices),
                "pause_collection" => self.pause_collection(value, &mut to.pause_collection),
                "refund" => {
                    let refund = &mut to.subscription_reversal.refund;
                    self.text(&Key::Refund, Access::FORMAT, value, refund);
                }
                "dispute" => {
                    let dispute = &mut to.subscription_reversal.dispute;
                    self.text(&Key::Dispute, OnDispute::FORMAT, value, dispute);
                }
                _ => self.unknown(name, "in [policy]", POLICY_KEYS),
            }
        }
    }

    pub(super) fn purchases(&mut self, value: TomlValue<'_, '_>, to: &mut PolicyConfig) {
        let Some(table) = self.table(&Key::Purchases, "refund = \"revoke\"", value) else { return };
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "refund" => {
                    let refund = &mut to.purchase_reversal.refund;
                    self.text(&Key::PurchaseRefund, Access::FORMAT, value, refund);
                }
                "dispute" => {
                    let dispute = &mut to.purchase_reversal.dispute;
                    self.text(&Key::PurchaseDispute, OnDispute::FORMAT, value, dispute);
                }
                "stack" => self.text(&Key::Stack, Stack::FORMAT, value, &mut to.stack),
                _ => self.unknown(name, "in [purchases]", PURCHASES_KEYS),
            }
        }
    }

    fn grace_days(&mut self, value: TomlValue<'_, '_>, to: &mut u32) {
        let key = Key::GraceDays;
        if let Some(days) = self.days(&key, &key, ValueError::GraceDays, value) {
            *to = days;
            self.place(key, Part::Value, value.span());
        }
    }

    fn ignore_prices(&mut self, value: TomlValue<'_, '_>, to: &mut Vec<String>) {
        let expected = "price ids, product ids and lookup keys";
        let prices = self.strings(&Key::IgnorePrices, expected, value).unwrap_or_default();
        *to = prices.into_iter().flatten().map(|(price, _)| price).collect();
    }

    /// One word for all behaviors, or a table with one for each. Those that it leaves out keep access.
    fn pause_collection(&mut self, value: TomlValue<'_, '_>, to: &mut PauseCollection) {
        if let Some(table) = value.get_ref().as_table() {
            return self.pause_behaviors(table, to);
        }
        let mut access = Access::Keep;
        self.text(&Key::PauseCollection, PAUSE_COLLECTION, value, &mut access);
        *to = PauseCollection::all(access);
    }

    fn pause_behaviors(&mut self, table: &DeTable<'_>, to: &mut PauseCollection) {
        *to = PauseCollection::all(Access::Keep);
        for (name, value) in table {
            let behavior = name.get_ref().as_ref();
            let access = match behavior {
                "keep_as_draft" => &mut to.keep_as_draft,
                "mark_uncollectible" => &mut to.mark_uncollectible,
                "void" => &mut to.void,
                _ => {
                    let table = format!("in {}", Key::PauseCollection);
                    self.unknown(name, &table, PAUSE_COLLECTION_KEYS);
                    continue;
                }
            };
            let path = format_args!("{}.{behavior}", Key::PauseCollection);
            self.text(&path, Access::FORMAT, value, access);
        }
    }
}
